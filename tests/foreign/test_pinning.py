"""Codes of the picture are the camera's; a quantizer that other tensors share holds what those need, too."""

from __future__ import annotations

from pathlib import Path

import public_styles
import torch
from foreign_nets import PICTURE
from torch import Tensor

from compress.foreign.adapted import Adapted
from compress.foreign.taken import take_in
from compress.models.quantized import insert_fake_quant
from compress.schema import QuantizeSpec, Scheme, SourceSpec

ADAPTER = PICTURE.model_copy(update={"size_multiple": 2, "padding": "reflect"})


def loud_unet(folder: Path) -> Adapted:
    """Joins its features, up to some tens, with the picture itself."""
    net = public_styles.SmallUNet().eval()
    with torch.no_grad():
        net.enter[0].weight.mul_(20.0)
    torch.save(net.state_dict(), folder / "weights.pth")
    source = SourceSpec(network=f"{public_styles.__file__}:SmallUNet", weights=str(folder / "weights.pth"))
    (folder / "net").mkdir()
    return take_in(source, ADAPTER, folder / "net", student=True)


def test_features_joined_with_the_picture_are_not_cut_at_the_pictures_white(tmp_path: Path) -> None:
    net, frames = loud_unet(tmp_path), [0.2 * torch.rand(1, 3, 32, 32) for _ in range(2)]
    fake = insert_fake_quant(net, frames, Scheme(), QuantizeSpec())
    tops: list[float] = []

    def look(module: torch.nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        if hasattr(module, "input_low") and inputs[0].dim() == 4:
            tops.append(float(inputs[0].max()) - float(module.input_low + module.input_range))

    for module in fake.modules():
        module.register_forward_hook(look)
    with torch.no_grad():
        fake(frames[0])
    assert tops and max(tops) < 1e-4  # what calibration saw is not cut


def test_the_pictures_own_quantizer_is_not_trained(tmp_path: Path) -> None:
    fake = insert_fake_quant(loud_unet(tmp_path), [torch.rand(1, 3, 32, 32)], Scheme(), QuantizeSpec())
    fixed = [
        (float(module.input_low), float(module.input_low + module.input_range))
        for module in fake.modules()
        if hasattr(module, "input_low") and not any(each.requires_grad for each in module.parameters())
    ]
    assert fixed == [(0.0, 1.0)]
