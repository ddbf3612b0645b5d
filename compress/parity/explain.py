"""Why a build gives another picture: its first layer that diverges, for the frame where it is farthest off."""

from __future__ import annotations

import tempfile
from pathlib import Path

from compress.errors import BuildError
from compress.parity.bisect import first_divergence, narrowed
from compress.parity.compare import Subject
from compress.parity.frames import Frame
from compress.parity.probe import Probe, open_probe
from compress.parity.records import Divergence, ParityRow
from compress.records import Build

_OPSET = 18


def worst_frame(row: ParityRow) -> int:
    """Index of the image to look at: the one farthest from the reference."""
    if row.delta_db:
        return max(range(len(row.delta_db)), key=lambda index: abs(row.delta_db[index]))
    closeness = row.to_reference_db
    return min(range(len(closeness)), key=closeness.__getitem__) if closeness else 0


def explain(subject: Subject, build: Build, frame: Frame) -> Divergence:
    """Compare ``build`` layer by layer with the torch network that it was made from.

    Raises BuildError where the build can't be looked into or run, or its network is not at hand.
    """
    from compress.parity.torch_probe import TorchProbe
    from compress.runtimes.picture import to_batch

    net = subject.network(build.variant)
    if net is None:
        raise BuildError(f"the {build.variant} network it was made from is not in the store")
    suspect = open_probe(build.runtime, subject.folder, build.files)
    sized = frame.fitted(build.height, build.width) if build.height and build.width else frame
    x = to_batch(sized.dark, build.contract.size_multiple)
    found = first_divergence(TorchProbe(net), suspect, x)
    if found.first is None or found.only_when_fused or found.first.label.endswith(" weight"):
        return found
    with tempfile.TemporaryDirectory() as folder:
        every_operator = _interchange(net, build.variant in ("int8", "ptq"), x.shape[2:], Path(folder))
        return narrowed(found, first_divergence(every_operator, suspect, x))


def _interchange(net: object, fake_quant: bool, size: tuple[int, ...], folder: Path) -> Probe:
    """The network as the checked ONNX file that builds start from, run as it is written."""
    from torch import nn

    from compress.models.quantized import strip
    from compress.parity.onnx_probe import OnnxProbe
    from compress.runtimes.interchange import OnnxRequest, export_onnx

    assert isinstance(net, nn.Module)
    height, width = size
    plain = strip(net, height, width) if fake_quant else net
    export_onnx(plain, OnnxRequest((height, width), False, _OPSET, {}), folder / "net.onnx")
    return OnnxProbe(folder, ("net.onnx",), as_written=True)
