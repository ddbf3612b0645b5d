"""What is checked before a student learns from a teacher."""

from __future__ import annotations

import pytest

from compress.errors import ConfigError
from compress.models import build_net
from compress.schema import DistillSpec, Hint, Phase, Train
from compress.training.under_teacher import check_names


def test_modules_that_are_not_there_are_all_named_before_any_work() -> None:
    net, teacher = build_net("light_twin", {"depth": 2}), build_net("retinex_unet", {"width": 8, "code": 8})
    right = DistillSpec(hints=(Hint(teacher="body", student="repair.middle1"),))
    check_names(right, Train(phases=(Phase(epochs=1, freeze=("light",)),)), net, teacher)
    wrong = DistillSpec(hints=(Hint(teacher="bdy", student="repair.middle2"),))
    with pytest.raises(ConfigError) as caught:
        check_names(wrong, Train(phases=(Phase(epochs=1, freeze=("lihgt",)),)), net, teacher)
    says = caught.value.problems
    assert says[0].startswith("distill.hints: teacher: no module 'bdy' in RetinexUNet; there are: ")
    assert says[1].startswith("distill.hints: student: no module 'repair.middle2' in LightTwin; there are: ")
    assert (
        says[2].startswith("phases.freeze: no module 'lihgt' in LightTwin; there are: unshuffle, ") and len(says) == 3
    )
