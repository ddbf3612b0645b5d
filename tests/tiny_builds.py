"""Real builds that are made in milliseconds: a picture times two, clipped, as ONNX and OpenVINO files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compress.records import Build, Inspection, TensorSpec
from compress.runtimes import open_runtime
from compress.runtimes.picture import io_contract

Shape = tuple[int | str, ...]


def tensor(name: str, *shape: int, **changes: Any) -> TensorSpec:
    made = TensorSpec(name=name, shape=shape, layout="NCHW", dtype="float32", low=0, high=1)
    return made.model_copy(update=changes)


def make_onnx(path: Path, shape: Shape) -> None:
    import onnx
    from onnx import TensorProto, helper

    def constant(name: str, value: float) -> onnx.TensorProto:
        return helper.make_tensor(name, TensorProto.FLOAT, [], [value])

    lit = helper.make_node("Mul", ["dark", "gain"], ["lit"])
    nodes = [lit, helper.make_node("Clip", ["lit", "0", "1"], ["bright"])]
    graph = helper.make_graph(
        nodes, "tiny",
        [helper.make_tensor_value_info("dark", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("bright", TensorProto.FLOAT, shape)],
        [constant("gain", 2.0), constant("0", 0.0), constant("1", 1.0)],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def make_build(
    folder: Path, runtime: Any, shape: Shape = (1, 3, 8, 16), name: str = "tiny", variant: Any = "int8",
    ships: bool = True,
) -> Build:  # fmt: skip
    """The build's files are written into ``folder``; names in ``shape`` stand for free sides."""
    make_onnx(folder / f"{name}.onnx", shape)
    files: tuple[str, ...] = (f"{name}.onnx",)
    if runtime == "openvino":
        files = open_runtime("openvino").build(folder / f"{name}.onnx", name, folder)
        (folder / f"{name}.onnx").unlink()
    sides = tuple(side if isinstance(side, int) else 0 for side in shape)
    return Build(
        name=name, variant=variant, runtime=runtime, files=files, height=sides[2] or None, width=sides[3] or None,
        size_bytes=sum((folder / file).stat().st_size for file in files), ships=ships,
        contract=io_contract(runtime, sides[2], sides[3], 8),
        inspection=Inspection(operators={}, int8_layers=0, float_layers=2),
    )  # fmt: skip
