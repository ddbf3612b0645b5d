"""A chain of toy stages that needs no network: bytes made by repeated hashing, resumable like training.

Run as a script it is one process of the kill and race tests: ``toy_chain.py STORE LOG [--paced]``.
Paced, it prints a line for each event and waits for an answer, so that a test can stop it anywhere.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from compress import flow, ranks
from compress.artefacts import FloatNet, Student, Teacher, Verdict
from compress.schema import Section, Seed
from compress.stage import Chain, Progress, Stage, stage
from compress.store.store import Store


class TeacherToy(Section):
    text: str = "teacher"


class StudentToy(Section):
    rounds: int = 6
    log: str = ""

    def identity(self) -> dict[str, object]:
        return {"rounds": self.rounds}


class LimitToy(Section):
    limit: int = 1


def _note(log: str, line: str) -> None:
    """Leave a trace outside the store: who really ran."""
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def _hashed(value: bytes, rounds: int) -> bytes:
    for _ in range(rounds):
        value = hashlib.sha256(value).digest()
    return value


@stage(gives=Teacher, version=1)
def source(spec: TeacherToy, out: Path) -> None:
    (out / "net.safetensors").write_bytes(_hashed(spec.text.encode(), 10))


@stage(gives=Student, version=1, environment=("pydantic",))
def work(teacher: Teacher, spec: StudentToy, seed: Seed, out: Path, scratch: Path, progress: Progress) -> None:
    """One hash a round on top of the last, the state kept in scratch after each."""
    _note(spec.log, f"work {os.getpid()}")
    if ranks.are_many() and "TOY_ALONE" not in os.environ:  # as a training; else as a stage that only resumes
        ranks.group_of(scratch.name)
    kept = scratch / "state"
    state, begun = teacher.weights.read_bytes() + bytes([seed.seed]), 0
    if kept.is_file():
        raw = kept.read_bytes()
        begun, state = raw[0], raw[1:]
        _note(spec.log, f"resumed {begun}")
    for done in range(begun, spec.rounds):
        progress.update(done, spec.rounds)
        state = _hashed(state, 2000)
        if os.environ.get("RANK", "0") == "0":
            spare = kept.with_suffix(".new")
            spare.write_bytes(bytes([done + 1]) + state)
            os.replace(spare, kept)
    (out / "parts").mkdir()
    (out / "parts" / "half.bin").write_bytes(state[:16])
    (out / "net.safetensors").write_bytes(state)


@stage(gives=Verdict, version=1)
def limit(net: FloatNet, other: Verdict | None, spec: LimitToy, out: Path) -> None:
    assert other is None
    (out / "verdict.json").write_text(f"{net.weights.read_bytes()[0] * spec.limit}\n")


@stage(gives=Verdict, version=1)
def wrap(chain: Chain, out: Path) -> None:
    (out / "verdict.json").write_text("\n".join(f"{link.stage} {link.digest}" for link in chain))


TOYS = {made.name: made for made in (source, work, limit, wrap)}


def load(name: str) -> Stage:
    return TOYS[name]


@dataclass(frozen=True)
class ToyPlan:
    """What ``flow`` needs of a plan, with toy sections."""

    stages: tuple[str, ...] = ("source", "work", "limit", "wrap")
    parts: tuple[Section, ...] = (TeacherToy(), StudentToy(), LimitToy(), Seed(seed=3))
    recipe_name: str = "toy"
    target_name: str = "here"
    data_name: str = "none"

    @property
    def sections(self) -> dict[type[Section], Section]:
        return {type(part): part for part in self.parts}

    def having(self, *changed: Section) -> ToyPlan:
        return ToyPlan(self.stages, tuple({**self.sections, **{type(part): part for part in changed}}.values()))


class Paced:
    """An observer and progress that prints each event and waits for a line before it goes on."""

    def _event(self, line: str) -> None:
        print(line, flush=True)
        if not sys.stdin.readline():
            os._exit(9)

    def started(self, stage: str, place: int, count: int) -> Progress:
        self._event(f"started {stage}")
        return self

    def finished(self, outcome: flow.StageOutcome, place: int, count: int) -> None:
        self._event(f"finished {outcome.name}")

    def update(self, done: float, total: float, note: str = "") -> None:
        self._event(f"update {done}")

    def say(self, line: str) -> None:
        self._event(f"say {line}")


def main(store: str, log: str, paced: bool) -> None:
    plan = ToyPlan().having(StudentToy(log=log))
    result = flow.run(plan, Store(Path(store)), Paced() if paced else None, load)
    print("result " + " ".join(f"{one.name}:{one.artefact.digest}:{one.reused}" for one in result.outcomes), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--paced" in sys.argv)
