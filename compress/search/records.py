"""What a search found, typed: one record a trial, and ``search.json`` over all of them.

Quality is mean PSNR on the validation split through the network in torch as it was quantized; the test split is looked
at by the full runs alone. Milliseconds are the median ratio to the recipe's own build, which runs in the same rounds,
times what that build took when the search began: what else the machine does meanwhile moves both.
"""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from compress.records import Record

State = Literal["over budget", "refused", "given up", "trained"]
"""over budget: not trained; refused: it can't be made; given up: clearly worse than others after a round."""


class Setting(Record):
    """One setting of a candidate."""

    key: str
    value: JsonValue


class Latency(Record):
    """p50 in ms, model only, one picture, with the ends of its 99 % interval; ``rounds`` in turn with the reference."""

    ms: float
    low_ms: float
    high_ms: float
    rounds: int


class Reference(Record):
    """The recipe's own candidate, untrained, which all others are timed against."""

    build: str
    p50_ms: float
    params: int
    size_bytes: int
    device: str
    fingerprint: dict[str, str]

    @property
    def busy(self) -> str:
        """In words, where more wanted to run on the machine than it has cores for; empty where not."""
        load, cores = self.fingerprint.get("load_average_1min", "0"), self.fingerprint.get("cores", "1")
        if float(load) <= int(cores):
            return ""
        return f"the machine was busy when the recipe's own build was timed (load {load} on {cores} cores)"


class Limit(Record):
    """A budget that a candidate is held against before it is trained."""

    name: str
    limit: float
    unit: str


class Trial(Record):
    """A candidate. ``latency``: of the untrained build, ``trained_latency``: after pruning by trained weights.

    ``psnr_db``: after each round of training that it had, by the order of ``SearchRecord.train_shares``.
    """

    number: int
    point: tuple[Setting, ...]
    state: State
    params: int | None = None
    size_bytes: int | None = None
    latency: Latency | None = None
    trained_latency: Latency | None = None
    psnr_db: tuple[float, ...] = ()
    seconds: float = 0.0
    note: str = ""

    @property
    def ms(self) -> float | None:
        """What is known best of its latency."""
        known = self.trained_latency or self.latency
        return None if known is None else known.ms


class FullRun(Record):
    """A candidate trained in full by the ordinary chain. ``note``: which budgets it breaks, or why it is no verdict."""

    number: int
    result: Literal["pass", "fail", "incomplete"]
    val_psnr_db: float
    p50_ms: float | None
    bundle: str | None
    note: str = ""


class SearchRecord(Record):
    """``search.json``."""

    recipe: str
    target: str
    data: str
    study: str
    objective: str
    seed: int
    train_shares: tuple[float, ...]
    limits: tuple[Limit, ...]
    reference: Reference
    trials: tuple[Trial, ...]
    pareto: tuple[int, ...]
    full: tuple[FullRun, ...]
    chosen: int | None
    command: str
    exhausted: bool
