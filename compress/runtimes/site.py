"""Where builds are timed: this machine or a board, under which conditions, and how they are run there."""

from __future__ import annotations

from dataclasses import dataclass

from compress.devices.conditions import NO_CONDITIONS, Conditions
from compress.records import Build, RuntimeName
from compress.runtimes import open_runtime, runs_here
from compress.runtimes.base import RunOptions
from compress.runtimes.on_board import Board


@dataclass(frozen=True)
class Site:
    """``board`` None: this machine, under the conditions ``here``. ``runtime``: the device's own, whose float layers
    compute in ``options.float_precision``; None where nobody says. ``absent``: why there is no device to time on."""

    board: Board | None = None
    here: Conditions = NO_CONDITIONS
    options: RunOptions = RunOptions()
    runtime: RuntimeName | None = None
    absent: str | None = None

    @property
    def conditions(self) -> Conditions:
        return self.here if self.board is None else self.board.conditions

    def options_for(self, build: Build) -> RunOptions:
        """How ``build`` is run on this machine: only OpenVINO takes its precision there."""
        precise = build.runtime == self.runtime == "openvino"
        return RunOptions(self.options.threads, self.options.float_precision if precise else "f32").of(build)

    def times(self, build: Build) -> bool:
        """Whether ``build`` can be timed there: on a board, what is of fixed size and for its own runtime."""
        if self.absent is not None:
            return False
        if self.board is None or self.runtime is None:
            known = runs_here(build.runtime) and not open_runtime(build.runtime).simulates
            return known and (self.board is None or build.height is not None)
        return build.height is not None and build.runtime == self.runtime

    def is_at(self, device: str) -> bool:
        """Whether figures of ``device``, as reports name it, were taken here."""
        return device.startswith("local, " if self.board is None else f"{self.board.host}, ")
