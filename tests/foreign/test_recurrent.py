"""Networks with recurrent layers: refused before work where nothing else is in them, else told what stays float."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from compress.cli import execute
from compress.foreign.brought import bring_in
from compress.foreign.recurrent import recurrent_layers, recurrent_problem
from compress.schema import AdapterSpec, SourceSpec

Capture = pytest.CaptureFixture[str]
PICTURE = AdapterSpec(colours="RGB", range="0..1", answers="picture", size_multiple=1)
CODE = """
import torch
from torch import nn

class Scan(nn.Module):
    kind = nn.GRU

    def __init__(self):
        super().__init__()
        self.scan = self.kind(3, 3, batch_first=True)

    def forward(self, x):
        n, c, h, w = x.shape
        rows, _ = self.scan(x.permute(0, 2, 3, 1).reshape(n * h, w, c))
        return rows.reshape(n, h, w, c).permute(0, 3, 1, 2)

class LongScan(Scan):
    kind = nn.LSTM

class Mixed(Scan):
    def __init__(self):
        super().__init__()
        self.leave = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return x + self.leave(super().forward(x))
"""


def given(name: str, folder: Path) -> SourceSpec:
    """The code of ``name`` and weights for it, in ``folder``."""
    (folder / "net.py").write_text(CODE)
    layer: nn.Module = nn.LSTM(3, 3, batch_first=True) if name == "LongScan" else nn.GRU(3, 3, batch_first=True)
    weights = {f"scan.{key}": value for key, value in layer.state_dict().items()}
    if name == "Mixed":
        weights |= {f"leave.{key}": value for key, value in nn.Conv2d(3, 3, 3).state_dict().items()}
    torch.save(weights, folder / "net.pth")
    return SourceSpec(network=f"{folder}/net.py:{name}", weights=str(folder / "net.pth"))


@pytest.mark.parametrize(("name", "kind"), [("Scan", "GRU"), ("LongScan", "LSTM")])
def test_nothing_but_recurrent_layers_is_refused_in_one_line_by_both_commands(
    name: str, kind: str, tmp_path: Path, capsys: Capture
) -> None:
    source = given(name, tmp_path)
    assert execute(("inspect", str(source.network), "--weights", str(source.weights), "--size", "32", "48")) == 0
    told = capsys.readouterr().out
    said = f"all of its weights are in recurrent layers, which can't be quantized: scan ({kind}); leave it whole"
    for use in ("ptq", "adopt"):
        (line,) = (line for line in told.splitlines() if line.startswith(f"# not with recipe={use}"))
        assert said in line and "(teacher.source)" in line
    assert "# as a teacher of one of our students" in told
    words = (
        f"student.source.network={source.network}", f"student.source.weights={source.weights}", "data.size=[32,48]",
        "target.export.size=[32,48]", *(f"student.adapter.{word}" for word in
                                        ("colours=RGB", "range=0..1", "answers=picture", "size_multiple=1")),
    )  # fmt: skip
    for recipe in ("ptq", "adopt"):
        assert execute(("run", f"recipe={recipe}", "target=x86_edge", *words, "--store", str(tmp_path / "s"))) == 2
        err = capsys.readouterr().err
        (line,) = (line for line in err.splitlines() if line.startswith("error"))
        assert said in line and "quantize" not in [part.split()[1] for part in err.splitlines() if part[:1] == "["]


def test_beside_other_layers_they_stay_float_and_that_is_said(tmp_path: Path, capsys: Capture) -> None:
    source = given("Mixed", tmp_path)
    (tmp_path / "out").mkdir()
    brought = bring_in(source, PICTURE, tmp_path / "out")
    assert brought.left_float == ("scan (GRU)",)
    assert execute(("inspect", str(source.network), "--weights", str(source.weights), "--size", "32", "48")) == 0
    told = capsys.readouterr().out
    assert "recurrent layers can't be quantized and stay float: scan (GRU)" in told and "# not with" not in told


def test_cells_count_as_recurrent_and_biases_of_others_as_nothing() -> None:
    cells = nn.Sequential(nn.GRUCell(3, 3), nn.BatchNorm2d(3))
    assert recurrent_layers(cells) == ("0 (GRUCell)",) and recurrent_problem(cells)
    assert recurrent_problem(nn.Sequential(nn.GRUCell(3, 3), nn.Linear(3, 3))) is None
    assert recurrent_problem(nn.Sequential(nn.ReLU())) is None and recurrent_problem(nn.Conv2d(3, 3, 1)) is None
