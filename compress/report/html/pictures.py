"""The per-image table, and the crops as data: URIs."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from pathlib import Path

from compress.looks.records import Kind, Look, Looks, Shown
from compress.records import Origin, QualityRow
from compress.report.rows import LABELS, Results, float_variant, quality_row
from compress.report.subject import Subject

KINDS: dict[Kind, str] = {
    "input": "input", "teacher": "teacher", "float": "float", "int8": "INT8", "truth": "ground truth"
}  # fmt: skip


@dataclass(frozen=True)
class ImageRow:
    """One test picture; None: not measured. ``drop_db``: float minus INT8; ``marks``: what it is worst in."""

    image: str
    input_db: float | None
    float_db: float | None
    int8_db: float
    ssim: float | None
    gtmean_db: float | None
    drop_db: float | None
    look: bool
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageTable:
    """All test pictures through what ships: ``through`` what, with which ``origin``, compared with ``float_name``."""

    rows: tuple[ImageRow, ...]
    through: str
    origin: Origin
    float_name: str

    @property
    def gtmean(self) -> bool:
        """Whether there is such a column: against a teacher's pictures it says nothing."""
        return any(row.gtmean_db is not None for row in self.rows)


@dataclass(frozen=True)
class Tile:
    """One crop: what it shows in words, and its picture as a data: URI. ``psnr_db``: of the whole picture."""

    kind: str
    label: str
    through: str
    origin: Origin | None
    uri: str
    psnr_db: float | None


@dataclass(frozen=True)
class Board:
    """The crops of one test picture."""

    image: str
    where: str
    height: int
    width: int
    tiles: tuple[Tile, ...]


def image_table(results: Results, looks: Looks | None) -> ImageTable | None:
    """None where INT8 was not measured."""
    quality, full = results.quality, float_variant(results)
    int8 = quality_row(quality, "int8", results.runtime)
    if int8 is None or not int8.psnr_db or not quality.images:
        return None
    dark, floating = quality_row(quality, "input", "none"), quality_row(quality, full, int8.runtime)
    rows = []
    for place, image in enumerate(quality.images):
        before, after = _at(floating, place), int8.psnr_db[place]
        rows.append(
            ImageRow(
                image=image, input_db=_at(dark, place), float_db=before, int8_db=after,
                ssim=int8.ssim[place] if int8.ssim else None,
                gtmean_db=int8.psnr_gtmean_db[place] if int8.psnr_gtmean_db else None,
                drop_db=before - after if before is not None else None,
                look=looks is not None and looks.of(image) is not None,
            )
        )  # fmt: skip
    named = f"{LABELS[full]} through {floating.runtime}" if floating else LABELS[full]
    return ImageTable(_marked(rows), int8.runtime, int8.origin, named)


def _at(row: QualityRow | None, place: int) -> float | None:
    return row.psnr_db[place] if row is not None and place < len(row.psnr_db) else None


def _marked(rows: list[ImageRow]) -> tuple[ImageRow, ...]:
    """With a word at the picture that is worst in PSNR, in SSIM, and in what INT8 costs it."""
    worst = {"PSNR": min(rows, key=lambda row: row.int8_db).image}
    if all(row.ssim is not None for row in rows):
        worst["SSIM"] = min(rows, key=lambda row: row.ssim or 0.0).image
    drops = [row for row in rows if row.drop_db is not None]
    if drops:
        worst["drop"] = max(drops, key=lambda row: row.drop_db or 0.0).image
    return tuple(replace(row, marks=tuple(w for w, image in worst.items() if image == row.image)) for row in rows)


def boards(subject: Subject) -> tuple[Board, ...]:
    """The crops of every picture that was looked at."""
    if subject.looks is None or subject.looks_folder is None:
        return ()
    return tuple(board(subject, look) for look in subject.looks.looks)


def given_boards(subject: Subject) -> tuple[Board, ...]:
    """Given pictures before and after: no truth, so no figure."""
    return _unscored(subject, subject.given, subject.given_folder)


def backlit_boards(subject: Subject) -> tuple[Board, ...]:
    """Pictures lit from one side, whole and small: their figures are of their parts, in a table."""
    return _unscored(subject, subject.backlit, subject.backlit_folder)


def _unscored(subject: Subject, looks: Looks | None, folder: Path | None) -> tuple[Board, ...]:
    if looks is None or folder is None:
        return ()
    found = (board(replace(subject, looks=looks, looks_folder=folder), look) for look in looks.looks)
    return tuple(replace(each, tiles=tuple(replace(tile, psnr_db=None) for tile in each.tiles)) for each in found)


def board(subject: Subject, look: Look, suffix: str = "", kinds: tuple[Kind, ...] = tuple(KINDS)) -> Board:
    """The crops of one picture; ``suffix`` tells whose they are where two bundles are shown."""
    assert subject.looks is not None and subject.looks_folder is not None
    box = look.box
    where = f"{box.width}x{box.height} pixels at ({box.left}, {box.top})"
    shown = {each.kind: each for each in subject.looks.shown}
    tiles = tuple(
        Tile(
            kind=f"{crop.kind}{suffix.replace(' ', '-')}", label=_label(crop.kind, subject) + suffix,
            through=_through(shown[crop.kind]), origin=shown[crop.kind].origin if crop.kind != "truth" else None,
            uri=data_uri(subject.looks_folder / crop.file), psnr_db=_whole_db(subject, look, shown[crop.kind]),
        )
        for crop in look.crops if crop.kind in kinds and crop.kind in shown
    )  # fmt: skip
    return Board(look.image, where, box.height, box.width, tiles)


def _label(kind: Kind, subject: Subject) -> str:
    """Without ground truth a network's picture stands in its place."""
    fidelity = subject.results.quality.fidelity
    return f"{fidelity.to} (is the reference)" if kind == "truth" and fidelity else KINDS[kind]


def data_uri(path: Path) -> str:
    """A PNG file as a data: URI. Raises OSError."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _through(shown: Shown) -> str:
    if shown.variant is None or shown.variant == "input":
        return f"boxes of {KINDS[shown.boxes_of]}" if shown.boxes_of else ""
    name = LABELS[shown.variant] if shown.kind == "float" else ""
    return ", ".join(part for part in (name, f"through {shown.through}" if shown.through else "") if part)


def _whole_db(subject: Subject, look: Look, shown: Shown) -> float | None:
    quality = subject.results.quality
    if shown.variant is None or look.image not in quality.images:
        return None
    rows = [row for row in quality.rows if (row.variant, row.runtime) == (shown.variant, shown.through)]
    return _at(rows[0] if rows else None, quality.images.index(look.image))
