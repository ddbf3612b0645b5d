"""The record that a run keeps of itself while it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress import ranks
from compress.store import runs
from compress.store.store import Store
from compress.wiring import ChainPlan

if TYPE_CHECKING:
    from compress.flow import Observer, StageOutcome


class RunLog:
    """Keeps the run's record up to date, so that gc knows what is in use; a run goes on without it."""

    def __init__(self, plan: ChainPlan, store: Store, watcher: Observer) -> None:
        self._folder = store.runs_folder
        self._watcher = watcher
        self._record = runs.begin(plan.recipe_name, plan.target_name, plan.data_name)
        self.path: Path | None = None if ranks.is_follower() else self._folder / self._record.file_name

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._save(self._record.model_copy(update={"state": "done" if kind is None else "stopped"}))

    def reached(self, stage: str, key: str) -> None:
        """The key of the next stage is known, and in use from now on."""
        entry = runs.RunStage(stage=stage, key=key)
        self._save(self._record.model_copy(update={"stages": (*self._record.stages, entry)}))

    def passed(self, outcome: StageOutcome) -> None:
        """The stage that was reached last has its artefact."""
        entry = runs.RunStage(
            stage=outcome.name,
            key=outcome.key,
            digest=outcome.artefact.digest,
            reused=outcome.reused,
            wall_s=outcome.wall_s,
        )
        self._save(self._record.model_copy(update={"stages": (*self._record.stages[:-1], entry)}))

    def _save(self, record: runs.RunRecord) -> None:
        self._record = record
        if self.path is None:
            return
        try:
            runs.save(record, self._folder)
        except OSError as error:
            self.path = None
            self._watcher.say(f"this run is not recorded in {self._folder}: {error.strerror or error}")
