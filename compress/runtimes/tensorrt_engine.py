"""Makes NAME.engine from NAME.onnx with the board's own TensorRT; lies in a build as NAME.engine.py.

    python3 NAME.engine.py FOLDER    (the current one where none is named; not inside a bundle, which is sealed)

For a board without trtexec; needs JetPack's Python package tensorrt, version 10 or newer, and nothing
else. The precision is the graph's alone: the network is strongly typed, float32 stays float32 (no TF32),
int8 stands where the graph has QuantizeLinear and DequantizeLinear. Timings that the builder measured
are kept in NAME.timing, which makes the next build on the same board faster and equal.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

LEVEL = 3


def main(script: Path, out: Path) -> None:
    """Write the engine into ``out``; ends the process with one line when TensorRT refuses."""
    trt: Any = import_module("tensorrt")
    if not hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
        sys.exit(f"TensorRT {trt.__version__} has no strongly typed networks; version 10 or newer is needed")
    stem = script.name[: -len(".engine.py")]
    graph, engine, timing = script.with_name(f"{stem}.onnx"), out / f"{stem}.engine", out / f"{stem}.timing"
    out.mkdir(parents=True, exist_ok=True)
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph.read_bytes()):
        sys.exit(f"{graph.name}: {parser.get_error(0).node_name()}: {parser.get_error(0).desc()}")
    config = builder.create_builder_config()
    config.builder_optimization_level = LEVEL
    config.clear_flag(trt.BuilderFlag.TF32)
    cache = config.create_timing_cache(timing.read_bytes() if timing.is_file() else b"")
    config.set_timing_cache(cache, False)
    made = builder.build_serialized_network(network, config)
    if made is None:
        sys.exit(f"{graph.name}: TensorRT {trt.__version__} builds no engine of it; its reasons stand above")
    timing.write_bytes(bytes(config.get_timing_cache().serialize()))
    half = engine.with_suffix(".half")
    half.write_bytes(bytes(made))
    half.replace(engine)
    print(f"{engine.name}: {engine.stat().st_size} bytes, TensorRT {trt.__version__}")


if __name__ == "__main__":
    main(Path(__file__).resolve(), Path(*sys.argv[1:2]))
