"""What the stage leaves behind where layers are asked for in 16 bits."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_nets import AFFINE, DATA, Told, make_student

from compress.records import QuantizationTable
from compress.schema import DistillSpec, Phase, QuantizeSpec, Scheme, Seed
from compress.schema.training import OptionalTrain
from compress.stages import load_stage


@pytest.mark.parametrize("scheme", [AFFINE, Scheme(activations="symmetric")], ids=["affine", "symmetric"])
@pytest.mark.parametrize("trained", [True, False], ids=["trained", "ptq"])
def test_layers_that_are_named_take_16_bit_inputs(scheme: Scheme, trained: bool, tmp_path: Path) -> None:
    net = make_student(tmp_path / "student")
    phases = (Phase(epochs=0.01, batch=1),) if trained else ()
    for name in ("out", "scratch"):
        (tmp_path / name).mkdir()
    asked = QuantizeSpec(
        train=OptionalTrain(phases=phases, precision="fp32"), calibration_images=1, keep_float=("light",),
        int16=("repair.leave",),
    )  # fmt: skip
    load_stage("quantize").function(
        net, None, asked, DistillSpec(mask_worse=False), scheme, DATA.model_copy(update={"copies": 1}), Seed(),
        tmp_path / "out", tmp_path / "scratch", Told(),
    )  # fmt: skip
    rows = QuantizationTable.read(tmp_path / "out" / "quantization.json").tensors
    assert sum(row.quant_max == 32767 for row in rows if row.kind == "activation") == 1
    assert all(row.quant_max <= 255 for row in rows if row.kind == "weight")
    assert (tmp_path / "out" / "ptq.json").is_file() == trained
