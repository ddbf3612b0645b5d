"""This machine as a device: one measurement at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from compress.devices.conditions import Conditions
from compress.devices.runner.conditions import SetupFailed, measured_under, set_up
from compress.devices.runner.fingerprint import with_changes
from compress.devices.runner.lock import Held, held, lock_folder
from compress.errors import Busy, DeviceError

T = TypeVar("T")


@dataclass(frozen=True)
class Measured(Generic[T]):
    """What came of it, and the machine before and after. ``value``: None where ``unmet`` says what is not as wanted."""

    value: T | None
    fingerprint: dict[str, str]
    unmet: tuple[str, ...]


@contextmanager
def exclusive(wait_s: float = 600.0, folder: Path | None = None) -> Iterator[None]:
    """Hold this machine for one measurement; others wait, as do those that reach it as a board.

    Raises Busy after ``wait_s``, naming the holder.
    """
    try:
        with held(wait_s, lambda _: None, folder or lock_folder()):
            yield
    except Held as error:
        raise Busy(f"this machine is {error}") from None


def measured(conditions: Conditions, measure: Callable[[], T], say: Callable[[str], None]) -> Measured[T]:
    """Hold this machine, see that it is as ``conditions`` want it, before and after, and measure.

    Raises Busy, and DeviceError for a command of theirs that fails.
    """
    wanted = conditions.model_dump(mode="json")
    pins = wanted["pins"] + wanted["sdk"]
    with exclusive():
        try:
            set_up(wanted["setup"])
        except SetupFailed as error:
            raise DeviceError(f"this machine: {error}; correct target.device.conditions") from None
        taken = measured_under(wanted, pins, measure, say)
    value = None if taken.lacking else taken.value
    return Measured(value, with_changes(taken.before, taken.after), tuple(taken.lacking))
