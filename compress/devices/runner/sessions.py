"""Builds, loaded by their runtime and fed with tensors as they take them: no scaling, no layout, no padding here.

Of several outputs the order is that of their names, which is that of a contract: ``bright``, then ``maps``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Callable

from .no_runtime import NoRuntime
from .rknn_session import Rknn
from .tensorrt_session import TensorRt


def onnx_options(threads: int) -> Any:
    """How ONNX Runtime runs builds, here and on boards: ``SessionOptions`` for the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.use_deterministic_compute = True
    # Threads that spin after their run would take the cores from the next build of an interleaved measurement.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def openvino_settings(threads: int, float_precision: str) -> dict[str, Any]:
    """How OpenVINO runs builds, here and on boards."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # Without this hint float layers run in bfloat16 on CPUs that have it, and lose quality unseen.
        "INFERENCE_PRECISION_HINT": float_precision,
    }


def tflite_interpreter() -> Any:
    """The interpreter's class: ai-edge-litert's, or that of tflite-runtime, the older package for boards.

    Raises NoRuntime where there is neither.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter
        except ImportError:
            problem = "no TFLite runtime here; pip install ai-edge-litert, or tflite-runtime on a board"
            raise NoRuntime(problem) from None
    return Interpreter


class Onnx:
    """ONNX Runtime on the CPU."""

    def __init__(self, path: Path, threads: int, float_precision: str, cores: str | None = None) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise NoRuntime("no ONNX Runtime here; pip install onnxruntime") from None
        options = onnx_options(threads)
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (given,) = self._session.get_inputs()
        self._given, self._answered = given.name, sorted(each.name for each in self._session.get_outputs())

    def run(self, x: Any) -> Any:
        """The answers to one tensor, copies."""
        return self._session.run(self._answered, {self._given: x})

    def infer(self, x: Any) -> Any:
        """The first of ``run``."""
        return self.run(x)[0]

    def prepare(self, x: Any) -> Callable[[], Any]:
        """A call that runs the build on ``x`` and does nothing else."""
        import numpy
        import onnxruntime

        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._given, onnxruntime.OrtValue.ortvalue_from_numpy(x))
        for name, answer in zip(self._answered, self.run(x)):
            room = onnxruntime.OrtValue.ortvalue_from_numpy(numpy.empty_like(answer))
            binding.bind_ortvalue_output(name, room)
        return lambda: self._session.run_with_iobinding(binding)


class OpenVino:
    """OpenVINO on the CPU."""

    def __init__(self, path: Path, threads: int, float_precision: str, cores: str | None = None) -> None:
        # OpenVINO tells a statistics service of every import, unless its package for that can't be had.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            import openvino
        except ImportError:
            raise NoRuntime("no OpenVINO here; pip install openvino") from None
        settings = openvino_settings(threads, float_precision)
        compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self._order = sorted(range(len(compiled.outputs)), key=lambda place: sorted(compiled.output(place).get_names()))
        self._request = compiled.create_infer_request()

    def run(self, x: Any) -> Any:
        """The answers to one tensor, copies."""
        found = self._request.infer([x])
        return [found[place].copy() for place in self._order]

    def infer(self, x: Any) -> Any:
        """The first of ``run``."""
        return self.run(x)[0]

    def prepare(self, x: Any) -> Callable[[], Any]:
        """A call that runs the build on ``x`` and does nothing else."""
        import openvino

        self.infer(x)
        self._request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
        # start and wait: infer() would also build a dictionary of answers
        return lambda: (self._request.start_async(), self._request.wait())


class Tflite:
    """TFLite on the CPU."""

    def __init__(self, path: Path, threads: int, float_precision: str, cores: str | None = None) -> None:
        self._interpreter = tflite_interpreter()(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._given = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        self._answered = [each["index"] for each in sorted(details, key=lambda each: each["name"])]

    def run(self, x: Any) -> Any:
        """The answers to one tensor, copies."""
        self._interpreter.set_tensor(self._given, x)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._answered]

    def infer(self, x: Any) -> Any:
        """The first of ``run``."""
        return self.run(x)[0]

    def prepare(self, x: Any) -> Callable[[], Any]:
        """A call that runs the build on ``x`` and does nothing else."""
        self.infer(x)
        run: Callable[[], Any] = self._interpreter.invoke
        return run


RUNTIMES: dict[str, Any] = {
    "onnx": Onnx, "openvino": OpenVino, "tflite": Tflite, "tensorrt": TensorRt, "rknn": Rknn,
}  # fmt: skip


def open_build(runtime: str, path: Path, threads: int, float_precision: str, cores: str | None = None) -> Any:
    """The build in ``path``, ready to run. Raises NoRuntime, or whatever the runtime raises for a bad file."""
    if runtime not in RUNTIMES:
        raise NoRuntime(f"this runner has no way to run {runtime} builds")
    return RUNTIMES[runtime](path, threads, float_precision, cores)
