from __future__ import annotations

import numpy as np
import pytest
from known_kernels import photograph
from real_sr_bench.measure import BICUBIC, measure, score
from real_sr_bench.records import Cell, Method, RealSr
from real_sr_bench.table import table

TRUTH = photograph("coffee")[:128, :160]


@pytest.mark.parametrize("method", ["bicubic", "zssr", "ours"])
def test_a_cell_is_measured_and_says_how_far_off_the_kernel_was(method: Method) -> None:
    cell = measure("coffee", TRUTH, 2, 3, 0.02, 0, method, steps=2)
    assert 15 < cell.score.psnr_db < cell.score.psnr_y_db + 1 and 0 < cell.score.ssim < 1
    assert (cell.kernel_psnr_db is None) == (method != "ours")


def test_the_border_is_left_out() -> None:
    answer = TRUTH.copy()
    answer[:4] = 0
    assert score(answer, TRUTH, 4).psnr_db == 100.0
    assert score(answer, TRUTH, 3).psnr_db < 40


def test_the_table_compares_equal_cells_only() -> None:
    plain = measure("coffee", TRUTH, 2, 0, 0.0, 0, "bicubic", steps=2)

    def cell(method: Method, seed: int, db: float, kernel: int = 0) -> Cell:
        given = plain.score.model_copy(update={"psnr_db": db})
        return plain.model_copy(update={"method": method, "seed": seed, "score": given, "kernel": kernel})

    cells = (cell("bicubic", 0, 20), cell("bicubic", 1, 30), cell("ours", 0, 22), cell("bicubic", 0, 25, BICUBIC))
    text = table(RealSr(commit="c", steps=2, largest_px=160, cells=cells))
    assert "| x2 | 1 anisotropic | 0 | 1 | 1 | bicubic | 20.00 |" in text  # seed 1 lacks ours
    assert "| x2 | 1 anisotropic | 0 | 1 | 1 | ours | 22.00 |" in text
    assert "| x2 | bicubic | 0 | 1 | 1 | bicubic | 25.00 |" in text
    assert np.isfinite(plain.score.ssim_y)
