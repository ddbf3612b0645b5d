"""What the words of ``compress parity`` stand for: builds, the networks they were made from, and the pictures.

The networks are found by the digests that manifests carry, so a store that was moved or copied in part still fits
together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from compress.artefacts import net_file
from compress.errors import StoreError, UserError
from compress.parity.compare import Subject
from compress.records import BuildList, Variant
from compress.schema import DataSpec, TaskData
from compress.store.builds import Place, find_places, listed_in, wanted_builds
from compress.store.manifest import MANIFEST, Manifest
from compress.store.store import Store

_NETS: dict[str, Variant] = {
    "teacher": "teacher", "student": "student", "control": "control", "pruned": "pruned",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Builds to compare, what their pictures are, and where a bundle's golden frames lie."""

    subject: Subject
    data: DataSpec
    recorded_digest: str
    bundle: Path | None


def find(words: tuple[str, ...], store: Store, reference: Path | None) -> tuple[Found, ...]:
    """What to compare, one entry a folder; without words the newest builds of the store.

    ``reference``: the folder of the Quantized artefact, where the store has none that fits. Raises UserError.
    """
    return tuple(_found(place, store, reference) for place in find_places(words, store))


def _found(place: Place, store: Store, reference: Path | None) -> Found:
    listed = listed_in(place)
    builds = wanted_builds(place, listed)
    quantized, nets = _networks(place, store, reference)
    data, digest = _data(quantized)
    float_self: Variant = "pruned" if "pruned" in nets or _has(listed, "pruned") else "student"
    nets = {float_self: net_file(quantized), **nets}
    subject = Subject(
        title=str(place.folder), folder=place.folder, builds=builds,
        not_built=() if place.wanted else listed.not_built, quantized=quantized, nets=nets, float_self=float_self,
    )  # fmt: skip
    return Found(subject, data, digest, place.folder if place.bundle else None)


def _has(listed: BuildList, variant: Variant) -> bool:
    return any(net.variant == variant for net in listed.nets)


def _networks(place: Place, store: Store, reference: Path | None) -> tuple[Path, dict[Variant, Path]]:
    """The folder of the fake-quant network, and the float networks that are at hand."""
    wanted = _bundle_digests(place.folder) if place.bundle else _input_digests(place.folder)
    by_digest = {entry.manifest.digest: entry for entry in store.ls() if entry.manifest}
    nets: dict[Variant, Path] = {}
    quantized = reference
    for _stage, digest in wanted:
        entry = by_digest.get(digest)
        if entry is None or entry.manifest is None:
            continue
        kind = entry.manifest.gives.lower()
        if kind in ("quantized", "promoted") and reference is None:
            quantized = entry.folder
        elif kind in _NETS:
            nets[_NETS[kind]] = net_file(entry.folder)
    if quantized is None:
        raise UserError(
            f"{place.folder}: the fake-quant network it was made from is not in the store {store.root}; "
            "name its store with --store, or its folder with --reference"
        )
    if not (quantized / "qat.json").is_file():
        raise UserError(f"{quantized}: no fake-quant network (qat.json); name the folder of a quantize stage")
    return quantized, nets


def _input_digests(folder: Path) -> list[tuple[str, str]]:
    manifest = Manifest.load(folder)
    return [(name, digest) for name, digest in manifest.inputs.items() if digest is not None]


def _bundle_digests(folder: Path) -> list[tuple[str, str]]:
    from compress.bundle.manifest import MANIFEST as LIST
    from compress.bundle.manifest import from_bytes

    return [(link.stage, link.digest) for link in from_bytes((folder / LIST).read_bytes()).chain]


def _data(quantized: Path) -> tuple[DataSpec, str]:
    """The calibration set that the network was quantized with, as far as its manifest knows, and its digest.

    Where pictures lie is not recorded: a paired set needs its folder.
    """
    if not (quantized / MANIFEST).is_file():
        raise StoreError(f"{quantized / MANIFEST} is missing: which pictures it was made with is not known")
    recorded = dict(Manifest.load(quantized).sections.get("DataSpec", {}))
    digest = str(recorded.pop("digest", ""))
    if not recorded:
        raise StoreError(f"{quantized / MANIFEST} does not say which pictures it was made with")
    kind = TaskData if "task" in recorded else DataSpec
    spec = kind.model_validate_json(json.dumps({"licence": "as recorded with the set", **recorded}))
    return spec, digest
