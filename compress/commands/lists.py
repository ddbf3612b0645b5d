"""``compress recipes`` and ``compress targets``: name, description, file, and the command that uses it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import click

from compress.config.load import load_recipe, load_target
from compress.config.names import Group, example_recipe, listing, show_path
from compress.errors import ConfigError
from compress.schema import Recipe, Target

_CONTINUED = re.compile(r" *\\\n# *")
"""The end of a comment's line that goes on in the next, as a shell reads it."""


def list_recipes() -> int:
    """Print all recipes; a broken file is listed with what is wrong with it."""
    target = next(iter(listing("targets")), "NAME")
    return _print("recipes", load_recipe, f"compress run recipe={{name}} target={target}")


def list_targets() -> int:
    """Print all targets; a broken file is listed with what is wrong with it."""
    recipe = example_recipe()
    return _print("targets", load_target, f"compress run recipe={recipe} target={{name}}")


def _print(group: Group, load: Callable[[Path], Recipe | Target], command: str) -> int:
    entries = listing(group)
    if not entries:
        click.echo(f"no {group} in ./{group} or in the package", err=True)
    width = max((len(name) for name in entries), default=0) + 2
    for name, path in entries.items():
        try:
            description = " ".join(load(path).description.split()) or "(no description)"
        except ConfigError as error:
            description = "can't be used: " + "; ".join(error.problems)
        click.echo(f"{name:<{width}}{description}")
        click.echo(f"{'':<{width}}{show_path(path)}")
        click.echo(f"{'':<{width}}{_header_command(path) or command.format(name=name)}\n")
    return 0


def _header_command(path: Path) -> str | None:
    """The command in the comment at the head of a file, on one line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    lines = _CONTINUED.sub(" ", text).splitlines()
    comments = (line.lstrip("# ").rstrip() for line in lines if line.startswith("#"))
    return next((comment for comment in comments if comment.startswith("compress run ")), None)
