"""Runs: which chain used which artefacts. One small JSON file a run, next to the store.

They tell what a run came to, and they are what ``compress store gc`` goes by: an artefact that none
of the runs kept has used is garbage.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from compress.errors import StoreError
from compress.kept import keep
from compress.records import Record


class RunStage(Record):
    """One stage of a run, written as soon as its key is known; ``digest`` follows when it is there."""

    stage: str
    key: str
    digest: str | None = None
    reused: bool = False
    wall_s: float | None = None


class RunRecord(Record):
    """One run. ``state`` stays ``running`` if the process was killed."""

    id: str
    created: str
    recipe: str
    target: str
    data: str
    state: Literal["running", "done", "stopped"]
    stages: tuple[RunStage, ...] = ()

    @property
    def file_name(self) -> str:
        return f"{self.id}.json"


def begin(recipe: str, target: str, data: str) -> RunRecord:
    """A new record; ids sort by time."""
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S}-{now.microsecond:06d}{secrets.token_hex(2)}"
    return RunRecord(id=name, created=now.isoformat(), recipe=recipe, target=target, data=data, state="running")


def save(record: RunRecord, folder: Path) -> None:
    """Write or replace the record, whole or not at all. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    spare = folder / f".{record.file_name}.{os.getpid()}"
    try:
        record.write(spare)
        keep(spare, folder / record.file_name)
    finally:
        spare.unlink(missing_ok=True)


def load_all(folder: Path) -> tuple[RunRecord, ...]:
    """All records, oldest first. Raises StoreError for one that can't be read: guessing would lose artefacts."""
    records = []
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            records.append(RunRecord.read(path))
        except (ValidationError, OSError) as error:
            raise StoreError(f"{path} is not a run record, or can't be read; remove it and try again") from error
    return tuple(records)
