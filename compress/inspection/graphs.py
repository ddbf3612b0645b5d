"""The ONNX graph of a network: of its file, or written from torch and proved to answer the same."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import NetworkError, one_line
from compress.models.tracing import find_probe, path_problem

if TYPE_CHECKING:
    import onnx
    import torch
    from torch import nn

    from compress.inspection.opening import Opened

_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_OPSET = 18
_SAME = 1e-3
"""Of the largest value: more than the order of sums makes, less than a step that tracing did not see."""
_WAY_OUT = "write that in torch operations on the picture, or keep the network whole as a teacher"


def graph_of(net: Opened, size: tuple[int, int]) -> onnx.ModelProto:
    """For pictures of ``size`` where the network comes from torch.

    Raises NetworkError where there is none that tells all of the network, with the reason and the way out.
    """
    if net.file is not None:
        return _of_file(net.file)
    if net.modules:
        try:
            path_problem(net.net, find_probe(net.net, size))
        except NetworkError:
            raise
        except Exception as error:  # somebody else's code, in double precision and watched
            raise NetworkError(f"can't be followed ({one_line(error)}); {_WAY_OUT}") from None
    return _of_torch(net.net, size)


def _of_file(path: Path) -> onnx.ModelProto:
    import onnx
    import onnx.inliner

    from compress.foreign.onnx_file import all_nodes

    try:
        onnx.checker.check_model(str(path))
        model = onnx.load(str(path))
        model = onnx.inliner.inline_local_functions(model) if model.functions else model
    except Exception as error:  # onnx raises kinds of its own from C++
        raise NetworkError(f"not a valid ONNX model ({one_line(error)}); export it again") from None
    asked = sorted({node.domain for node in all_nodes(model)} - set(_KNOWN_DOMAINS))
    if asked:
        raise NetworkError(f"operators of {', '.join(asked)}, which ONNX Runtime alone has; export it without")
    return model


def _of_torch(net: nn.Module, size: tuple[int, int]) -> onnx.ModelProto:
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
                net if isinstance(net, torch.jit.ScriptModule) else OneInput().eval(),
                (torch.zeros(1, 3, *size),), str(path), dynamo=False, opset_version=_OPSET, input_names=["input"],
            )  # fmt: skip
        except Exception as error:  # the exporter and a foreign network may raise anything
            raise NetworkError(f"can't be written as ONNX ({one_line(error)}); {_WAY_OUT}") from None
        _prove(net, path, size)
        simple, same = onnxsim.simplify(onnx.load(str(path)))  # folds the arithmetic of sizes, as export does
        return simple if same else onnx.load(str(path))


def _prove(net: nn.Module, path: Path, size: tuple[int, int]) -> None:
    """That the graph is the network: tracing makes constants of what it can't see."""
    import numpy as np
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common root but RuntimeError and its own
        raise NetworkError(f"written as ONNX, ONNX Runtime can't open it ({one_line(error)}); {_WAY_OUT}") from None
    for brightness in (0.1, 0.9):
        x = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)) * brightness
        wanted = [each.numpy() for each in _tensors(net(x.clone()))]
        given = session.run(None, {"input": x.numpy()}) if session.get_inputs() else []
        if len(given) == len(wanted) and all(map(_close, wanted, given)):
            continue
        again = [each.numpy() for each in _tensors(net(x.clone()))]
        if not all(np.array_equal(one, other, equal_nan=True) for one, other in zip(wanted, again, strict=True)):
            raise NetworkError(f"it answers the same picture otherwise each time (random numbers?); {_WAY_OUT}")
        raise NetworkError(
            "written as ONNX it answers otherwise: a part of its forward can't be traced (numpy, or a number made of "
            f"the picture); {_WAY_OUT}"
        )


def _tensors(answer: Any) -> list[torch.Tensor]:
    """As the exporter orders them."""
    import torch
    from torch.utils._pytree import tree_leaves

    return [each for each in tree_leaves(answer) if isinstance(each, torch.Tensor)]


def _close(wanted: Any, given: Any) -> bool:
    import numpy as np

    if wanted.shape != given.shape:
        return False
    largest = float(np.abs(wanted).max(initial=0.0))
    return bool(np.allclose(wanted, given, rtol=0.0, atol=_SAME * largest, equal_nan=True))
