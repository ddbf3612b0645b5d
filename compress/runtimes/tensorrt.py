"""TensorRT for Jetson: the checked ONNX file and what the board needs to make the engine itself.

An engine is tied to its GPU and its TensorRT, so its board makes it: at once where ``options.host`` names one
(``tensorrt_board``), else later. A build is

    NAME.onnx        the graph, checked against TensorRT's rules for QuantizeLinear and DequantizeLinear
    NAME.engine.sh   the pinned trtexec command, for the board
    NAME.engine.py   the same for JetPack's Python
    NAME.proxy.json  what TensorRT-RTX made of the graph
    NAME.engine, NAME.timing, NAME.layers.json, NAME.board.json    what the board made, where one was named

TensorRT-RTX is a sister product that parses and compiles without a GPU. Its ahead-of-time engine, for the
nearest architecture that it knows, stands in for the Jetson's and is called a proxy wherever it shows: it
finds operators that are lacking and layers that fall back to float; it proves nothing about speed or
accuracy on the board. How the graph meets TensorRT's rules, and what runs in float: docs/adr/0007-tensorrt-qdq.md.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from compress.errors import BuildError
from compress.records import Inspection, QuantizationTable, Record, TensorSpec
from compress.runtimes.base import PLAIN, BuildOptions, FloatPrecision, Ports, RunOptions, Runtime, Session, Size
from compress.runtimes.onnx import file_ports, file_scales, read_file
from compress.runtimes.scales import compare_scales
from compress.runtimes.tensorrt_board import Board, make_engine
from compress.runtimes.tensorrt_rules import broken_rules
from compress.store.digests import hash_file

if TYPE_CHECKING:
    import onnx

ORIN = "SM87"
"""The architecture of Jetson Orin; what a build is made for unless its options name another."""

_HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm")
_SHOWN = 3
_TIMEOUT_S = 900.0
_ENDS = (".onnx", ".engine.sh", ".engine.py", ".proxy.json")

_COMMAND = """\
#!/bin/sh
# Makes {name}.engine from {name}.onnx with this board's own TensorRT, 10 or newer (JetPack 6.2 has 10.3):
#   sh {name}.engine.sh FOLDER    (the current one where none is named; not inside a bundle, which is sealed)
# The precision is the graph's alone: strongly typed, float32 stays float32 (no TF32), int8 where it says so.
# {name}.timing keeps what the builder measured; {name}.layers.json says what the engine runs, and in what.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${{1:-.}}
mkdir -p "$out"
trtexec=$(command -v trtexec || echo /usr/src/tensorrt/bin/trtexec)
[ -x "$trtexec" ] || {{ echo "no trtexec here; it is part of JetPack (package libnvinfer-bin)" >&2; exit 2; }}
about=$("$trtexec" --help 2>&1 || true)
case "$about" in
  *"[TensorRT v8"*) echo "TensorRT 8 has no strongly typed networks; 10 or newer is needed" >&2; exit 2 ;;
esac
# TensorRT 10 must be told; 11 knows nothing else.
typed=
case "$about" in *--stronglyTyped*) typed=--stronglyTyped ;; esac
exec "$trtexec" --onnx="$here/{name}.onnx" --saveEngine="$out/{name}.engine" $typed --noTF32 \\
  --timingCacheFile="$out/{name}.timing" --builderOptimizationLevel=3 \\
  --profilingVerbosity=detailed --exportLayerInfo="$out/{name}.layers.json" --skipInference
"""


class CheckRequest(Record):
    """What the worker ``tensorrt_check`` is asked; ``architecture`` like SM87."""

    onnx: str
    architecture: str
    operators: tuple[str, ...]


class Refusal(Record):
    """A node that the parser doesn't take, in its own words."""

    node: str
    operator: str
    reason: str


class EngineLayer(Record):
    """A layer of an engine: data types of its tensors, and the ONNX nodes that are in it."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[str, ...]


class CheckAnswer(Record):
    """What the worker answers; the engine's facts are empty where the graph was refused."""

    sdk: str
    architecture: str
    lacking: tuple[str, ...]
    refused: tuple[Refusal, ...]
    warnings: tuple[str, ...]
    layers: tuple[EngineLayer, ...]
    engine_size_bytes: int
    activation_memory_bytes: int | None
    weights_memory_bytes: int | None


class Proxy(Record):
    """``NAME.proxy.json``: an engine of the same graph by another product, for another GPU.

    ``float_precision``: what float layers of the graph say they compute in. ``half_psnr_db``: where that is float16,
    the graph's answers against those of the float32 one, both by ONNX Runtime, picture by picture.
    """

    what: str
    onnx_digest: str
    asked_architecture: str
    architecture: str
    sdk: str
    int8_layers: tuple[str, ...]
    float_layers: tuple[str, ...]
    engine_layers: int
    engine_size_bytes: int
    activation_memory_bytes: int | None
    weights_memory_bytes: int | None
    warnings: tuple[str, ...]
    float_precision: FloatPrecision = "f32"
    half_psnr_db: tuple[float, ...] = ()


_About = TypeVar("_About", Proxy, Board)


class TensorRt(Runtime):
    """Builds are made and checked here and run on their board only."""

    name = "tensorrt"
    toolchain = "tensorrt"
    platforms = (ORIN,)
    enlarges = True
    written_precisions = ("f32", "f16")
    made_on_board = True

    def why_not_here(self) -> str | None:
        """Always a reason: full TensorRT with a GPU was at hand nowhere, so no code for it could be tried."""
        return "a TensorRT engine is made and run on its own board; there: sh NAME.engine.sh FOLDER"

    def board_files(self, files: tuple[str, ...]) -> tuple[str, ...]:
        engines = tuple(name for name in files if name.endswith(".engine"))
        if not engines:
            raise BuildError(f"{files[0]}: no engine beside it, so it can't run; export with target.device.host=NAME")
        return engines

    def border(self, tensor: str, height: int, width: int, options: BuildOptions = PLAIN) -> TensorSpec:
        return TensorSpec(name=tensor, shape=(1, 3, height, width), layout="NCHW", dtype="float32", low=0.0, high=1.0)

    def ports(self, folder: Path, files: tuple[str, ...]) -> Ports:
        return file_ports(folder / files[0])

    def build(self, source: Path, name: str, out: Path, options: BuildOptions = PLAIN) -> tuple[str, ...]:
        """``options.platform`` is the GPU's architecture, like SM87; ``float_precision`` f16 is written into the graph.

        Raises BuildError with the nodes that break TensorRT's rules or that its parser refuses,
        ToolchainError where the environment ``tensorrt`` is not ready, and DeviceError for a board that is no help.
        """
        model = read_file(source)
        problems = broken_rules(model)
        if problems:
            way = "quantize for a target with scheme.activations=symmetric"
            raise BuildError(f"{source.name}: not for TensorRT: {_shortened(problems)}; {way}")
        files = _files(name)
        with tempfile.TemporaryDirectory() as text:
            graph = Path(text) / files[0]
            losses = _write_graph(source, model, graph, options)
            proxy = _proxy(graph, read_file(graph), options.platform or ORIN, losses)
            shutil.copyfile(graph, out / files[0])
        (out / files[1]).write_text(command_script(name), encoding="utf-8")
        shutil.copyfile(Path(__file__).with_name("tensorrt_engine.py"), out / files[2])
        proxy.write(out / files[3])
        return files if options.host is None else (*files, *make_engine(options.reached_by, options.host, out, name))

    def inspect(self, folder: Path, files: tuple[str, ...], table: QuantizationTable | None) -> Inspection:
        """Operators and scales of the file; which layers run in int8 is what the proxy engine does."""
        model = read_file(folder / files[0])
        proxy = _about(Proxy, folder, files, ".proxy.json")
        if proxy is None:
            raise BuildError(f"{folder / files[0]}: no report of TensorRT-RTX beside it; export it again")
        board = _about(Board, folder, files, ".board.json")
        compared, differences = compare_scales(file_scales(model), table) if table else (0, ())
        return Inspection(
            operators=_operators(model), int8_layers=len(proxy.int8_layers), float_layers=len(proxy.float_layers),
            float_islands=proxy.float_layers if proxy.int8_layers else (),
            scales_compared=compared, scale_differences=differences,
            notes=(*_notes(proxy), *((board.line(),) if board else ())),
        )  # fmt: skip

    def load(self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None = None) -> Session:
        """Always raises BuildError: there is nothing here that the build could run on."""
        read_file(folder / files[0])
        raise BuildError(f"{files[0]} can't run here: {self.why_not_here()}")


def command_script(name: str) -> str:
    """``NAME.engine.sh``: makes the engine of build ``name`` with the board's trtexec."""
    return _COMMAND.format(name=name)


def _files(name: str) -> tuple[str, ...]:
    return tuple(name + end for end in _ENDS)


def _operators(model: onnx.ModelProto) -> dict[str, int]:
    return dict(sorted(Counter(node.op_type for node in model.graph.node).items()))


def _write_graph(source: Path, model: onnx.ModelProto, graph: Path, options: BuildOptions) -> tuple[float, ...] | None:
    """What the engine is made of: ``source`` itself, or with float layers in float16.

    Gives PSNR in dB of its answers to ``model``'s, a figure a picture; None where nothing was changed. Raises
    BuildError where float16 costs more than it may, which no choice of scales would mend.
    """
    from compress.runtimes.half import HALF_LIMIT_DB, answers_db, to_half

    if options.float_precision == "f32":
        shutil.copyfile(source, graph)
        return None
    if options.float_precision != "f16":
        raise BuildError(f"{source.name}: TensorRT's float layers are f32 or f16 here, not {options.float_precision}")
    half = to_half(model, source.name)
    graph.write_bytes(half.SerializeToString(deterministic=True))
    losses = answers_db(half, model, options.calibration)
    if not min(losses) >= HALF_LIMIT_DB:
        away = f"{min(losses):.1f} dB, sound from {HALF_LIMIT_DB:g}"
        problem = f"with float layers in float16 it answers otherwise ({away})"
        raise BuildError(f"{source.name}: {problem}; set target.device.float_precision=f32")
    return losses


def _proxy(source: Path, model: onnx.ModelProto, architecture: str, losses: tuple[float, ...] | None) -> Proxy:
    """What TensorRT-RTX makes of the graph. Raises BuildError when it doesn't take it."""
    from compress.toolchains.call import run_worker

    request = CheckRequest(onnx=str(source.resolve()), architecture=architecture, operators=tuple(_operators(model)))
    answer = run_worker("tensorrt", "tensorrt_check", request, CheckAnswer, _TIMEOUT_S)
    problems = [
        f"it lacks the operator {node.op_type} ({node.name or node.output[0]})"
        for node in model.graph.node if node.op_type in answer.lacking
    ]  # fmt: skip
    problems += [f"{r.node} ({r.operator}): {r.reason}" for r in answer.refused if r.operator not in answer.lacking]
    if problems:
        raise BuildError(f"{source.name}: {answer.sdk} refuses it: {_shortened(tuple(problems))}")
    heavy = [node.name for node in model.graph.node if node.op_type in _HEAVY]
    int8 = {name for layer in answer.layers if _is_int8(layer) for name in layer.nodes}
    return Proxy(
        what=f"an engine made ahead of time for {answer.architecture}; it stands in for {architecture}, proves nothing",
        onnx_digest=hash_file(source), asked_architecture=architecture, architecture=answer.architecture,
        sdk=answer.sdk,
        int8_layers=tuple(name for name in heavy if name in int8),
        float_layers=tuple(name for name in heavy if name not in int8),
        engine_layers=len(answer.layers), engine_size_bytes=answer.engine_size_bytes,
        activation_memory_bytes=answer.activation_memory_bytes, weights_memory_bytes=answer.weights_memory_bytes,
        warnings=answer.warnings, float_precision="f32" if losses is None else "f16", half_psnr_db=losses or (),
    )  # fmt: skip


def _is_int8(layer: EngineLayer) -> bool:
    """Whether it computes on int8: both what comes in and the weights; quantizing alone has float inputs."""
    return "Int8" in layer.inputs and "Int8" in (*layer.constants, *layer.inputs[1:])


def _about(kind: type[_About], folder: Path, files: tuple[str, ...], ending: str) -> _About | None:
    """The report among ``files`` with this ending, None where there is none.

    Raises BuildError for one that can't be read, or that is about another graph.
    """
    path = next((folder / name for name in files if name.endswith(ending)), None)
    if path is None:
        return None
    try:
        found = kind.read(path)
    except (OSError, ValidationError):
        raise BuildError(f"{path}: not the report of a TensorRT build; export it again") from None
    if found.onnx_digest != hash_file(folder / files[0]):
        raise BuildError(f"{folder / files[0]}: not the file that {path.name} is about; export it again")
    return found


def _notes(proxy: Proxy) -> tuple[str, ...]:
    def size(count: int | None) -> str:
        return "unknown" if count is None else f"{count / 1024:.0f} KiB"

    engine = f"engine {size(proxy.engine_size_bytes)}, activations {size(proxy.activation_memory_bytes)}"
    weights = f"weights {size(proxy.weights_memory_bytes)}"
    first = f"proxy ({proxy.sdk} for {proxy.architecture}, not {proxy.asked_architecture}'s own TensorRT)"
    lines = [f"{first}: {proxy.engine_layers} layers, {engine}, {weights}"]
    if proxy.half_psnr_db:
        mean = sum(proxy.half_psnr_db) / len(proxy.half_psnr_db)
        lines.append(
            f"float layers in float16: {mean:.2f} dB (worst {min(proxy.half_psnr_db):.2f}) to the float32 graph "
            f"by ONNX Runtime on {len(proxy.half_psnr_db)} pictures, both without the rounding to codes"
        )
    return *lines, *proxy.warnings


def _shortened(problems: tuple[str, ...]) -> str:
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return "; ".join(problems[:_SHOWN]) + more
