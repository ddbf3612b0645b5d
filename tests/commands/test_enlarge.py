from __future__ import annotations

from pathlib import Path

import pytest
from known_kernels import given, known_kernel
from PIL import Image

from compress.cli import execute
from compress.data.pictures import read_picture
from compress.degradation.records import KernelReport


def test_a_picture_is_enlarged_and_its_kernel_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(given("coffee", known_kernel(3, 4), 4)[:64, :66]).save(tmp_path / "small.png")
    words = ("enlarge", str(tmp_path / "small.png"), str(tmp_path / "large.png"), "--scale", "3", "--steps", "2")
    assert execute(words) == 0
    assert read_picture(tmp_path / "large.png").shape == (192, 198, 3)
    assert KernelReport.read(tmp_path / "large.kernel.json").scale == 3
    assert read_picture(tmp_path / "large.crops.png").shape == (192, 192 + 8 + 192, 3)
    assert (tmp_path / "large.kernel.svg").is_file() and not (tmp_path / "large.work").exists()
    assert "large.png: 198x192; kernel for x3" in capsys.readouterr().out


def test_an_answer_that_is_no_png_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(given("coffee", known_kernel(3, 4), 4)).save(tmp_path / "small.png")
    assert execute(("enlarge", str(tmp_path / "small.png"), str(tmp_path / "large.jpg"))) == 2
    assert "large.jpg: the answer is a PNG file" in capsys.readouterr().err
