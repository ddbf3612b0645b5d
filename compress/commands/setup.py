"""``compress setup NAME...``: make isolated environments of vendor SDKs."""

from __future__ import annotations

import time
from pathlib import Path

import click

from compress.config.names import did_you_mean
from compress.console import make_console, show_size, show_time
from compress.errors import EXIT_PASS, ToolchainError
from compress.toolchains import TOOLCHAINS, ToolchainName
from compress.toolchains.environment import folder_of, state
from compress.toolchains.making import make


def set_up(words: tuple[str, ...], wheels: Path | None) -> int:
    """Make each named environment that isn't ready; all names are checked first. Raises ToolchainError."""
    names = tuple(dict.fromkeys(_name(word) for word in words))
    for place, name in enumerate(names, start=1):
        before, begun = state(name), time.monotonic()
        with make_console() as console:
            if before.kind == "broken":
                console.say(f"{name} is broken ({before.reason}); making it anew")
            made = make(name, console.started(name, place, len(names)), wheels)
        how = "was ready" if before.kind == "ready" else f"made in {show_time(time.monotonic() - begun)}"
        facts = f"{TOOLCHAINS[name].sdk} {made.sdk_version}, Python {made.python}, {show_size(made.size_bytes)}"
        click.echo(f"{name}: {how}; {facts}, in {folder_of(name)}")
    return EXIT_PASS


def _name(word: str) -> ToolchainName:
    for name in TOOLCHAINS:
        if name == word:
            return name
    known = ", ".join(TOOLCHAINS)
    raise ToolchainError(f"no toolchain '{word}'.{did_you_mean(word, TOOLCHAINS)} There are: {known}")
