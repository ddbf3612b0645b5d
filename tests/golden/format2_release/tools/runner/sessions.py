"""Builds, loaded by their runtime and fed with tensors as they take them: no scaling, no layout, no padding here."""

from __future__ import annotations

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
        (given,), (answered,) = self._session.get_inputs(), self._session.get_outputs()
        self._given, self._answered = given.name, answered.name

    def infer(self, x: Any) -> Any:
        """The answer to one tensor, a copy."""
        return self._session.run([self._answered], {self._given: x})[0]

    def prepare(self, x: Any) -> Callable[[], Any]:
        """A call that runs the build on ``x`` and does nothing else."""
        import numpy
        import onnxruntime

        answer = numpy.empty_like(self.infer(x))
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._given, onnxruntime.OrtValue.ortvalue_from_numpy(x))
        binding.bind_ortvalue_output(self._answered, onnxruntime.OrtValue.ortvalue_from_numpy(answer))
        return lambda: self._session.run_with_iobinding(binding)


class OpenVino:
    """OpenVINO on the CPU."""

    def __init__(self, path: Path, threads: int, float_precision: str, cores: str | None = None) -> None:
        try:
            import openvino
        except ImportError:
            raise NoRuntime("no OpenVINO here; pip install openvino") from None
        settings = openvino_settings(threads, float_precision)
        self._request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()

    def infer(self, x: Any) -> Any:
        """The answer to one tensor, a copy."""
        return self._request.infer([x])[0].copy()

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
        self._answered = self._interpreter.get_output_details()[0]["index"]

    def infer(self, x: Any) -> Any:
        """The answer to one tensor, a copy."""
        self._interpreter.set_tensor(self._given, x)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._answered)

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
