"""Training without pairs: three stages in turn, gone on with where they stopped, and no pair in what comes out.

Some twenty short trainings on small pictures, of a network of two layers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_nets
import torch
from PIL import Image

from compress.data.source import open_data
from compress.data.unpaired import parted
from compress.errors import CompressError
from compress.models.enhance import to_tensor
from compress.models.weights import TRAINED_BY, load_net, read_metadata
from compress.schema import Augment, DataSpec, Phase, Seed, Train
from compress.schema.training import OptionalTrain
from compress.schema.unpaired import DarkenedSpec, ScorerSpec, UnpairedSpec
from compress.stages import load_stage
from compress.training import unpaired as course
from compress.training.loop import Curve
from compress.training.unpaired import UnpairedFacts

PLAIN = Augment(flip=False)
PHASES = (Phase(epochs=1, batch=2),)


def _train(lr: float) -> Train:
    return Train(phases=PHASES, lr=lr, ema=0.0, precision="fp32", augment=PLAIN)


SPEC = UnpairedSpec(
    network="plain_cnn", width=16, scorer=ScorerSpec(train=_train(1e-2)), pairing=_train(1e-2), enhance=_train(1e-3),
    refine=OptionalTrain(phases=PHASES, lr=1e-2, ema=0.0, precision="fp32", augment=PLAIN), rounds=3,
)  # fmt: skip
NAMES = ["critic", "pairing", "enhance1", "refine1", "enhance2", "refine2", "enhance3"]


def _write(folder: Path, names: tuple[str, ...], changed: frozenset[tuple[str, str]] = frozenset()) -> DataSpec:
    """Six pairs, a scene each, in both splits; sides in ``changed``, by name, are white."""
    for split, seed in (("train", 0), ("test", 50)):
        for number, name in enumerate(names):
            rng = np.random.default_rng(seed + number)
            scene = rng.integers(60, 250, (4, 6, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            for side, picture in (("low", scene // 8), ("high", scene)):
                (folder / split / side).mkdir(parents=True, exist_ok=True)
                white = split == "train" and (name, side) in changed
                pixels = np.full_like(picture, 255 - number) if white else picture
                Image.fromarray(pixels).save(folder / split / side / f"{name}.png")
    return DataSpec(licence="made here", kind="paired", root=str(folder), val_fraction=0.0)


PAIRS = tuple(f"p{number}" for number in range(6))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSpec:
    return _write(tmp_path_factory.mktemp("pairs"), PAIRS)


def _trained(folder: Path, data: DataSpec, spec: UnpairedSpec = SPEC) -> tuple[Path, tiny_nets.Told]:
    told = tiny_nets.Told()
    for name in ("out", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    load_stage("unpaired").function(spec, data, Seed(), folder / "out", folder / "scratch", told)
    return folder / "out", told


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: DataSpec) -> tuple[Path, tiny_nets.Told]:
    return _trained(tmp_path_factory.mktemp("whole"), data)


def _weights(out: Path) -> dict[str, torch.Tensor]:
    return load_net(out / "net.safetensors").state_dict()


def _same(one: Path, other: Path) -> bool:
    mine, theirs = _weights(one), _weights(other)
    return all(torch.equal(value, theirs[name]) for name, value in mine.items())


def test_stages_follow_each_other_and_are_told(whole: tuple[Path, tiny_nets.Told]) -> None:
    out, told = whole
    assert [line for line in told.lines if line in NAMES] == NAMES
    facts, curve = UnpairedFacts.read(out / "unpaired.json"), Curve.read(out / "curve.json")
    assert len(facts.rounds) == 3 and facts.rounds[-1].refined_low is None and facts.rounds[0].refined_low is not None
    assert curve.steps == curve.points[-1].step == 3 * 2  # three dark pictures in batches of two
    assert read_metadata(out / "net.safetensors")[TRAINED_BY] == facts.sentence
    assert "not CLIP" in facts.sentence and "of no pair both" in facts.sentence


BACK = SPEC.model_copy(update={"rounds": 1, "darkened": DarkenedSpec(weight=1.0, uneven=0.3)})


@pytest.mark.parametrize("spec", [SPEC, BACK], ids=["as published", "darkened pictures come back"])
def test_no_pair_can_leak(data: DataSpec, tmp_path: Path, spec: UnpairedSpec) -> None:
    """White in the place of the other picture of every pair gives the same network, bit for bit."""
    whole, _ = _trained(tmp_path / "whole", data, spec)
    dark, _ = parted(open_data(data, "train"), 0, True, 0.5)
    unused = {(name, "high" if name in dark.names else "low") for name in PAIRS}
    other, _ = _trained(tmp_path / "unused", _write(tmp_path / "pictures", PAIRS, frozenset(unused)), spec)
    assert _same(whole, other)
    used = frozenset({(dark.names[0], "low")})
    changed, _ = _trained(tmp_path / "used", _write(tmp_path / "others", PAIRS, used), spec)
    assert not _same(whole, changed)


def test_pictures_that_come_back_are_told_of(data: DataSpec, tmp_path: Path) -> None:
    out, _ = _trained(tmp_path, data, BACK)
    facts = UnpairedFacts.read(out / "unpaired.json")
    assert facts.darkness is not None and len(facts.darkness.looks) == 3
    assert f"also to bring back {facts.darkness.sentence}" in facts.sentence
    assert "came_back" in Curve.read(out / "curve.json").points[-1].parts


@pytest.mark.parametrize("stopped_in", ["critic", "enhance2", "refine2"])
def test_a_stopped_run_ends_as_one_that_was_not(
    whole: tuple[Path, tiny_nets.Told], data: DataSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_in: str
) -> None:
    _stop(monkeypatch, stopped_in)
    with pytest.raises(CompressError, match="stopped"):
        _trained(tmp_path, data)
    monkeypatch.undo()
    out, told = _trained(tmp_path, data)
    assert [line for line in told.lines if line in NAMES] == NAMES[NAMES.index(stopped_in) :]
    assert any(line.startswith("goes on at step 1 of") for line in told.lines)
    assert _same(whole[0], out)


def _stop(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """``fit`` saves each step, and fails at the second one of the training of that name."""
    real: Callable[..., Curve] = course.fit

    class Breaks(tiny_nets.Told):
        def update(self, done: float, total: float, note: str = "") -> None:
            if done == 2:
                raise CompressError("stopped")

    def fit(
        net: object, objective: object, plan: object, train: Train, scratch: Path, *rest: object, points: int
    ) -> Curve:
        often = train.model_copy(update={"checkpoint_every_s": 1e-9})
        progress = Breaks() if scratch.name == name else rest[0]
        return real(net, objective, plan, often, scratch, progress, *rest[1:], points=points)

    monkeypatch.setattr(course, "fit", fit)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"refine": OptionalTrain(phases=())}, [name for name in NAMES if not name.startswith("refine")]),
        ({"rounds": 1}, NAMES[:3]),
        ({"rounds": 1, "finish": SPEC.refine}, [*NAMES[:3], "finish"]),
    ],
    ids=["no refinement", "one round", "and a finish"],
)  # fmt: skip
def test_there_is_what_was_asked_for(
    data: DataSpec, tmp_path: Path, changes: dict[str, object], names: list[str]
) -> None:
    out, told = _trained(tmp_path, data, SPEC.model_copy(update=changes))
    assert [line for line in told.lines if line in (*NAMES, "finish")] == names
    assert all(each.refined_enhanced is None for each in UnpairedFacts.read(out / "unpaired.json").rounds)


def test_the_finish_trains_what_ships(data: DataSpec, tmp_path: Path) -> None:
    """With norms folded in, so that a network with norms and a finish of no step to speak of stays what it was."""
    still = SPEC.refine.model_copy(update={"lr": 1e-12})
    spec = SPEC.model_copy(update={"network": "isp_cnn", "rounds": 1})
    plain, finished = (
        _trained(tmp_path / name, data, spec.model_copy(update={"finish": finish}))[0]
        for name, finish in (("plain", SPEC.finish), ("finished", still))
    )
    for name, value in _weights(plain).items():
        torch.testing.assert_close(value, _weights(finished)[name], msg=name)
    assert Curve.read(finished / "curve.json").steps == 2 * Curve.read(plain / "curve.json").steps


@pytest.mark.parametrize("printed", ["eq1", "eq3", "s1"])
def test_an_equation_as_printed_gives_another_network_and_says_so(
    whole: tuple[Path, tiny_nets.Told], data: DataSpec, tmp_path: Path, printed: str
) -> None:
    out, _ = _trained(tmp_path, data, SPEC.model_copy(update={"printed": (printed,)}))
    assert not _same(whole[0], out)
    assert f", {printed} as printed" in UnpairedFacts.read(out / "unpaired.json").sentence


def test_it_gets_brighter_by_unpaired_pictures_alone(data: DataSpec, tmp_path: Path) -> None:
    longer = {"phases": (Phase(epochs=12, batch=2),)}
    spec = SPEC.model_copy(update={
        "network": "light_twin", "rounds": 1, "pairing": SPEC.pairing.model_copy(update=longer),
        "scorer": ScorerSpec(train=_train(1e-2).model_copy(update=longer)),
        "enhance": SPEC.enhance.model_copy(update=longer),
    })  # fmt: skip
    source = open_data(data, "test")
    out, _ = _trained(tmp_path, data, spec)
    net = load_net(out / "net.safetensors")
    low, high = map(to_tensor, source.pair(0))
    with torch.no_grad():
        bright = net(low)
    assert float((bright - high).abs().mean()) < float((low - high).abs().mean())
    assert float(bright.mean()) > 1.2 * float(low.mean())
