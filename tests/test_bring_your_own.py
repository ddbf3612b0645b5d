"""The commands that docs/bring-your-own.md shows, read out of the page and run, with small pictures."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from foreign_nets import NETWORKS, Single, make, source, write_onnx
from PIL import Image
from tiny_videos import dark_frames

from compress.cli import execute

PAGE = Path(__file__).parents[1] / "docs" / "bring-your-own.md"
SMALL = (
    "target.export.size=[32,48]", "target.export.builds=[openvino]", "target.export.dynamic=false",
    "target.budget.max_int8_drop_db=", "target.budget.min_gain_over_input_db=", "target.budget.min_int8_speedup=",
    "target.budget.min_fps=", "target.budget.min_psnr_db=1", "quantize.calibration_images=2",
    "sensitivity.max_images=1", "validation.timed_runs=3", "validation.warmup_runs=1", "validation.max_images=1",
    "package.golden_frames=1",
)  # fmt: skip
SHIPPED = ("data.size=[32,48]", "data.copies=1")
SHORT = ("prune.train.phases=[{epochs: 0.25, batch: 2}]", "quantize.train.phases=[{epochs: 0.25, batch: 2}]")


def commands() -> list[list[str]]:
    """Of the page's first part, each as its words."""
    part = PAGE.read_text(encoding="utf-8").partition("## Four commands")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", part, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line]


def test_the_page_shows_four() -> None:
    assert [words[1:3] for words in commands()] == [
        ["inspect", "net.onnx"], *(["run", f"recipe={name}"] for name in ("ptq", "adopt", "ptq")),
    ]  # fmt: skip


@pytest.mark.parametrize("place", range(4))
def test_each_of_them_runs(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = commands()[place][1:]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    write_onnx(Single(make("curve.Curve"), 1), tmp_path / "net.onnx")
    source("curve.Curve", tmp_path)
    shutil.copytree(NETWORKS, tmp_path / "nets")
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(dark_frames(14)):
        Image.fromarray(frame).save(tmp_path / "frames" / f"f{number}.png")
    if words[0] == "inspect":
        assert execute((*words, "--size", "32", "48")) == 0
        out = capsys.readouterr().out
        assert "    range: FILL_IN" in out and out.count("student:") == 1 and "its layers can't be changed" in out
        return
    small = (*SMALL, *(() if "data=frames" in words else SHIPPED), *(SHORT if "recipe=adopt" in words else ()))
    keys = {word.partition("=")[0] for word in small}
    assert execute((*(word for word in words if word.partition("=")[0] not in keys), *small)) == 0
    out = capsys.readouterr().out
    assert "Verdict: pass" in out and ("fidelity to the float network" in out) == ("data=frames" in words)
    assert len(list(tmp_path.glob("artifacts/store/package-*/bundle/manifest.sig"))) == 1
