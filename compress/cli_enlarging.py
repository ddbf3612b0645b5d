"""The command that works on one picture alone."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("picture", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.argument("answer", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--scale", type=click.IntRange(2, 4), default=2, show_default=True, help="Times as high and wide.")
@click.option("--steps", type=click.IntRange(2), help="Training steps; 400 / scale where not given.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), help="Where checkpoints lie until then.")
def enlarge(picture: Path, answer: Path, scale: int, steps: int | None, seed: int, work: Path | None) -> int:
    """Enlarge PICTURE by networks that learn from it alone, and write ANSWER, a PNG file, and crops before and after.

    Its blur kernel and noise are found from it first. A run that was stopped goes on when it is given again.
    """
    from compress.commands.enlarge import enlarge as enlarge_one

    return enlarge_one(picture, answer, scale, steps, seed, work)


ENLARGING = (enlarge,)
