"""A teacher that sees the truth learns it, and is watched on it."""

from __future__ import annotations

from pathlib import Path

import tiny_nets
import torch

from compress.data.source import open_data
from compress.metrics import psnr_db
from compress.models.enhance import enhance
from compress.models.weights import load_net
from compress.schema import Augment, DataSpec, Phase, Seed, TeachSpec, Train
from compress.stages import load_stage
from compress.training.loop import Curve

DATA = DataSpec(licence="with scikit-image", kind="embedded", size=(64, 96), copies=1)


def _taught(spec: TeachSpec, folder: Path) -> float:
    """PSNR in dB on the validation split, as the curve's last point has it."""
    (folder / "scratch").mkdir(parents=True)
    load_stage("teach").function(spec, DATA, Seed(), folder, folder / "scratch", tiny_nets.Told())
    last = Curve.read(folder / "curve.json").points[-1].val_psnr_db
    assert last is not None
    return last


def test_an_auto_encoder_is_trained_and_watched_on_the_truth(tmp_path: Path) -> None:
    train = Train(phases=(Phase(epochs=3, batch=4),), lr=2e-3, ema=0.9, augment=Augment(flip=False))
    spec = TeachSpec(network="plain_cnn", width=16, sees="truth", noise=0.05, train=train)
    found = _taught(spec, tmp_path / "truth")
    net = load_net(tmp_path / "truth" / "net.safetensors")
    val = open_data(DATA, "val")
    pictures = [val.pair(index)[1] for index in range(len(val))]
    mine = sum(psnr_db(enhance(net, high), high) for high in pictures) / len(pictures)
    assert abs(found - mine) < 0.5  # the file has half the digits
    assert mine > sum(psnr_db(enhance(net, val.pair(i)[0]), high) for i, high in enumerate(pictures)) / len(pictures)


def test_noise_changes_what_is_learnt(tmp_path: Path) -> None:
    train = Train(phases=(Phase(epochs=0.2, batch=2),))
    for noise in (0.0, 0.2):
        _taught(TeachSpec(network="plain_cnn", width=16, sees="truth", noise=noise, train=train), tmp_path / str(noise))
    one, other = (load_net(tmp_path / name / "net.safetensors").state_dict() for name in ("0.0", "0.2"))
    assert any(not torch.equal(value, other[name]) for name, value in one.items())


def test_settings_that_are_as_before_leave_the_key_as_it_was() -> None:
    assert not {"sees", "noise", "scale"} & TeachSpec().identity().keys()
    assert {"sees", "noise"} <= TeachSpec(sees="truth", noise=0.1).identity().keys()
