"""Backlit pictures through answers of known effect: the table says what each did to which part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from compress.backlight.measure import measure_backlight
from compress.backlight.records import BacklitReport, BacklitRow, read_backlit
from compress.data.source import PairSource
from compress.looks.given import Way
from compress.looks.records import Shown, read_looks
from compress.report.backlight import BACKLIT_HEADINGS, backlit_notes, backlit_rows

Picture = NDArray[np.uint8]


class _Photographs(PairSource):
    names = ("one", "two", "three")
    scenes = names

    def pair(self, index: int) -> tuple[Picture, Picture]:
        bright = np.random.default_rng(index).integers(60, 200, (12, 20, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        return bright // 8, bright


def _doubled(given: Picture) -> Picture:
    return np.minimum(given.astype(np.int64) * 2, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("measured")
    ways = [
        Way(Shown(kind="input", variant="input", through="none", origin="measured"), lambda given: given),
        Way(Shown(kind="int8", variant="int8", through="openvino", origin="simulated"), _doubled),
    ]
    told: list[str] = []
    measure_backlight(_Photographs(), 2, ways, out, lambda done, total, note: told.append(note))
    assert told == ["uneven light on one", "uneven light on two"]
    return out


@pytest.fixture(scope="module")
def report(folder: Path) -> BacklitReport:
    found = read_backlit(folder / "backlit")
    assert found is not None
    return found


def _row(report: BacklitReport, kind: str) -> BacklitRow:
    return next(row for row in report.rows if row.kind == kind)


def test_parts_have_the_figures_of_what_was_done_to_them(report: BacklitReport) -> None:
    given, doubled, truth = (_row(report, kind) for kind in ("input", "int8", "truth"))
    assert report.images == ("one", "two") and [row.kind for row in report.rows] == ["input", "int8", "truth"]
    assert given.dark.level_codes < 0.5 * truth.dark.level_codes
    assert given.bright.level_codes == pytest.approx(truth.bright.level_codes, rel=0.05)
    assert doubled.dark.level_codes == pytest.approx(2 * given.dark.level_codes, rel=0.05)
    assert doubled.dark.contrast_codes > 1.5 * given.dark.contrast_codes
    assert doubled.bright.white_percent > 10 > 1 > given.bright.white_percent
    for better, worse in ((doubled.dark, given.dark), (given.bright, doubled.bright)):
        assert better.psnr_db is not None and worse.psnr_db is not None and better.psnr_db > worse.psnr_db
    assert truth.dark.psnr_db is None


def test_pictures_are_shown_whole(folder: Path) -> None:
    looks = read_looks(folder / "backlit" / "looks")
    assert looks is not None and [look.image for look in looks.looks] == ["one", "two"]
    assert (looks.looks[0].box.height, looks.looks[0].box.width) == (173, 288)
    assert [crop.kind for crop in looks.looks[0].crops] == ["input", "int8", "truth"]


def test_the_table_says_what_was_simulated(report: BacklitReport) -> None:
    rows = backlit_rows(report)
    assert all(len(row) == len(BACKLIT_HEADINGS) for row in rows)
    assert [row[0] for row in rows] == ["backlit picture", "INT8 student", "the photograph"]
    assert rows[0][1] == rows[2][1] == "–" and rows[1][1] == "openvino (simulated)" and rows[2][-1] == "–"
    assert "a synthetic backlight" in backlit_notes(report)[0]


def test_nothing_measured_is_no_report(tmp_path: Path) -> None:
    assert read_backlit(tmp_path) is None
