"""``scaling.json``: what more processes bring, on one machine."""

from __future__ import annotations

from compress.records import Record


class Training(Record):
    """The same training by ``processes`` processes of ``threads`` threads each, in seconds of its stage, each round."""

    processes: int
    threads: int
    wall_s: tuple[float, ...]


class Commands(Record):
    """The same points without a cluster, shared out among ``count`` commands side by side, each round: what the cores
    allow."""

    count: int
    wall_s: tuple[float, ...]


class Points(Record):
    """The same points on ``workers`` workers, each round; ``killed``: a node was killed in the middle.

    ``same``: every artefact has the digest that one worker's has.
    """

    workers: int
    killed: bool
    wall_s: tuple[float, ...]
    same: bool


class ScalingFile(Record):
    """All rows of one run. ``load``: of the machine before it, by the kernel's average over a minute."""

    command: str
    commit: str
    machine: str
    cores: int
    load: float
    steps: int
    points: int
    trainings: tuple[Training, ...]
    commands: tuple[Commands, ...] = ()
    runs: tuple[Points, ...]
