"""Which student is quantized: the newest sealed run of a store, or one that is named, with its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from compress.errors import CompressError, UserError
from compress.parity.find import Found, find
from compress.schema import DataSpec
from compress.store.manifest import Manifest
from compress.store.store import Store


class NoStudent(UserError):
    """The store has no run that can be measured here."""


@dataclass(frozen=True)
class Student:
    """``weights``: the float network that became INT8; ``quantized``: the folder of its Quantized artefact.

    ``data``: the pictures; ``calibration_images``: training pictures that our own quantizer looked at.
    """

    title: str
    weights: Path
    weights_digest: str
    quantized: Path
    quantized_digest: str
    data: DataSpec
    data_digest: str
    calibration_images: int
    seed: int | None


def choose(store: Store, run: str | None, root: Path | None) -> Student:
    """The student of ``run`` (builds by name or folder), else of the newest run whose pictures are at hand.

    Where paired pictures lie is not recorded, so they need ``root``. Raises NoStudent, in one line; UserError for a
    run that isn't there.
    """
    words = [run] if run else [str(folder) for folder in _newest_first(store)]
    if not words:
        raise NoStudent(f"no run with builds in the store {store.root}; make one: make demo")
    reasons = []
    for word in words:
        try:
            (found,) = find((word,), store, None)
            return _student(found, root)
        except CompressError as error:
            if run:
                raise
            reasons.append(f"{Path(word).name}: {error}")
    raise NoStudent(f"no run in the store {store.root} can be measured here: {'; '.join(reasons)}")


def _newest_first(store: Store) -> list[Path]:
    made = [(entry.manifest.created, entry.folder) for entry in store.ls()
            if entry.manifest is not None and entry.manifest.gives == "Builds"]  # fmt: skip
    return [folder for _, folder in sorted(made, reverse=True)]


def _student(found: Found, root: Path | None) -> Student:
    from compress.data.source import data_digest
    from compress.store.digests import file_digest

    data = found.data
    if data.kind == "paired":
        if root is None:
            raise UserError("trained on a folder of pairs, which is not recorded; add --root FOLDER")
        data = data.model_copy(update={"root": str(root)})
    manifest = Manifest.load(found.subject.quantized)
    digest = data_digest(data)
    if digest != found.recorded_digest:
        raise UserError("these are not the very pictures that the student was trained with")
    weights = found.subject.nets[found.subject.float_self]
    return Student(
        title=f"{found.subject.float_self} in {found.subject.quantized.name}", weights=weights,
        weights_digest=file_digest(weights), quantized=found.subject.quantized, quantized_digest=manifest.digest,
        data=data, data_digest=digest,
        calibration_images=int(manifest.sections["QuantizeSpec"]["calibration_images"]), seed=manifest.seed,
    )  # fmt: skip
