"""The chains that are disturbed: the whole product in small, so that a round takes seconds."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from growing.commit import ROOT

WORDS = ("recipe=tiny", "data.size=[64,96]", "data.copies=2", "target.export.size=[64,96]")
OFTEN = tuple(f"{section}.train.checkpoint_every_s=0.01" for section in ("distill", "prune", "quantize"))
"""So that a training of a second has something to go on from."""
TRAINED, MEASURED, SIGNED = ("teacher", "distill", "prune", "quantize", "export"), ("validate",), ("gate", "package")
WHOLE = "whole chain"
RANKS = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "compress")


@dataclass(frozen=True)
class Chain:
    """A command, and those of its stages in which it is disturbed. ``behind``: words behind those of the plan."""

    name: str
    target: str
    stages: tuple[str, ...]
    disturbed: tuple[str, ...]
    program: tuple[str, ...] = (sys.executable, "-m", "compress")
    behind: tuple[str, ...] = ()

    def command(self, store: Path, last: str) -> list[str]:
        """It runs up to the stage ``last``; to its end for ``WHOLE``."""
        stages = self.stages if last == WHOLE else self.stages[: self.stages.index(last) + 1]
        plan = (*WORDS, *OFTEN, f"target={self.target}", f"stages=[{','.join(stages)}]")
        return [*self.program, "run", *plan, "--store", str(store), *self.behind]


_ALL = (*TRAINED, *MEASURED, *SIGNED)
PLAIN = Chain("plain", "x86_edge", _ALL, (*_ALL, WHOLE))
CONVERTER = Chain("converter", "imx8mp", TRAINED, ("export",))
"""Its export starts a converter in an environment of its own."""
TWO_RANKS = Chain("two processes", "x86_edge", TRAINED[:4], TRAINED[1:4], RANKS)
CLUSTER = Chain("cluster", "x86_edge", _ALL, _ALL[:-1], behind=("--on", "ray://auto"))


@dataclass(frozen=True)
class Surroundings:
    """Where a command of a round runs; ``token`` is in the environment of everything it starts, ``more`` beside it."""

    folder: Path
    token: str
    more: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def environment(self) -> dict[str, str]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        mine = {
            "COMPRESS_HOME": str(self.home),
            "COMPRESS_CACHE": str(self.folder / "cache"),
            "TMPDIR": str(temporary),
            "PYTHONPATH": path,
            MARK: self.token,
        }
        return {**os.environ, "OMP_NUM_THREADS": "1", **mine, **self.more}


MARK = "COMPRESS_KILL_ROUND"
