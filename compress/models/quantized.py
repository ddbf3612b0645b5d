"""Fake-quant networks by NNCF: made, saved, restored, and read out as one table of scales.

NNCF's names: ``light/enter/conv2d/0`` is the first conv2d call inside module ``light.enter``;
``/mul/2`` is the third multiplication written in the network's own ``forward``. What stands there is
image-space arithmetic (thumbnail, gain, shoulder, last add, clip) and stays out of int8: eight bits
of a dark input times 16 would be four bits of picture. The one exception loses nothing: the camera's
own 8-bit codes.
"""

from __future__ import annotations

import io
import json
import logging
import math
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from compress.artefacts import net_file
from compress.errors import BuildError
from compress.foreign.adapted import Adapted, own_names
from compress.foreign.pinning import pin, pin_camera_codes
from compress.models.enhance import small_size
from compress.models.tracing import unread_layers
from compress.models.weights import load_net
from compress.records import QuantizationTable, TensorScale
from compress.schema import QuantizeSpec, Scheme

# Before NNCF's first import: how long a busy machine may take to compile its fake-quant kernels, once (25 s on two
# idle cores; NNCF itself gives up at 60 s).
os.environ.setdefault("NNCF_EXTENSION_LOAD_TIMEOUT", "900")

Which = Literal["qat", "ptq"]

IMAGE_SPACE = r"^/[^/]+/\d+$"
"""NNCF names of operations written in the outermost ``forward``."""

_HOOK = re.compile(r"__nncf_hooks\.(pre|post)_hooks\.(.*)__(\d+)\.\d+")

_NORMS = ("layer_norm", "group_norm", "instance_norm")
"""NNCF would quantize their own weights, and fails at it; on devices they run in float."""

ENTRY = "unshuffle"
"""The fixed convolution on the camera's picture. Affine codes hold its input exactly (steps of 1/255);
symmetric ones would halve them, so there it stays float."""


PINNED = "pinned"
"""Metadata key: the ranges that are known and never trained, by parameter."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps NNCF's progress bars and the loading notes of torchao and torch off the user's screen."""
    for name in ("nncf", "torchao", "torch.utils._pytree"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with redirect_stdout(io.StringIO()):
        yield


def _load_kernels() -> None:
    """Compile NNCF's kernels if this machine has not yet; one process at a time.

    A process killed while compiling leaves torch's lock file, and whoever comes next would wait for it.
    Under our own lock, which dies with its holder, such a file is nobody's.
    """
    from filelock import FileLock
    from nncf.torch.quantization.extensions import QuantizedFunctionsCPU, QuantizedFunctionsCPULoader

    folder = Path(QuantizedFunctionsCPULoader.get_build_dir())
    with FileLock(folder / "compress.lock"):
        (folder / "lock").unlink(missing_ok=True)
        QuantizedFunctionsCPU.get("Quantize_forward")


def _advanced(scheme: Scheme) -> Any:
    from nncf.quantization.advanced_parameters import (
        AdvancedQuantizationParameters,
        OverflowFix,
        QuantizationMode,
        QuantizationParameters,
    )
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    symmetric = scheme.activations == "symmetric"
    return AdvancedQuantizationParameters(
        overflow_fix=OverflowFix.DISABLE,
        # It runs a layer on a picture of its inputs' means, where zero padding weighs otherwise than in real ones: a
        # shift that is no fault of int8, stays in layers left float, and that training finds by itself (ADR 0010).
        disable_bias_correction=True,
        activations_quantization_params=QuantizationParameters(
            mode=QuantizationMode.SYMMETRIC if symmetric else QuantizationMode.ASYMMETRIC,
            per_channel=False,
        ),
        weights_quantization_params=QuantizationParameters(
            mode=QuantizationMode.SYMMETRIC, per_channel=scheme.weights == "per_channel", signedness_to_force=True
        ),
        # Pictures have true extremes (a lamp is white): ranges hold all of them, no percentile.
        activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
    )


def insert_fake_quant(net: nn.Module, frames: list[Tensor], scheme: Scheme, spec: QuantizeSpec) -> nn.Module:
    """``net`` with fake-quant layers whose first ranges come from ``frames`` (each (1, 3, H, W) in [0, 1]).

    Raises BuildError for a scheme that can't be trained here.
    """
    import nncf

    if scheme.activation_bits != 8:
        raise BuildError("scheme.activation_bits: 16-bit activations can't be trained; use 8, and target.int16_layers")
    affine = scheme.activations == "affine"
    kept = own_names(net, spec.keep_float)
    floating = kept if affine else (*kept, ENTRY)
    floating = (*floating, *(unread_layers(net, frames[0]) if isinstance(net, Adapted) else ()))
    patterns = [IMAGE_SPACE, *(f"^{re.escape(prefix.replace('.', '/'))}(/.*)?$" for prefix in floating)]
    with _quiet():
        _load_kernels()
        quantized: nn.Module = nncf.quantize(
            net.eval(), nncf.Dataset(frames), subset_size=len(frames),
            preset=nncf.QuantizationPreset.MIXED,  # activations as _advanced says
            ignored_scope=nncf.IgnoredScope(patterns=patterns, types=list(_NORMS), validate=False),
            advanced_parameters=_advanced(scheme),
        )  # fmt: skip
    _share_weights(quantized)
    if affine:
        _pin_input(quantized)
        if isinstance(quantized, Adapted):
            pin_camera_codes(quantized)
    else:
        _sign(quantized)
    return quantized


def layer_at(net: nn.Module, place: str) -> str | None:
    """``repair/middle1/conv2d/0`` is a call of layer ``repair.middle1``; None for one of a module with others in it."""
    name = place.rsplit("/", 2)[0].replace("/", ".")
    return None if list(net.get_submodule(name).children()) else name


def _has_one_weight(net: nn.Module, layer: str | None) -> bool:
    if layer is None:
        return False
    module = net.get_submodule(layer)
    tensors = (*module.parameters(recurse=False), *module.buffers(recurse=False))
    return sum(each.dim() > 1 for each in tensors) == 1


def _share_weights(net: nn.Module) -> None:
    """One quantizer for the weight of a layer that is called several times: trained apart, they would be several
    weights in a build."""
    first: dict[str, str] = {}
    for name, module in list(net.named_modules()):
        found = _HOOK.fullmatch(name)
        if found is None or not hasattr(module, "levels"):
            continue
        when, place, port = found[1], found[2], found[3]
        if is_weight(when, place, port, math.prod(getattr(module, "scale_shape", (1,)))):
            same = first.setdefault(f"{when} {place.rpartition('/')[0]} {port}", name)
            if same != name and _has_one_weight(net, layer_at(net, place)):
                net.set_submodule(name, net.get_submodule(same))


def _pin_input(net: nn.Module) -> None:
    """Make the input's codes the camera's: [0, 1] in 256 steps of 1/255, never trained.

    An 8-bit picture passes such a layer unchanged, and so it does the fixed 0/1 kernel of the unshuffling
    convolution behind it, which may then run on the bytes themselves.
    """
    for name, module in net.named_modules():
        place = name.removeprefix("__nncf_hooks.").split("__")[0]
        if place in ("post_hooks.x", f"pre_hooks.{ENTRY}/conv2d/0") and hasattr(module, "levels"):
            pin(module, 0.0, 1.0)


def _sign(net: nn.Module) -> None:
    """Signed codes everywhere: NNCF takes unsigned ones behind a ReLU, which TensorRT's parser refuses."""
    from nncf.torch.quantization.layers import SymmetricQuantizer

    for module in net.modules():
        if isinstance(module, SymmetricQuantizer):
            module.signed = True


def save_fake_quant(net: nn.Module, folder: Path, which: Which) -> None:
    """Write ``<which>.json`` (NNCF's configuration) and ``<which>.safetensors`` (all parameters and ranges)."""
    from nncf.torch import get_config
    from safetensors.torch import save_file

    (folder / f"{which}.json").write_text(json.dumps(get_config(net), sort_keys=True, default=str) + "\n")
    tensors = {name: value.detach().contiguous().clone() for name, value in net.state_dict().items()}
    pinned = [name for name, value in net.named_parameters() if "__nncf_hooks" in name and not value.requires_grad]
    save_file(tensors, folder / f"{which}.safetensors", metadata={PINNED: json.dumps(pinned)})


def load_fake_quant(folder: Path, which: Which) -> nn.Module:
    """The fake-quant network of a Quantized artefact, in eval mode. Input and output as the float network's."""
    from nncf.torch import load_from_config
    from safetensors import safe_open
    from safetensors.torch import load_file

    net = load_net(net_file(folder))
    config = json.loads((folder / f"{which}.json").read_text())
    with _quiet():
        _load_kernels()
        restored: nn.Module = load_from_config(net, config)
    restored.load_state_dict(load_file(folder / f"{which}.safetensors"))
    with safe_open(folder / f"{which}.safetensors", framework="numpy") as opened:
        pinned = json.loads((opened.metadata() or {}).get(PINNED, "[]"))
    for name in pinned:
        restored.get_parameter(name).requires_grad_(False)
    return restored.eval()


def strip(net: nn.Module, height: int, width: int) -> nn.Module:
    """A copy in which NNCF's layers are torch's own ``FakeQuantize``, which exports to QDQ."""
    import nncf

    hooks = net.named_modules(remove_duplicate=False)
    wide = {name: module for name, module in hooks if getattr(module, "num_bits", 8) == 16}
    found: dict[str, tuple[int, int, Tensor]] = {  # symmetric ones only; NNCF's own sums end a step off zero
        name: (module.level_low, module.level_high, (module.scale.detach().abs() + module.eps) / module.level_high)
        for name, module in cast(dict[str, Any], wide).items()
    }  # fmt: skip
    with _quiet(), _as_eight_bits(wide.values()):
        stripped: nn.Module = nncf.strip(net.eval(), do_copy=True, example_input=torch.zeros(1, 3, height, width))
    _strip_shared(stripped)
    for name, (low, high, scale) in found.items():
        fake: Any = stripped.get_submodule(name)
        for holder in (fake, fake.activation_post_process):  # torch computes with the second
            holder.quant_min, holder.quant_max = low, high
        fake.scale, fake.zero_point = scale.reshape(()), torch.zeros((), dtype=torch.int32)
    return stripped.eval()


def _strip_shared(stripped: nn.Module) -> None:
    """Branches that meet in a concatenation share a quantizer, and NNCF strips it at the first of its places only."""
    from nncf.torch.quantization.layers import BaseQuantizer
    from nncf.torch.quantization.strip import convert_to_torch_fakequantizer

    for name, module in list(stripped.named_modules(remove_duplicate=False)):
        if isinstance(module, BaseQuantizer):
            stripped.set_submodule(name, convert_to_torch_fakequantizer(module))


@contextmanager
def _as_eight_bits(modules: Iterable[Any]) -> Iterator[None]:
    """NNCF strips quantizers of 8 bits only."""
    kept = tuple(modules)
    try:
        for module in kept:
            module.num_bits = 8
            module.set_levels()
        yield
    finally:
        for module in kept:
            module.num_bits = 16
            module.set_levels()


def is_weight(when: str, place: str, port: str, scales: int) -> bool:
    """Whether the quantizer at ``<when>_hooks.<place>__<port>``, of so many scales, is of a layer's weight: the second
    input of a convolution or a linear layer, wherever it stands. A product of two activations has one scale each."""
    kind = place.rsplit("/", 2)[-2] if "/" in place else ""
    return when == "pre" and (scales > 1 or port == "1" and kind.startswith(("conv", "linear")))


def read_table(net: nn.Module, scheme: Scheme, kept_float: tuple[str, ...]) -> QuantizationTable:
    """The table of trained scales of a fake-quant network: every quantized tensor once, sorted by name."""
    from torch.ao.quantization import FakeQuantize

    rows = [
        _row(name, module)
        for name, module in strip(net, *small_size(net)).named_modules()
        if isinstance(module, FakeQuantize)
    ]
    rows.sort(key=lambda row: (row.kind, row.tensor))
    return QuantizationTable(scheme=scheme.model_dump(mode="json"), tensors=tuple(rows), kept_float=kept_float)


def _row(name: str, module: Any) -> TensorScale:
    """A FakeQuantize at ``__nncf_hooks.<pre|post>_hooks.<operation>__<port>.<n>`` as a row."""
    hooks, place, port = _HOOK.fullmatch(name).groups()  # type: ignore[union-attr]
    weight = is_weight(hooks, place, port, module.scale.numel())
    output = "output" if port == "0" else f"output {port}"
    scale = [float(value) for value in module.scale.flatten()]
    zero = [int(value) for value in module.zero_point.flatten()]
    low = tuple((module.quant_min - z) * s for s, z in zip(scale, zero, strict=True))
    high = tuple((module.quant_max - z) * s for s, z in zip(scale, zero, strict=True))
    return TensorScale(
        tensor=f"{place} {'weight' if weight else output if hooks == 'post' else f'input {port}'}",
        kind="weight" if weight else "activation", scale=tuple(scale), zero_point=tuple(zero),
        quant_min=int(module.quant_min), quant_max=int(module.quant_max), low=low, high=high,
        axis=int(module.ch_axis) if len(scale) > 1 else None,
    )  # fmt: skip
