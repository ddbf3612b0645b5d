"""``compress enlarge``: one picture, by networks that learned from it alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from compress.errors import EXIT_PASS, UserError


def enlarge(picture: Path, answer: Path, scale: int, steps: int | None, seed: int, work: Path | None) -> int:
    """Write ``answer`` (PNG), and beside it its kernel as ``.kernel.json`` and ``.kernel.svg``, and ``.crops.png``: a
    cut of the bicubic answer and of this one. ``steps``: None for as many as its scale usually takes.

    ``work`` keeps what is done until the answer is there; None: ``answer`` with ``.work``. Raises UserError for a name
    that is no PNG, DataError for a picture that can't be used.
    """
    from compress.console import make_console
    from compress.data.known import content_digests
    from compress.data.pictures import read_picture, write_png
    from compress.degradation.estimate import estimate
    from compress.degradation.plot import kernel_svg
    from compress.degradation.records import KernelReport
    from compress.looks.beside import side_by_side
    from compress.store.digests import digest_of
    from compress.tasks.super_resolution import SuperResolution
    from compress.zero_shot.enlarge import ZeroShot, usual_steps
    from compress.zero_shot.enlarge import enlarge as enlarge_picture

    if answer.suffix.lower() != ".png":
        raise UserError(f"{answer}: the answer is a PNG file; name it so")
    given = read_picture(picture)
    spec = ZeroShot(scale=scale, steps=usual_steps(scale) if steps is None else steps, seed=seed)
    content = next(content_digests((picture,)))
    folder = (work or answer.with_suffix(".work")) / digest_of({"of": content, **asdict(spec)})[:16]
    console = make_console()
    with console:
        progress = console.started("enlarge", 1, 1)
        report = KernelReport.of(estimate([given], seed), scale, (picture.name,))
        progress.say(report.summary)
        large = enlarge_picture(given, report.kernel, report.noise, spec, folder, progress)
    write_png(answer, large)
    write_png(answer.with_suffix(".crops.png"), side_by_side(SuperResolution(scale).untouched(given), large))
    report.write(answer.with_suffix(".kernel.json"))
    answer.with_suffix(".kernel.svg").write_text(kernel_svg(report), encoding="utf-8")
    _tidy(folder)
    print(f"{answer}: {large.shape[1]}x{large.shape[0]}; {report.summary}")
    return EXIT_PASS


def _tidy(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    if not any(folder.parent.iterdir()):
        folder.parent.rmdir()
