"""Which recipes, targets and calibration sets there are, and what the user may have meant.

A name is the path of a YAML file below its group's folder, without the ending. The working folder's
files come first, then those of the installed package. Names are matched against the listing and never
joined into a path, so no name leads outside these folders.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

Group = Literal["recipes", "targets", "calibration", "links"]
MAIN_RECIPE = "kd_int8"
SINGULAR: dict[Group, str] = {
    "recipes": "recipe",
    "targets": "target",
    "calibration": "calibration set",
    "links": "link",
}


def group_folders(group: Group) -> tuple[Path, ...]:
    """The folders searched, the first wins: the working folder's, the installed package's, the checkout's."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "share" / group
    checkout = package.parent / group
    folders = [Path.cwd() / group, shipped]
    if not shipped.is_dir() and (package.parent / "pyproject.toml").is_file():
        folders.append(checkout)
    return tuple(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def listing(group: Group) -> dict[str, Path]:
    """All names of a group, sorted, with the file that each stands for."""
    found: dict[str, Path] = {}
    for folder in group_folders(group):
        for path in folder.rglob("*.yaml"):
            found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
    return dict(sorted(found.items()))


def example_recipe() -> str:
    """The recipe that commands shown to the user name: the main one, which needs nothing else, or the first."""
    names = list(listing("recipes"))
    return MAIN_RECIPE if MAIN_RECIPE in names else next(iter(names), "NAME")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ " Did you mean 'x'?" with the closest known name, or nothing where none is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""


def unknown_name(group: Group, name: str, known: Iterable[str]) -> str:
    """The message for a name that isn't in the listing."""
    names = list(known)
    there_are = f"There are: {', '.join(names)}" if names else f"There are none in ./{group} or in the package"
    return f"no {SINGULAR[group]} '{name}'.{did_you_mean(name, names)} {there_are}"


def show_path(path: Path) -> str:
    """The path relative to the working folder where it lies below it, else in full."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
