from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from known_kernels import photograph
from real_sr_bench.design import ABLATIONS, METHODS, design
from real_sr_bench.measure import BICUBIC, measure, score, settings
from real_sr_bench.records import Cell, Method, RealSr
from real_sr_bench.table import ablation_table, main_table, markdown, write_page

TRUTH = photograph("coffee")[:128, :160]
PLAIN = measure("coffee", TRUTH, 2, 0, 0.0, 0, "bicubic", steps=2)


@pytest.mark.parametrize("method", ["bicubic", "zssr", "projected", "ours"])
def test_a_cell_is_measured_and_says_how_far_off_the_kernel_was(method: Method) -> None:
    cell = measure("coffee", TRUTH, 2, 3, 0.02, 0, method, steps=2)
    assert 15 < cell.score.psnr_db < cell.score.psnr_y_db + 1 and 0 < cell.score.ssim < 1
    assert (cell.kernel_psnr_db is None) == (method in ("bicubic", "zssr"))


def test_the_border_is_left_out() -> None:
    answer = TRUTH.copy()
    answer[:4] = 0
    assert score(answer, TRUTH, 4).psnr_db == 100.0
    assert score(answer, TRUTH, 3).psnr_db < 40


def test_every_kernel_occurs_equally_often_with_and_without_noise() -> None:
    names = [f"p{number}" for number in range(12)]
    blind = [place for place in design(names, (2, 4), (0, 1, 2), 0.02, ()) if place.kernel != BICUBIC]
    assert len(blind) == 12 * 2 * 3
    assert set(Counter((place.scale, place.kernel) for place in blind).values()) == {6}
    assert set(Counter((place.scale, place.seed, place.noise) for place in blind).values()) == {6}
    of_first = {place.kernel for place in blind if place.picture == "p0"}
    assert len(of_first) == 3


def test_terms_are_left_out_of_some_pictures_by_the_first_seed() -> None:
    places = list(design(("p0", "p1"), (2,), (0, 1), 0.0, ("p1",)))
    whole = [place for place in places if "without taught" in place.methods]
    assert [(place.picture, place.seed) for place in whole] == [("p1", 0)]
    assert sum(place.kernel == BICUBIC for place in places) == 1


@pytest.mark.parametrize("method", [each for each in (*METHODS, *ABLATIONS) if each not in ("bicubic", "ours")])
def test_each_method_is_something_else_than_ours(method: Method) -> None:
    assert settings(method, 2, 100, 0) != settings("ours", 2, 100, 0)


def cell(method: Method, seed: int, db: float, kernel: int = 0) -> Cell:
    given = PLAIN.score.model_copy(update={"psnr_db": db})
    return PLAIN.model_copy(update={"method": method, "seed": seed, "score": given, "kernel": kernel})


def test_the_table_compares_equal_cells_only() -> None:
    cells = (cell("bicubic", 0, 20), cell("bicubic", 1, 30), cell("ours", 0, 22), cell("bicubic", 0, 25, BICUBIC))
    text = main_table(cells)
    assert "| x2 | 1 anisotropic | 0 | 1 | 1 | 1 | bicubic | 20.00 | +2.00 |" in text  # seed 1 lacks ours
    assert "| x2 | 1 anisotropic | 0 | 1 | 1 | 1 | ours | 22.00 | – |" in text
    assert "| x2 | bicubic | 0 | 1 | 1 | 1 | bicubic | 25.00 | – |" in text


def test_what_each_term_gives_is_told() -> None:
    without = [cell(method, 0, 21.5 + 0.1 * place) for place, method in enumerate(("undistilled", *ABLATIONS))]
    text = ablation_table((cell("ours", 0, 22), *without))
    assert (
        "| x2 | 1 | teacher | 21.50 | +0.500 | 1 |" in text and "| x2 | 1 | projections | 22.20 | -0.200 | 0 |" in text
    )


def test_the_page_holds_the_tables_behind_its_mark(tmp_path: Path) -> None:
    found = RealSr(command="c", machine="m", steps=4, given_px=64, cells=(cell("ours", 0, 22),))
    page = tmp_path / "page.md"
    page.write_text("words\n<!-- tables -->\nold\n<!-- end of tables -->\nmore\n")
    write_page(page, markdown(found), "tables")
    assert page.read_text() == f"words\n<!-- tables -->\n\n{markdown(found)}\n<!-- end of tables -->\nmore\n"
    page.write_text("words")
    with pytest.raises(ValueError, match="no lines"):
        write_page(page, markdown(found), "tables")
