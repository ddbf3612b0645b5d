"""The study: what is tried next, by Optuna, and what was tried, on the disk.

    FOLDER/trials.log       Optuna's journal (its dashboard reads it): a finished trial is one line, written at once
    FOLDER/reference/       the recipe's own build, which candidates are timed against
    FOLDER/guides/          what the teacher said, while candidates are trained
    FOLDER/full-N.json      a full run; search.json, pareto.svg, winner.yaml: what came of it

A trial is in the journal once it is finished, so one that was cut off never happened and is suggested again: each
suggestion has a random state of its own, made of the seed and the number of finished trials.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import Busy
from compress.plan import Plan
from compress.schema import DataSpec, Names, PackageSpec, SearchSpec, Slices, ValidateSpec
from compress.search.bits import Bits
from compress.search.records import Reference, Trial
from compress.search.space import Point, Space, name_of

if TYPE_CHECKING:
    import optuna

_VERSION = 1
_STARTUP = 8
"""Points drawn at random before Optuna models them (Tree-structured Parzen Estimator, Bergstra et al., NIPS 2011)."""
_REPEATS = 100
_KEEP = 3
"""Successive halving (Li et al., MLSys 2020, the asynchronous one) keeps one of so many after each round."""
_RECORD, _REFERENCE = "record", "reference"
_NOT_BINDING = ("trials", "timeout_min", "full")
_ELSEWHERE = (Names, PackageSpec, Slices, ValidateSpec)
"""Sections that change neither what is suggested nor what a trial comes to."""


def study_digest(plan: Plan) -> str:
    """What a study is bound to: recipe, target with its machine, pictures, space and versions. SHA-256, hex."""
    from compress.data.source import data_identity
    from compress.stages import load_stage
    from compress.step import versions_of
    from compress.store.digests import digest_of

    sections = {type(part).__name__: part for kind, part in plan.sections.items() if kind not in _ELSEWHERE}
    stages = [load_stage(name) for name in plan.stages if name != "package"]
    spec = plan.recipe.search
    left_out = {*_NOT_BINDING, *(() if spec.bits else ("bits",))}  # so a study from before there were these goes on
    return digest_of(
        {
            "version": _VERSION, "optuna": versions_of(("optuna",)),
            "search": spec.model_dump(mode="json", exclude=left_out),
            "stages": [[stage.name, stage.version, versions_of(stage.environment)] for stage in stages],
            "sections": {
                name: data_identity(part) if isinstance(part, DataSpec) else part.identity()
                for name, part in sections.items()
            },
        }
    )  # fmt: skip


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep the study's folder, which is made, for this process. Raises Busy."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Busy(f"another process searches in {folder}; wait for it or end it") from None
    try:
        yield
    finally:
        lock.release()


class Open:
    """A trial under way; nothing of it is on the disk."""

    def __init__(self, memory: optuna.Study, trial: optuna.Trial, point: Point, number: int, clear_db: float) -> None:
        self._memory, self._trial, self._clear_db = memory, trial, clear_db
        self.point, self.number = point, number

    def round(self, place: int, psnr_db: float) -> bool:
        """Tell what came of round ``place`` (from 0); whether to give up: by Optuna, and clearly below the best."""
        step = _KEEP**place
        earlier = [t.intermediate_values[step] for t in self._memory.trials if step in t.intermediate_values]
        self._trial.report(psnr_db, step)
        worse = self._trial.should_prune()
        return worse and psnr_db < max(earlier, default=psnr_db) - self._clear_db

    def close(self, record: Trial, excess: dict[str, float]) -> optuna.trial.FrozenTrial:
        """``excess``: by budget how far beyond it the candidate is, as a share of it; at most 0 where it holds."""
        from optuna.trial import TrialState

        for name, share in excess.items():
            self._trial.set_constraint(name, share)
        self._trial.set_user_attr(_RECORD, record.model_dump(mode="json"))
        if record.state == "trained":
            return self._memory.tell(self._trial, record.psnr_db[-1])
        return self._memory.tell(self._trial, state=TrialState.PRUNED)


class Study:
    """The finished trials of a study in ``folder``; call with the folder ``held``."""

    def __init__(self, folder: Path, spec: SearchSpec, bits: Bits | None = None) -> None:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.folder, self._spec, self._space = folder, spec, Space.of(spec, bits)
        log = folder / "trials.log"
        _mend(log)
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(log))), study_name=folder.name, load_if_exists=True,
            direction="maximize",
        )  # fmt: skip

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(Trial.model_validate(each.user_attrs[_RECORD]) for each in self._study.trials)

    @property
    def reference(self) -> Reference | None:
        found = self._study.user_attrs.get(_REFERENCE)
        return None if found is None else Reference.model_validate(found)

    def keep_reference(self, reference: Reference) -> None:
        self._study.set_user_attr(_REFERENCE, reference.model_dump(mode="json"))

    def next(self) -> Open | None:
        """What to try after the finished trials; None where there is nothing left."""
        import optuna

        done = self._study.trials
        sampler = optuna.samplers.TPESampler(seed=_seed(self._spec.seed, len(done)), n_startup_trials=_STARTUP)
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_KEEP)
        memory = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        memory.add_trials(done)
        tried = {name_of(Trial.model_validate(each.user_attrs[_RECORD]).point) for each in done}
        for _ in range(_REPEATS):
            trial = memory.ask()
            point = self._space.ask(trial)
            if name_of(point) not in tried:
                return Open(memory, trial, point, len(done), self._spec.clearly_worse_db)
            memory.tell(trial, state=optuna.trial.TrialState.FAIL)
        left = self._space.untried(tried)
        if left is None:
            return None
        memory.enqueue_trial(self._space.parameters(left))
        trial = memory.ask()
        return Open(memory, trial, self._space.ask(trial), len(done), self._spec.clearly_worse_db)

    def add(self, finished: Any) -> None:
        """Put a finished trial on the disk, whole."""
        self._study.add_trial(finished)


def _mend(log: Path) -> None:
    """Drop a last line that was cut off, and the journal's own lock: whoever left them is dead, the folder is ours."""
    log.with_name(log.name + ".lock").unlink(missing_ok=True)
    if not log.exists():
        return
    text = log.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        with log.open("r+b") as file:
            file.truncate(len(whole))


def _seed(seed: int, number: int) -> int:
    """A state for each suggestion, far from its neighbours'."""
    import numpy as np

    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
