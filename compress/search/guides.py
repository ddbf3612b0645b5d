"""The teacher is asked once about each training picture, however many candidates learn from its answers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

from compress.artefacts import Teacher
from compress.data.source import data_identity
from compress.kept import keep
from compress.schema import DataSpec, DistillSpec
from compress.stage import Stage
from compress.stages import load_stage
from compress.step import versions_of
from compress.store.digests import digest_of
from compress.store.sources import sources_digest
from compress.wiring import LoadStage, without_none

_LISTENING = "distill"
"""The one stage that takes hints; the others learn from the teacher's picture alone."""


def sharing_guides(folder: Path) -> LoadStage:
    """Stages as they are, but that what the teacher said is kept in ``folder`` for all of them.

    A stage finds its answers in its scratch (``training.guide``), whatever wrote them there: same teacher, pictures,
    hints and code, same files. So its result is the one that it would have without.
    """

    def load(name: str) -> Stage:
        found = load_stage(name)
        kinds = {parameter: without_none(annotation)[0] for parameter, annotation in found.parameters.items()}
        names = {kind: parameter for parameter, kind in kinds.items()}
        if "scratch" not in kinds or not {Teacher, DistillSpec, DataSpec} <= set(names):
            return found
        return replace(found, function=_sharing(found, names, folder))

    return load


def _sharing(stage: Stage, names: dict[Any, str], folder: Path) -> Callable[..., None]:
    @wraps(stage.function)
    def function(**given: Any) -> None:  # the stage's own parameters, whatever they are
        teacher, spec = given[names[Teacher]], given[names[DistillSpec]]
        if teacher is not None:
            hints = [hint.model_dump(mode="json") for hint in spec.hints] if stage.name == _LISTENING else []
            asked = {
                "teacher": teacher.digest, "data": data_identity(given[names[DataSpec]]), "hints": hints,
                "versions": versions_of(("torch", "numpy")), "code": sources_digest("compress.training.guide"),
            }  # fmt: skip
            shared, own = folder / digest_of(asked)[:16], Path(given["scratch"]) / "guide"
            _share(shared, own)
            stage.function(**given)
            _share(own, shared)
        else:
            stage.function(**given)

    return function


def _share(here: Path, there: Path) -> None:
    """Give the whole files of one folder to the other as well, without a second copy where the disk can."""
    if not here.is_dir():
        return
    there.mkdir(parents=True, exist_ok=True)
    for path in here.glob("*.npy"):
        place = there / path.name
        if path.name.endswith(".part.npy") or place.exists():
            continue
        try:
            os.link(path, place)
        except OSError:
            spare = place.with_suffix(".part.npy")
            shutil.copyfile(path, spare)
            keep(spare, place)
