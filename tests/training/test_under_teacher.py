"""What is checked before a student learns from a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tiny_nets
import torch

from compress.data.source import open_data
from compress.errors import ConfigError
from compress.models import build_net
from compress.models.enhance import enhance
from compress.models.weights import save_net
from compress.schema import DataSpec, DistillSpec, Hint, Phase, Train
from compress.training.under_teacher import check_names, train_under


def test_modules_that_are_not_there_are_all_named_before_any_work() -> None:
    net, teacher = build_net("light_twin", {"depth": 2}), build_net("retinex_unet", {"width": 8, "code": 8})
    right = DistillSpec(hints=(Hint(teacher="body", student="repair.middle1"),))
    check_names(right, Train(phases=(Phase(epochs=1, freeze=("light",), level_of="repair"),)), net, teacher)
    wrong = DistillSpec(hints=(Hint(teacher="bdy", student="repair.middle2"),))
    with pytest.raises(ConfigError) as caught:
        check_names(
            wrong,
            Train(phases=(Phase(epochs=1, freeze=("lihgt",), without=("rpair",), level_of="repiar"),)),
            net,
            teacher,
        )
    says = caught.value.problems
    assert says[0].startswith("distill.hints: teacher: no module 'bdy' in RetinexUNet; there are: ")
    assert says[1].startswith("distill.hints: student: no module 'repair.middle2' in LightTwin; there are: ")
    assert says[2].startswith("phases.freeze: no module 'lihgt' in LightTwin; there are: unshuffle, ")
    assert says[3].startswith("phases.without: no module 'rpair' in LightTwin; there are: unshuffle, ")
    assert says[4].startswith("phases.level_of: no module 'repiar' in LightTwin; there are: unshuffle, ")
    assert len(says) == 5


@pytest.mark.parametrize("asks", [True, False])
def test_a_teacher_that_is_asked_in_every_phase_is_not_consulted_before(asks: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_net(build_net("retinex_unet", {"width": 8, "code": 8}), tmp_path / "teacher.safetensors")
    spec = DistillSpec(hints=(Hint(teacher="body", student="repair.middle1"),))
    phases = (Phase(epochs=0.05, batch=2, downscale=2, ask=True), Phase(epochs=0.05, batch=2, ask=asks))
    data = DataSpec(licence="with scikit-image", kind="embedded", size=(64, 96), copies=1)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    train_under(
        tmp_path / "teacher.safetensors", net, spec, Train(phases=phases), data, 0, tmp_path, tmp_path, tiny_nets.Told()
    )
    assert (tmp_path / "curve.json").exists() and (tmp_path / "guide").exists() is not asks


@pytest.mark.parametrize("sees", ["dark", "truth"])
def test_a_teacher_is_asked_about_what_it_sees(sees: Literal["dark", "truth"], tmp_path: Path) -> None:
    torch.manual_seed(0)
    teacher = build_net("rir_autoencoder", {"width": 8, "depth": 1, "blocks": 1})
    save_net(teacher, tmp_path / "teacher.safetensors")
    spec = DistillSpec(hints=(Hint(teacher="trunk", student="repair.trunk"),), teacher_sees=sees)
    data = DataSpec(licence="with scikit-image", kind="embedded", size=(64, 96), copies=1)
    net = build_net("rir", {"width": 16, "light_width": 8})
    train = Train(phases=(Phase(epochs=0.05, batch=2),))
    train_under(tmp_path / "teacher.safetensors", net, spec, train, data, 0, tmp_path, tmp_path, tiny_nets.Told())
    shown = open_data(data, "train").pair(0)[0 if sees == "dark" else 1]
    said = np.load(tmp_path / "guide" / "output-00000.npy").astype(int)
    assert np.abs(said - enhance(teacher.eval(), shown)).mean() < 2  # asked in bfloat16
    assert np.load(tmp_path / "guide" / "hint0-00000.npy").shape == (8, 8, 12)


def test_who_sees_the_truth_can_t_be_asked_how_bright() -> None:
    net, teacher = build_net("rir", {}), build_net("rir_autoencoder", {"width": 8})
    train = Train(phases=(Phase(epochs=1, ask=True),))
    check_names(DistillSpec(), train, net, teacher)
    with pytest.raises(ConfigError, match="and can't be asked how bright"):
        check_names(DistillSpec(teacher_sees="truth"), train, net, teacher)
