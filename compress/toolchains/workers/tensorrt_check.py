"""Parses an ONNX file with TensorRT-RTX and builds an ahead-of-time engine of it, without a GPU.

    python -I tensorrt_check.py request.json answer.json

Asked: ``onnx`` (path), ``architecture`` (``SM87``), ``operators`` (what the graph holds). Answered: operators
that the parser lacks, the nodes it refuses with its own words, its warnings, and for a graph it takes the
engine's layers, size and memory. An engine can't be opened without a GPU, so layers and memory are read
from what the builder logs; its version is pinned.

TensorRT-RTX does not know every architecture. A GPU runs code of its own major version and a minor version
not above its own, so the best of those stands in.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

trt: Any = import_module("tensorrt_rtx_bindings")  # not in the core environment, where this file is type-checked

_LAYER = re.compile(
    r"^Name: (?P<name>.*?), LayerType: (?P<kind>\w+), Inputs: \[(?P<inputs>.*?)\], "
    r"Constants: \[(?P<constants>.*?)\], Outputs: \[(?P<outputs>.*?)\], TacticName: .*?Metadata: ?(?P<metadata>.*)$"
)
_TYPE = re.compile(r"Datatype: (\w+)")
_NODE = re.compile(r"\[ONNX Layer: ([^\]]*)\]")
_MEMORY = re.compile(r"^Total (Activation|Weights) Memory: (\d+) bytes")
_ARCHITECTURE = re.compile(r"SM(\d+)(\d)")


class Refusal(Exception):
    """What can't be done, in one line."""


class Log(trt.ILogger):  # type: ignore[misc]
    """Keeps what the SDK says instead of printing it."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.lines: list[tuple[str, str]] = []

    def log(self, severity: Any, message: str) -> None:
        """Called by the SDK."""
        self.lines.append((severity.name, message))

    def texts(self, severity: str) -> list[str]:
        """Different messages of one severity, in order, each as one line."""
        return list(dict.fromkeys(_one_line(text) for name, text in self.lines if name == severity))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def nearest(asked: str, known: Iterable[str]) -> str:
    """The name in ``known`` whose code a GPU of architecture ``asked`` runs best."""
    wanted = _version(asked)
    versions = {name: _version(name) for name in known if _ARCHITECTURE.fullmatch(name)}
    fitting = {name: version for name, version in versions.items() if version[0] == wanted[0] and version <= wanted}
    if not fitting:
        raise Refusal(f"TensorRT-RTX {trt.__version__} builds nothing that {asked} runs, only {', '.join(versions)}")
    return max(fitting, key=lambda name: fitting[name])


def _version(name: str) -> tuple[int, int]:
    match = _ARCHITECTURE.fullmatch(name)
    if not match:
        raise Refusal(f"'{name}' is no GPU architecture; write it like SM87")
    return int(match[1]), int(match[2])


def check(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""
    log = Log()
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    architecture = nearest(request["architecture"], trt.ComputeCapability.__members__)
    parsed = parser.parse(Path(request["onnx"]).read_bytes())
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    answer: dict[str, Any] = {
        "sdk": f"TensorRT-RTX {trt.__version__}",
        "architecture": architecture,
        "lacking": [name for name in request["operators"] if not parser.supports_operator(name)],
        "refused": [
            {"node": error.node_name(), "operator": error.node_operator(), "reason": _reason(error)} for error in errors
        ],
        "warnings": log.texts("WARNING"),
        "layers": [],
        "engine_size_bytes": 0,
        "activation_memory_bytes": None,
        "weights_memory_bytes": None,
    }
    if parsed and not errors:
        answer.update(build(builder, network, architecture, log))
    return answer


def _reason(error: Any) -> str:
    return f"{error.code().name}: {_one_line(error.desc())}"


def build(builder: Any, network: Any, architecture: str, log: Log) -> dict[str, Any]:
    """Facts of the engine built ahead of time for ``architecture``."""
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.clear_flag(trt.BuilderFlag.TF32)
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.__members__[architecture], 0)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        said = log.texts("ERROR") or ["no reason given"]
        raise Refusal(f"TensorRT-RTX {trt.__version__} can't build an engine of it: {said[0]}")
    layers = [layer for _, text in log.lines if text.startswith("Layers:") for layer in _layers(text)]
    memory = {match[1]: int(match[2]) for _, text in log.lines if (match := _MEMORY.match(text))}
    return {
        "layers": layers,
        "engine_size_bytes": engine.nbytes,
        "activation_memory_bytes": memory.get("Activation"),
        "weights_memory_bytes": memory.get("Weights"),
    }


def _layers(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        match = _LAYER.match(line)
        if match:
            yield {
                "name": match["name"],
                "kind": match["kind"],
                "inputs": _TYPE.findall(match["inputs"]),
                "constants": _TYPE.findall(match["constants"]),
                "outputs": _TYPE.findall(match["outputs"]),
                "nodes": _NODE.findall(match["metadata"]),
            }


def main(asked: str, answered: str) -> None:
    """Read the request, write the answer or ``{"error": ...}``."""
    try:
        answer = check(json.loads(Path(asked).read_text()))
    except Refusal as refusal:
        answer = {"error": str(refusal)}
    Path(answered).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
