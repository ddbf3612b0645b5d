"""``backlit.json``: what builds do to pictures that are lit from one side."""

from __future__ import annotations

from pathlib import Path

from compress.looks.records import Kind
from compress.records import Origin, Record, Through, Variant

FILE, FOLDER = "backlit.json", "backlit"


class Part(Record):
    """A part of the pictures, mean over pictures: ``level_codes`` of 255, its mean luminance; ``contrast_codes``, mean
    deviation of luminance inside of 16x16 pixels; ``white_percent`` of pixels above 250; ``psnr_db`` against the
    photograph, None for itself."""

    level_codes: float
    contrast_codes: float
    white_percent: float
    psnr_db: float | None = None


class BacklitRow(Record):
    """A network through a runtime, or with ``kind`` input and truth the pictures themselves.

    ``dark``: where at most a tenth of the light that was taken is left; ``bright``: where at least nine tenths are.
    """

    kind: Kind
    variant: Variant | None
    through: Through | None
    origin: Origin
    dark: Part
    bright: Part


class BacklitReport(Record):
    """``images``: the photographs. ``exposure``: smallest and largest share of the light left in their dark parts."""

    images: tuple[str, ...]
    exposure: tuple[float, float]
    rows: tuple[BacklitRow, ...]

    @property
    def note(self) -> str:
        """How the pictures were made."""
        least, most = (100 * each for each in self.exposure)
        return (
            f"{len(self.images)} well-lit test pictures with the light of one side taken away (to {least:.0f} to "
            f"{most:.0f} % of it) in a camera model, with its noise: a synthetic backlight, not a photographed one."
        )


def read_backlit(folder: Path) -> BacklitReport | None:
    """The report beside ``folder``'s other records, None where there is none. Raises ``ValidationError``."""
    path = folder / FILE
    return BacklitReport.read(path) if path.is_file() else None
