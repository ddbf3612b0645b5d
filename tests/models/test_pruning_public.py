"""Networks in the style of public ones: what can go goes, the rest is named, and nothing else changes."""

from __future__ import annotations

import copy

import pytest
import torch
from public_styles import (
    ByBrightness,
    CurveEstimator,
    Decomposition,
    Gated,
    Grouped,
    SmallUNet,
    SuperResolution,
    Tied,
    Transformer,
    Unshuffled,
)
from torch import Tensor, nn
from torch.nn import functional as F

from compress.errors import NetworkError
from compress.models.channels import map_channels, tensors_of
from compress.models.cutting import cut_problem, merged
from compress.models.pruning import Pruning, prune_until, take_out
from compress.models.tracing import find_probe

SIZE = (64, 64)
MIXERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def smallest(net: nn.Module, multiple: int) -> Pruning:
    return prune_until(net.eval(), lambda _n, _m: False, lambda _n: None, "magnitude", multiple, (), SIZE)


def widths(net: nn.Module) -> dict[str, tuple[int, int]]:
    return {
        name: (m.in_features, m.out_features) if isinstance(m, nn.Linear) else (m.in_channels, m.out_channels)
        for name, m in net.named_modules() if isinstance(m, MIXERS)
    }  # fmt: skip


CASES: list[tuple[type[nn.Module], int, dict[str, tuple[int, int]], dict[str, str]]] = [
    (SuperResolution, 8,
     {"head": (3, 8), "block.0": (8, 8), "block.2": (8, 8), "widen": (8, 32), "tail": (8, 12)},
     {"tail": "output"}),
    (SmallUNet, 8,
     {"enter.0": (3, 8), "down.0": (8, 8), "up": (8, 8), "join": (19, 8), "leave": (8, 3)}, {"leave": "output"}),
    (Unshuffled, 4, {"enter": (12, 4), "deep": (16, 4), "leave": (4, 48)}, {"leave": "output"}),
    (Gated, 8, {"enter": (3, 8), "wide": (8, 16), "depthwise": (16, 16), "squeeze": (8, 8), "narrow": (8, 8),
                "leave": (8, 3)}, {"leave": "output"}),
    (Grouped, 8, {"enter": (3, 8), "grouped": (8, 8), "attention": (8, 1), "leave": (8, 3)},
     {"leave": "output", "attention": "a single channel"}),
    (CurveEstimator, 8, {"enter": (3, 8), "body": (8, 8), "leave": (16, 3)}, {"leave": "output"}),
    (Tied, 8, {"enter": (3, 16), "one": (16, 16), "two": (16, 16), "free": (16, 8), "leave": (8, 3)},
     {"leave": "output", "enter": "coupled to 'one', which shares", "one": "shares its weights with 'two'"}),
    (Transformer, 8, {"hidden": (16, 8), "back": (8, 16), "leave": (16, 192)},
     {"leave": "output", "qkv": ""}),
    (Decomposition, 4, {"enter": (3, 4), "inner": (4, 4), "reflectance": (4, 3), "illumination": (4, 1)},
     {"reflectance": "output", "illumination": "a single channel"}),
]  # fmt: skip


@pytest.mark.parametrize(("style", "multiple", "wanted", "named"), CASES, ids=[case[0].__name__ for case in CASES])
def test_what_can_go_goes_and_the_rest_is_named(
    style: type[nn.Module], multiple: int, wanted: dict[str, tuple[int, int]], named: dict[str, str]
) -> None:
    torch.manual_seed(0)
    net = style().eval()
    before = widths(net)
    found = smallest(net, multiple)
    assert {name: widths(found.net)[name] for name in wanted} == wanted
    told = {each.module: each.reason for each in found.left_alone}
    assert {name for name, words in named.items() if words not in told.get(name, "-")} == set()
    untouched = {name for name, width in widths(found.net).items() if width[1] == before[name][1]}
    depthwise = {name for name, m in net.named_modules() if isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1}
    assert untouched - depthwise <= set(told) and set(told) <= untouched
    x = torch.rand(1, 3, *SIZE)
    assert [y.shape for y in tensors_of(found.net(x))] == [y.shape for y in tensors_of(net(x))]
    assert widths(net) == before


ZEROED: list[tuple[type[nn.Module], str, list[int], dict[str, list[int]]]] = [
    (SuperResolution, "head", [1, 5], {"head": [1, 5], "block.2": [1, 5]}),
    (SuperResolution, "widen", [4, 5, 6, 7], {"widen": [4, 5, 6, 7]}),
    (SmallUNet, "up", [0, 15], {"up": [0, 15]}),
    (SmallUNet, "enter.0", [2], {"enter.1": [2]}),
    (Unshuffled, "enter", [3, 4], {"enter": [3, 4]}),
    (Gated, "wide", [1, 17], {"depthwise": [1, 17]}),
    (Gated, "enter", [7], {"enter": [7], "narrow": [7]}),
    (Grouped, "enter", [0, 4, 8, 12], {"enter": [0, 4, 8, 12]}),
    (Grouped, "grouped", [2, 10, 18, 26], {"grouped": [2, 10, 18, 26]}),
    (CurveEstimator, "body", [6], {"body": [6], "enter": [6]}),
    (Transformer, "hidden", [0, 31], {"hidden": [0, 31]}),
    (Decomposition, "inner", [0, 1, 11], {"inner": [0, 1, 11]}),
]


@pytest.mark.parametrize(("style", "module", "channels", "silent"), ZEROED, ids=lambda v: getattr(v, "__name__", None))
def test_a_cut_is_the_same_as_silence(
    style: type[nn.Module], module: str, channels: list[int], silent: dict[str, list[int]]
) -> None:
    """Channels that are zero from where they arise: the narrower network answers the same, at another size too."""
    torch.manual_seed(1)
    net = style().double().eval()
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    narrow = copy.deepcopy(net)
    take_out(narrow, module, channels)

    def mute(indices: list[int]) -> object:
        def hook(layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
            axis = -1 if isinstance(layer, nn.Linear) else 1
            return output.index_fill(axis, torch.tensor(indices), 0.0)

        return hook

    for name, indices in silent.items():
        net.get_submodule(name).register_forward_hook(mute(indices))  # type: ignore[arg-type]
    x = torch.rand(1, 3, 32, 48, dtype=torch.float64)
    for one, other in zip(tensors_of(narrow(x)), tensors_of(net(x)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0)


@pytest.mark.parametrize("style", [SuperResolution, SmallUNet, Gated, CurveEstimator, Transformer])
def test_a_wrong_graph_is_found_out(style: type[nn.Module]) -> None:
    torch.manual_seed(2)
    net = style().eval()
    probe = find_probe(net, SIZE)
    found = map_channels(net, probe)
    name = {SuperResolution: "widen", SmallUNet: "up", Gated: "squeeze", CurveEstimator: "body",
            Transformer: "hidden"}[style]  # fmt: skip
    atoms = list(found.outputs(name).values())
    right = merged(atoms[:2])
    assert cut_problem(net, right, probe) is None
    for place, part in enumerate(right):
        others = [*right[:place], *right[place + 1 :]]
        assert cut_problem(net, tuple(others), probe) is not None, part
        if part.side == "in":
            moved = part.__class__(part.name, part.side, tuple(i + len(part.indices) for i in part.indices))
            assert cut_problem(net, (*others, moved), probe) is not None, part


class _WithoutGrad(nn.Conv2d):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class _Noisy(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.rand_like(x[:, :1])


class _Sized(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.view(1, 3, 50, 70))


REFUSED = [
    (ByBrightness, "path depends on the picture (public_styles.py:"),
    (lambda: _WithoutGrad(3, 8, 1), "can't be followed back to its layers"),
    (lambda: _Noisy(3, 8, 1), "otherwise each time"),
    (lambda: _Sized(3, 8, 1), "does not run on a (1, 3, 64, 64) picture"),
    (lambda: torch.jit.trace(nn.Conv2d(3, 8, 1), torch.rand(1, 3, 8, 8)), "TorchScript"),
]


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize(("make", "words"), REFUSED, ids=["path", "no_grad", "noise", "size", "script"])
def test_what_can_not_be_traced_is_refused(make: type[nn.Module], words: str) -> None:
    with pytest.raises(NetworkError) as caught:
        smallest(make(), 4)
    assert words in str(caught.value) and "\n" not in str(caught.value)


class _ByPosition(nn.Module):
    """Halves for two layers, one after the other: one channel alone would move the border."""

    def __init__(self, fixed: bool) -> None:
        super().__init__()
        self.fixed = fixed
        self.enter = nn.Conv2d(3, 16, 1)
        self.one, self.two = nn.Conv2d(8, 3, 1), nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.enter(x))
        first, second = (y[:, :8], y[:, 8:]) if self.fixed else y.chunk(2, dim=1)
        return self.one(first) - self.two(second)


def test_halves_lose_their_channels_in_pairs() -> None:
    found = smallest(_ByPosition(fixed=False), 4)
    assert widths(found.net) == {"enter": (3, 8), "one": (4, 3), "two": (4, 3)}
    found = smallest(_ByPosition(fixed=True), 4)
    told = {each.module: each.reason for each in found.left_alone}
    assert widths(found.net)["enter"] == (3, 16) and "the network fails (RuntimeError" in told["enter"]


class _Norm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter, self.norm, self.leave = nn.Conv2d(3, 16, 1), nn.LayerNorm(16), nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(self.norm(self.enter(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2))


def test_a_layer_norm_counts_what_is_left() -> None:
    torch.manual_seed(3)
    net = _Norm().eval()
    narrow = smallest(net, 8).net
    assert widths(narrow) == {"enter": (3, 8), "leave": (8, 3)} and narrow.norm.normalized_shape == (8,)
