"""Opening what ``compress inspect`` is given, as an ONNX graph; what can't be trusted is refused by name."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import NetworkError, WeightsError, one_line

if TYPE_CHECKING:
    import onnx
    from torch import nn

_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_OPSET = 18


def open_onnx(path: Path) -> onnx.ModelProto:
    """A checked model, without its external data. No library of custom operators is loaded for it.

    Raises WeightsError: no ONNX, operators of another domain, data outside of the folder or beyond its file's end.
    """
    import onnx
    from google.protobuf.message import DecodeError

    from compress.foreign.onnx_file import all_nodes, check_onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole ONNX file ({str(error)[:80]}); export it again") from None
    custom = next((node for node in all_nodes(model) if node.domain not in _KNOWN_DOMAINS), None)
    if custom is not None:
        asked = f"{custom.domain}.{custom.op_type}"
        raise WeightsError(f"{path}: asks for the custom operator {asked}, whose library is not loaded; export without")
    check_onnx(path)
    try:
        onnx.checker.check_model(str(path))
    except (onnx.checker.ValidationError, ValueError) as error:
        raise WeightsError(f"{path}: not a valid ONNX model ({one_line(error)}); export it again") from None
    return model


def open_net(text: str, weights: Path | None) -> nn.Module:
    """``module:callable`` (which runs that code) with weights from safetensors, or a ``.safetensors`` of our own.

    Raises WeightsError.
    """
    from compress.models.weights import load_net

    if ":" not in text:
        return load_net(Path(text))
    from torch import nn

    module, _, name = text.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        net = getattr(importlib.import_module(module), name)()
    except Exception as error:  # somebody else's code
        raise WeightsError(f"{text}: {one_line(error)}") from None
    finally:
        sys.path.remove(os.getcwd())
    if not isinstance(net, nn.Module):
        raise WeightsError(f"{text}: gives {type(net).__name__}, no torch module")
    if weights is not None:
        _fill(net, weights)
    return net.eval()


def _fill(net: nn.Module, weights: Path) -> None:
    from safetensors.torch import load_file

    from compress.models.weights import read_metadata

    read_metadata(weights)  # refuses a pickle by name
    try:
        net.load_state_dict(load_file(weights))
    except RuntimeError as error:
        lines = [" ".join(line.split()) for line in str(error).splitlines()]
        raise WeightsError(f"{weights}: doesn't fit the network: {'; '.join(lines[1:3])[:200]}") from None


@contextmanager
def as_onnx(net: nn.Module, size: tuple[int, int]) -> Iterator[onnx.ModelProto]:
    """A torch network as a graph for (1, 3, height, width). Raises NetworkError where torch can't write it."""
    import onnx
    import onnxsim
    import torch
    from torch import nn

    class OneInput(nn.Module):
        """The exporter would make inputs of ``forward``'s optional arguments."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, picture: torch.Tensor) -> Any:
            return self.net(picture)

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the exporter's own deprecations and trace notes
        path = Path(folder) / "net.onnx"
        try:
            torch.onnx.export(
                OneInput().eval(), (torch.zeros(1, 3, *size),), str(path), dynamo=False, opset_version=_OPSET,
                input_names=["input"], output_names=["output"],
            )  # fmt: skip
        except Exception as error:  # the exporter and a foreign network may raise anything
            raise NetworkError(f"can't be written as ONNX for {size[0]}x{size[1]}: {one_line(error)}") from None
        simple, same = onnxsim.simplify(onnx.load(str(path)))  # folds the arithmetic of sizes, as export does
        yield simple if same else onnx.load(str(path))
