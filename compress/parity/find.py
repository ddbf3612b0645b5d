"""What the words of ``compress parity`` stand for: builds, the networks they were made from, and the pictures.

A word is a build's name, a folder of the store (or its name there), a file in it, or a bundle. The networks are
found by the digests that manifests carry, so a store that was moved or copied in part still fits together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from compress.errors import StoreError, UserError
from compress.parity.compare import Subject
from compress.records import Build, BuildList, Inspection, Variant
from compress.schema import DataSpec
from compress.store.manifest import MANIFEST, Manifest
from compress.store.store import Entry, Store

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


@dataclass(frozen=True)
class _Place:
    """A folder with builds; ``wanted``: their names, all where it is empty; ``bundle``: it is one."""

    folder: Path
    wanted: tuple[str, ...] = ()
    bundle: bool = False


def find(words: tuple[str, ...], store: Store, reference: Path | None) -> tuple[Found, ...]:
    """What to compare, one entry a folder; without words the newest builds of the store.

    ``reference``: the folder of the Quantized artefact, where the store has none that fits. Raises UserError.
    """
    places: dict[Path, _Place] = {}
    for place in [_place(word, store) for word in words] or [_newest(store)]:
        known = places.get(place.folder)
        wanted = () if known and not (known.wanted and place.wanted) else place.wanted
        places[place.folder] = replace(place, wanted=(known.wanted if known else ()) + wanted if wanted else ())
    return tuple(_found(place, store, reference) for place in places.values())


def _place(word: str, store: Store) -> _Place:
    for path in (Path(word), store.root / word):
        if path.is_dir():
            return _folder(path.resolve())
        if path.is_file():
            return _file(path.resolve())
    if "/" in word:
        raise UserError(f"{word}: no such file or folder")
    found = [entry.folder for entry in _exports(store) if word in _build_names(entry.folder)]
    if not found:
        names = sorted({name for entry in _exports(store) for name in _build_names(entry.folder)})
        there = f"there are: {', '.join(names)}" if names else "it is empty; make builds with compress run"
        raise UserError(f"no build '{word}' in the store {store.root}: {there}")
    return _Place(found[0], (word,))


def _folder(path: Path) -> _Place:
    for folder in (path, path / "bundle"):
        if (folder / "contract.json").is_file():
            return _Place(folder, bundle=True)
    if (path / "builds.json").is_file():
        return _Place(path)
    raise UserError(f"{path}: neither builds of the store (builds.json) nor a bundle (contract.json)")


def _file(path: Path) -> _Place:
    """The build that ``path`` is a file of."""
    for folder, bundle in ((path.parent, False), (path.parent.parent, True)):
        if (folder / ("contract.json" if bundle else "builds.json")).is_file():
            relative = path.relative_to(folder).as_posix()
            names = tuple(build.name for build in _listed(folder, bundle).builds if relative in build.files)
            if names:
                return _Place(folder, names, bundle)
    raise UserError(f"{path}: not a file of a build in the store or in a bundle")


def _newest(store: Store) -> _Place:
    for entry in _exports(store):
        return _Place(entry.folder)
    raise UserError(f"no builds in the store {store.root}; make some with compress run, or name a bundle")


def _exports(store: Store) -> Iterator[Entry]:
    """Artefacts that hold builds, the newest first."""
    made = [(entry.manifest.created, entry) for entry in store.ls() if entry.manifest]
    for _, entry in sorted(made, key=lambda pair: pair[0], reverse=True):
        if entry.manifest and entry.manifest.gives == "Builds":
            yield entry


def _build_names(folder: Path) -> tuple[str, ...]:
    return tuple(build.name for build in _listed(folder, False).builds)


def _listed(folder: Path, bundle: bool) -> BuildList:
    """The builds of a folder. Raises UserError for a list that can't be read."""
    from compress.bundle.contract import CONTRACT, ContractFile

    path = folder / (CONTRACT if bundle else "builds.json")
    try:
        if not bundle:
            return BuildList.read(path)
        contracts = ContractFile.read(path).builds
    except (OSError, ValidationError):
        raise UserError(f"{path}: can't be read as a list of builds; make the folder again") from None
    nothing = Inspection(operators={}, int8_layers=0, float_layers=0)  # a bundle leaves it out; not looked at here
    return BuildList(builds=tuple(Build(**dict(each), ships=True, inspection=nothing) for each in contracts))


def _found(place: _Place, store: Store, reference: Path | None) -> Found:
    listed = _listed(place.folder, place.bundle)
    unknown = set(place.wanted) - {build.name for build in listed.builds}
    if unknown:
        raise UserError(f"{place.folder}: no build {', '.join(sorted(unknown))}")
    builds = tuple(build for build in listed.builds if not place.wanted or build.name in place.wanted)
    quantized, nets = _networks(place, store, reference)
    data, digest = _data(quantized)
    float_self: Variant = "pruned" if "pruned" in nets or _has(listed, "pruned") else "student"
    nets = {float_self: quantized / "net.safetensors", **nets}
    subject = Subject(
        title=str(place.folder), folder=place.folder, builds=builds,
        not_built=() if place.wanted else listed.not_built, quantized=quantized, nets=nets, float_self=float_self,
    )  # fmt: skip
    return Found(subject, data, digest, place.folder if place.bundle else None)


def _has(listed: BuildList, variant: Variant) -> bool:
    return any(net.variant == variant for net in listed.nets)


def _networks(place: _Place, store: Store, reference: Path | None) -> tuple[Path, dict[Variant, Path]]:
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
        if kind == "quantized" and reference is None:
            quantized = entry.folder
        elif kind in _NETS:
            nets[_NETS[kind]] = entry.folder / "net.safetensors"
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
    spec = DataSpec.model_validate_json(json.dumps({"licence": "as recorded with the set", **recorded}))
    return spec, digest
