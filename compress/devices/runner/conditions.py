"""What a measurement wants of this machine: set right, waited for, and held against what is found.

Nothing is changed but by the commands that the job lists.
"""

from __future__ import annotations

import subprocess
import time
from typing import Any, Callable, Dict, Mapping, NamedTuple

from .fingerprint import fingerprint
from .hardware import hottest_c

_SETUP_S = 120.0
_LOOK_S = 5.0

Facts = Dict[str, str]


class SetupFailed(Exception):
    """A command that should set the machine right did not."""


def set_up(commands: list[list[str]]) -> None:
    """Run each command, without a shell. Raises SetupFailed with what the first one that fails says."""
    for words in commands:
        shown = " ".join(words)
        try:
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_SETUP_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SetupFailed(f"setup '{shown}': {error}") from None
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise SetupFailed(f"setup '{shown}' ended with {done.returncode}: {said[0]}")


def cool_down(wanted: Mapping[str, Any], temperature_c: Callable[[], float | None], say: Callable[[str], None]) -> None:
    """Wait until the machine is as cool as wanted, for as long as wanted; ``unmet`` tells whether it became so."""
    limit = wanted.get("start_below_c")
    until = time.monotonic() + wanted.get("cool_wait_s", 0.0)
    while limit is not None:
        found = temperature_c()
        left = until - time.monotonic()
        if found is None or found <= limit or left <= 0:
            return
        say(f"waits to cool down from {found:.1f} to {limit:g} degrees C")
        time.sleep(min(_LOOK_S, max(left, 0.01)))


class Taken(NamedTuple):
    """What was measured, None where it was not begun; the facts before and after; a line for each one not as wanted."""

    value: Any
    before: Facts
    after: Facts
    lacking: list[str]


def measured_under(
    wanted: Mapping[str, Any], pins: list[dict[str, Any]], measure: Callable[[], Any], say: Callable[[str], None]
) -> Taken:
    """Wait until the machine is cool, hold it against what is asked of it, measure, and hold it against that again."""
    cool_down(wanted, hottest_c, say)
    before = fingerprint()
    lacking = unmet(pins, before) + too_warm(wanted, before)
    if lacking:
        return Taken(None, before, before, lacking)
    value = measure()
    after = fingerprint()
    return Taken(value, before, after, unmet(pins, before, after) + unsteady(wanted["steady"], before, after))


def lacking_facts(wanted: Mapping[str, Any], before: Facts, after: Facts) -> list[str]:
    """A line for each fact of a measurement that was made before, and is not as wanted."""
    pins = wanted["pins"] + wanted["sdk"]
    return unmet(pins, before, after) + too_warm(wanted, before) + unsteady(wanted["steady"], before, after)


def unmet(wanted: list[dict[str, Any]], before: Facts, after: Facts | None = None) -> list[str]:
    """A line for each fact that is not as wanted, before a measurement or after it."""
    lines = []
    for pin in wanted:
        for when, facts in (("", before), (" after it", before if after is None else after)):
            found = facts.get(pin["fact"], "")
            if not _meets(found, pin["value"], pin.get("among", False)):
                lines.append("{} wanted {}, found {}{}".format(pin["fact"], pin["value"], found or "nothing", when))
                break
    return lines


def too_warm(wanted: Mapping[str, Any], before: Facts) -> list[str]:
    """A line where the machine was warmer at the start than wanted, or tells no temperature."""
    limit, found = wanted.get("start_below_c"), before.get("temperature_c")
    if limit is None or (found is not None and float(found) <= limit):
        return []
    return [f"temperature_c wanted at most {limit:g} at the start, found {found or 'nothing'}"]


def unsteady(names: list[str], before: Facts, after: Facts) -> list[str]:
    """A line for each fact that changed, or came or went, while it was measured."""
    return [
        "{} wanted steady, found {} before and {} after".format(
            name, before.get(name, "nothing"), after.get(name, "nothing")
        )
        for name in names
        if before.get(name) != after.get(name)
    ]


def _meets(found: str, value: str, among: bool) -> bool:
    return value in found.split() if among else found == value or found.startswith(value + ".")
