"""What a network answers and which sizes it takes, by running it."""

from __future__ import annotations

import public_styles
import pytest
import torch
from foreign_nets import make
from torch import Tensor, nn

from compress.errors import WeightsError
from compress.inspection.answers import answer_to, try_sizes


@pytest.mark.parametrize(
    ("net", "multiple", "failed"),
    [
        (make("curve.Curve"), 1, ()),
        (make("pair.Pair"), 4, (1, 2)),
        (public_styles.Transformer(), 8, (1, 2, 4)),
        (public_styles.TwiceTheSize(), 2, (1,)),  # 65 to 128: runs, but is no picture twice as large
        (nn.Conv2d(3, 24, 3), 1, ()),  # nothing that could be a picture: running is all that can be asked
        (nn.Linear(7, 7), None, (1, 2, 4, 8, 16, 32, 64)),
    ],
)
def test_the_smallest_multiple_that_runs(net: nn.Module, multiple: int | None, failed: tuple[int, ...]) -> None:
    found = try_sizes(net.eval())
    assert (found.multiple, found.failed) == (multiple, failed)
    assert bool(found.reason) == bool(failed)


def test_outputs_as_an_adapter_names_them() -> None:
    curve = answer_to(make("curve.Curve"), (32, 48))
    assert [each.name for each in curve.outputs] == ["0", "1", "2"] and curve.chosen == "place"
    assert curve.pictures((32, 48)) == ("0", "1")
    pair = answer_to(make("pair.Pair"), (32, 48))
    assert [(each.name, each.shape) for each in pair.outputs] == [
        ("reflectance", (1, 3, 32, 48)), ("illumination", (1, 1, 32, 48)),
    ]  # fmt: skip
    assert pair.chosen == "name" and pair.pictures((32, 48)) == ("reflectance",)
    larger = answer_to(public_styles.TwiceTheSize(), (32, 48))
    assert larger.chosen is None and larger.pictures((32, 48)) == () and larger.scales((32, 48)) == {(2, 1)}


class Odd(nn.Module):
    """Gives ``answer``, or raises it."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_what_is_no_answer_is_one_line() -> None:
    for given, says in ((None, "gives NoneType"), (KeyError("a\nb"), "fails on 1x3x8x8: KeyError")):
        with pytest.raises(WeightsError, match=says) as caught:
            answer_to(Odd(given), (8, 8))
        assert "\n" not in str(caught.value)
    assert [each.shape for each in answer_to(Odd((torch.zeros(2), "x")), (8, 8)).outputs] == [(2,), ()]
