"""``compress store ls``, ``verify`` and ``gc``."""

from __future__ import annotations

from pathlib import Path

import click

from compress.config.names import show_path
from compress.console import show_size, show_time
from compress.errors import EXIT_USER


def list_store(root: Path) -> int:
    """Print one line an artefact: stage, key, when it was made, how long that took, its size."""
    from compress.store.store import Store

    total = 0
    entries = Store(root).ls()
    for entry in entries:
        made = entry.manifest
        if made is None:
            click.echo(f"{entry.folder.name:<24} unreadable: {entry.problem}")
            continue
        total += made.size_bytes
        when, took = made.created[:16].replace("T", " "), show_time(made.wall_s)
        click.echo(f"{made.stage:<10} {made.key[:12]}  {when}  {took:>8}  {show_size(made.size_bytes):>9}")
    click.echo(f"{len(entries)} artefacts, {show_size(total)}, in {show_path(Store(root).root)}", err=True)
    return 0


def verify_store(root: Path) -> int:
    """Print a line for each problem; exit code 2 if there is one."""
    from compress.store.store import Store

    problems = Store(root).verify()
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if not problems:
        click.echo(f"{len(Store(root).ls())} artefacts, all as they were sealed")
    return EXIT_USER if problems else 0


def collect_store(root: Path, keep_runs: int, dry_run: bool) -> int:
    """Remove (or list) what no recent run has used."""
    from compress.store.collect import gc
    from compress.store.store import Store

    collected = gc(Store(root), keep_runs=keep_runs, dry_run=dry_run)
    for path in collected.removed:
        click.echo(show_path(path))
    verb = "would free" if dry_run else "freed"
    click.echo(f"{verb} {show_size(collected.freed_bytes)} in {len(collected.removed)} folders", err=True)
    return 0
