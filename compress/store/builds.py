"""Builds by what people call them: a name, a folder of the store (or its name there), a file in it, a bundle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from compress.errors import UserError
from compress.records import Build, BuildList, Inspection
from compress.store.runs import load_all
from compress.store.store import Entry, Store


@dataclass(frozen=True)
class Place:
    """A folder with builds; ``wanted``: their names, all where it is empty; ``bundle``: it is one."""

    folder: Path
    wanted: tuple[str, ...] = ()
    bundle: bool = False


def find_places(words: tuple[str, ...], store: Store) -> tuple[Place, ...]:
    """The folders that ``words`` stand for, each once; without words that of the newest builds. Raises UserError."""
    places: dict[Path, Place] = {}
    for place in [_place(word, store) for word in words] or [_newest(store)]:
        known = places.get(place.folder)
        wanted = () if known and not (known.wanted and place.wanted) else place.wanted
        places[place.folder] = replace(place, wanted=(known.wanted if known else ()) + wanted if wanted else ())
    return tuple(places.values())


def wanted_builds(place: Place, listed: BuildList) -> tuple[Build, ...]:
    """Of all builds of the folder those that are wanted. Raises UserError for a name that is not there."""
    unknown = set(place.wanted) - {build.name for build in listed.builds}
    if unknown:
        raise UserError(f"{place.folder}: no build {', '.join(sorted(unknown))}")
    return tuple(build for build in listed.builds if not place.wanted or build.name in place.wanted)


def listed_in(place: Place) -> BuildList:
    """All builds of the folder. Raises UserError for a list that can't be read."""
    return _listed(place.folder, place.bundle)


def newest_bundle(store: Store) -> Place:
    """The bundle that the last finished run made or reused. Raises UserError where there is none."""
    for record in reversed(load_all(store.runs_folder)):
        for done in record.stages if record.state == "done" else ():
            found = store.find(done.stage, done.key) if done.stage == "package" else None
            if found is not None:
                return _folder(found.folder)
    raise UserError(f"no bundle of a finished run in the store {store.root}; compress run, or name a bundle")


def bundle_of_run(word: str, store: Store) -> Place | None:
    """The bundle of the run whose id begins with ``word``; None where no run's does. Raises UserError without one."""
    found = [record for record in load_all(store.runs_folder) if record.id.startswith(word)]
    if not found:
        return None
    for done in found[-1].stages:
        sealed = store.find(done.stage, done.key) if done.stage == "package" else None
        if sealed is not None:
            return _folder(sealed.folder)
    raise UserError(f"run {found[-1].id} left no bundle in the store {store.root}; compress run makes it again")


def _place(word: str, store: Store) -> Place:
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
    return Place(found[0], (word,))


def _folder(path: Path) -> Place:
    for folder in (path, path / "bundle"):
        if (folder / "contract.json").is_file():
            return Place(folder, bundle=True)
    if (path / "builds.json").is_file():
        return Place(path)
    raise UserError(f"{path}: neither builds of the store (builds.json) nor a bundle (contract.json)")


def _file(path: Path) -> Place:
    """The build that ``path`` is a file of."""
    for folder, bundle in ((path.parent, False), (path.parent.parent, True)):
        if (folder / ("contract.json" if bundle else "builds.json")).is_file():
            relative = path.relative_to(folder).as_posix()
            names = tuple(build.name for build in _listed(folder, bundle).builds if relative in build.files)
            if names:
                return Place(folder, names, bundle)
    raise UserError(f"{path}: not a file of a build in the store or in a bundle")


def _newest(store: Store) -> Place:
    for entry in _exports(store):
        return Place(entry.folder)
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
    kept = [each.model_dump(include=set(Build.model_fields)) for each in contracts]
    return BuildList(builds=tuple(Build(**facts, ships=True, inspection=nothing) for facts in kept))
