"""``compress baseline``: which bundle is the accepted one, kept as a file beside the user's code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.errors import EXIT_PASS

if TYPE_CHECKING:
    from compress.records import QualityRow
    from compress.regression.baseline import Accepted


def set_baseline(word: str | None, store_root: Path, file: Path) -> int:
    """Make a bundle the accepted one. Raises UserError."""
    from compress.commands.gate import bundle_place
    from compress.regression.baseline import accept
    from compress.store.store import Store

    accepted = accept(*bundle_place(word, Store(store_root)), file)
    click.echo(f"{file}: {accepted.bundle} is the baseline now; compare with: compress gate BUNDLE --baseline {file}")
    return EXIT_PASS


def show_baseline(file: Path) -> int:
    """Say what was accepted, and whether its bundle is still there. Raises UserError."""
    from compress.regression.baseline import bundle_folder, read_accepted

    accepted = read_accepted(file)
    there = (
        "still there"
        if bundle_folder(accepted, file)
        else "gone or changed: stored speeds compare, under an equal fingerprint"
    )
    click.echo(f"bundle      {accepted.bundle} ({there})")
    click.echo(f"manifest    {accepted.manifest_digest[:16] or 'none'}, accepted on {accepted.accepted_on}")
    click.echo(f"verdict     {accepted.verdict.result}")
    for line in _lines(accepted):
        click.echo(line)
    return EXIT_PASS


def diff_baseline(word: str | None, store_root: Path, file: Path) -> int:
    """Print what a bundle measured beside what was accepted; nothing is judged or timed. Raises UserError."""
    from compress.commands.gate import bundle_place
    from compress.regression.baseline import read_accepted
    from compress.regression.compare import read_bundle
    from compress.regression.yardstick import why_not_comparable
    from compress.report.reference import called
    from compress.store.store import Store

    accepted = read_accepted(file)
    folder, builds = bundle_place(word, Store(store_root))
    bundle = read_bundle(folder, builds)
    why = why_not_comparable(bundle.quality, accepted.quality)
    if why:
        click.echo(f"quality is not comparable: {why}")
    before = {} if why else {(row.variant, row.runtime): row for row in accepted.quality.rows}
    for row in bundle.quality.rows:
        old = before.get((row.variant, row.runtime))
        was = f", was {_figures(old).replace(', SSIM', ' and')}" if old else ", not in the baseline"
        psnr = f"{called(bundle.quality, 'PSNR')} " if bundle.quality.fidelity else ""
        click.echo(f"{row.variant} through {row.runtime}: {psnr}{_figures(row)}{was}")
    sizes = {each.build: each.size_bytes for each in accepted.sizes}
    for build in builds:
        was = f", was {sizes[build.name]:,}" if build.name in sizes else ", not in the baseline"
        click.echo(f"{build.name}: {build.size_bytes:,} bytes{was}")
    return EXIT_PASS


def _lines(accepted: Accepted) -> list[str]:
    quality = [
        f"{accepted.quality.fidelity.name if accepted.quality.fidelity else 'quality    '} "
        f"{row.variant} through {row.runtime}: {_figures(row)}"
        for row in accepted.quality.rows if row.variant == "int8"
    ]  # fmt: skip
    return [*quality, *(f"build       {each.build}: {each.size_bytes:,} bytes" for each in accepted.sizes)]


def _figures(row: QualityRow) -> str:
    if row.psnr_db:
        return f"{_mean(row.psnr_db):.3f} dB, SSIM {_mean(row.ssim):.4f}"
    return ", ".join(f"{each.metric} {_mean(each.values):.4f}" for each in row.others) or "nothing measured"


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values)
