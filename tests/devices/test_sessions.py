"""TensorRT and RKNN in the runner, neither of which runs here: only which calls are made, and in which order.

The modules that are put in their places answer as their documentation says, and compute nothing of their own; that the
code runs on a board is not shown by them.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from compress.devices.runner import tensorrt_session
from compress.devices.runner.no_runtime import NoRuntime
from compress.devices.runner.sessions import RUNTIMES, open_build
from compress.records import RuntimeName
from compress.toolchains.environment import python_of, why_not_ready

SHAPE = (1, 3, 4, 6)


def test_every_runtime_has_a_way_to_run() -> None:
    assert set(RUNTIMES) == set(RuntimeName.__args__)


@pytest.mark.parametrize(
    ("runtime", "says"),
    [
        ("tensorrt", "no TensorRT for Python here; on a Jetson: apt install python3-libnvinfer"),
        ("rknn", "no RKNN runtime here; pip install rknn-toolkit-lite2, and librknnrt.so in /usr/lib"),
        ("hailo", "this runner has no way to run hailo builds"),
    ],
)
def test_a_runtime_that_is_not_there_is_named(runtime: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(NoRuntime, match=says):
        open_build(runtime, tmp_path / "build", 1, "f32")


class Lite:
    """Stands in for RKNNLite: notes its calls; the answer is half of what it was given, in NCHW."""

    NPU_CORE_0 = 1
    codes: dict[str, int] = {}
    calls: list[tuple[Any, ...]] = []
    answers, outputs = True, 1

    def load_rknn(self, path: str) -> int:
        self.calls.append(("load_rknn", path))
        return self.codes.get("load_rknn", 0)

    def init_runtime(self, **words: int) -> int:
        self.calls.append(("init_runtime", words))
        return self.codes.get("init_runtime", 0)

    def inference(self, inputs: list[Any], data_format: list[str]) -> list[Any] | None:
        self.calls.append(("inference", data_format, inputs[0].dtype, inputs[0].shape))
        halves = inputs[0].transpose(0, 3, 1, 2) / np.float32(2)
        return [halves, -halves][: self.outputs] if self.answers else None


@pytest.fixture
def lite(monkeypatch: pytest.MonkeyPatch) -> type[Lite]:
    module, api = ModuleType("rknnlite"), ModuleType("rknnlite.api")
    api.RKNNLite = Lite  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rknnlite", module)
    monkeypatch.setitem(sys.modules, "rknnlite.api", api)
    monkeypatch.setattr(Lite, "calls", [])
    monkeypatch.setattr(Lite, "codes", {})
    monkeypatch.setattr(Lite, "answers", True)
    return Lite


def test_the_calls_of_rknn_lite(lite: type[Lite], tmp_path: Path) -> None:
    session = open_build("rknn", tmp_path / "net.rknn", 2, "f16", "NPU_CORE_0")
    x = np.full((1, 4, 6, 3), 8, np.uint8)
    assert np.array_equal(session.infer(x), np.full((1, 3, 4, 6), 4, np.float32))
    session.prepare(x)()
    assert lite.calls[:2] == [("load_rknn", str(tmp_path / "net.rknn")), ("init_runtime", {"core_mask": 1})]
    assert lite.calls[2:] == [("inference", ["nhwc"], np.uint8, (1, 4, 6, 3))] * 3
    open_build("rknn", tmp_path / "net.rknn", 2, "f16")
    assert lite.calls[-1] == ("init_runtime", {})


def test_all_that_rknn_lite_answers_comes_out(
    lite: type[Lite], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lite, "outputs", 2)
    session = open_build("rknn", tmp_path / "net.rknn", 2, "f16", "NPU_CORE_0")
    first, second = session.run(np.full((1, 4, 6, 3), 8, np.uint8))
    assert (first == 4).all() and (second == -4).all()


def test_what_rknn_lite_refuses_is_said(lite: type[Lite], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="rknn-toolkit-lite2 knows no NPU_CORE_9; correct target.device.cores"):
        open_build("rknn", tmp_path / "net.rknn", 2, "f16", "NPU_CORE_9")
    for call, says in (("load_rknn", "load_rknn refuses net.rknn: .*code -6"), ("init_runtime", "init_runtime fails")):
        monkeypatch.setattr(lite, "codes", {call: -6})
        with pytest.raises(RuntimeError, match=says):
            open_build("rknn", tmp_path / "net.rknn", 2, "f16")
    monkeypatch.setattr(lite, "codes", {})
    session = open_build("rknn", tmp_path / "net.rknn", 2, "f16")
    monkeypatch.setattr(lite, "answers", False)
    with pytest.raises(RuntimeError, match="the NPU refused the call"):
        session.infer(np.zeros((1, 4, 6, 3), np.uint8))


@pytest.mark.skipif(why_not_ready("tensorrt") is not None, reason="no toolchain")
def test_nvidia_names_its_calls_so() -> None:
    """In TensorRT-RTX's Python package, which shares the interface; nothing of it runs without a GPU."""
    wanted = {
        "Runtime": ("deserialize_cuda_engine",),
        "ICudaEngine": ("num_io_tensors", "get_tensor_name", "get_tensor_mode", "get_tensor_shape", "get_tensor_dtype",
                        "create_execution_context"),
        "IExecutionContext": ("set_tensor_address", "execute_async_v3"),
        "TensorIOMode": ("INPUT",), "Logger": ("ERROR",),
    }  # fmt: skip
    code = (
        f"import tensorrt_rtx_bindings as trt, numpy; wanted = {wanted}\n"
        "assert trt.nptype(trt.float32) is numpy.float32\n"
        "print([name for kind in wanted for name in wanted[kind] if not hasattr(getattr(trt, kind), name)])"
    )
    done = subprocess.run([python_of("tensorrt"), "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Gpu:
    """Stands in for libcudart and TensorRT: its memory is this process's, its engine doubles what it finds there."""

    def __init__(self, *outputs: str) -> None:
        self.names = ["dark", *(outputs or ("bright",))]
        self.calls: list[str] = []
        self.memory: dict[int, Any] = {}
        self.places: dict[str, int] = {}
        self.copies = 0
        self.fails: str | None = None
        self.shape = SHAPE
        self.cudaGetErrorString = lambda code: b"out of memory"

    def _done(self, name: str) -> int:
        self.calls.append(name)
        return 2 if name == self.fails else 0

    def cudaStreamCreate(self, handle: Any) -> int:
        ctypes.cast(handle, ctypes.POINTER(ctypes.c_void_p))[0] = 77
        return self._done("cudaStreamCreate")

    def cudaMalloc(self, place: Any, size: Any) -> int:
        made = ctypes.create_string_buffer(size.value)
        self.memory[ctypes.addressof(made)] = made
        ctypes.cast(place, ctypes.POINTER(ctypes.c_void_p))[0] = ctypes.addressof(made)
        return self._done("cudaMalloc")

    def cudaMemcpyAsync(self, to: Any, source: Any, size: Any, way: Any, stream: Any) -> int:
        assert stream.value == 77 and ((to if way.value == 1 else source).value in self.memory)
        ctypes.memmove(to.value, source.value, size.value)
        return self._done("cudaMemcpyAsync")

    def cudaStreamSynchronize(self, stream: Any) -> int:
        assert stream.value == 77
        return self._done("cudaStreamSynchronize")

    def execute_async_v3(self, stream: int) -> bool:
        given = np.frombuffer(self.memory[self.places["dark"]], np.float32)
        for times, name in ((2, "bright"), (3, "maps")):
            if name in self.names:
                answer = given * times
                ctypes.memmove(self.memory[self.places[name]], answer.ctypes.data, answer.nbytes)
        return self._done("execute_async_v3") == 0

    def module(self) -> Any:
        context = SimpleNamespace(set_tensor_address=self.places.__setitem__, execute_async_v3=self.execute_async_v3)
        engine = SimpleNamespace(
            num_io_tensors=len(self.names), get_tensor_name=self.names.__getitem__, get_tensor_mode={"dark": 1}.get,
            get_tensor_shape=lambda name: self.shape, get_tensor_dtype=lambda name: "float",
            create_execution_context=lambda: context,
        )  # fmt: skip
        runtime = SimpleNamespace(deserialize_cuda_engine=lambda whole: engine if whole == b"engine" else None)
        logger = type("Logger", (), {"ERROR": 1, "__init__": lambda self, level: None})
        return SimpleNamespace(
            __version__="10.3.0", Logger=logger, Runtime=lambda log: runtime, TensorIOMode=SimpleNamespace(INPUT=1),
            nptype=lambda kind: np.float32,
        )  # fmt: skip


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Gpu:
    made = Gpu()
    monkeypatch.setitem(sys.modules, "tensorrt", made.module())
    monkeypatch.setattr(tensorrt_session, "_open_library", lambda: made)
    (tmp_path / "net.engine").write_bytes(b"engine")
    return made


def test_the_calls_of_tensorrt(gpu: Gpu, tmp_path: Path) -> None:
    session = open_build("tensorrt", tmp_path / "net.engine", 2, "f16")
    assert gpu.calls == ["cudaStreamCreate", "cudaMalloc", "cudaMalloc"]
    x = np.random.default_rng(0).random(SHAPE, np.float32)
    answers = session.infer(x), session.infer(x + 1)
    assert np.array_equal(answers[0], 2 * x) and np.array_equal(answers[1], 2 * (x + 1))
    run = session.prepare(x)
    gpu.calls.clear()
    run()
    assert gpu.calls == ["execute_async_v3", "cudaStreamSynchronize"]  # no copy in the time, and the GPU is waited for
    with pytest.raises(ValueError, match=r"the engine takes \(1, 3, 4, 6\), not \(1, 3, 4, 8\)"):
        session.infer(np.zeros((1, 3, 4, 8), np.float32))


def test_all_that_tensorrt_answers_comes_out_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gpu = Gpu("maps", "bright")
    monkeypatch.setitem(sys.modules, "tensorrt", gpu.module())
    monkeypatch.setattr(tensorrt_session, "_open_library", lambda: gpu)
    (tmp_path / "net.engine").write_bytes(b"engine")
    x = np.random.default_rng(0).random(SHAPE, np.float32)
    first, second = open_build("tensorrt", tmp_path / "net.engine", 2, "f16").run(x)
    assert np.array_equal(first, 2 * x) and np.array_equal(second, 3 * x)


def test_what_tensorrt_refuses_is_said(gpu: Gpu, tmp_path: Path) -> None:
    (tmp_path / "other.engine").write_bytes(b"of another GPU")
    with pytest.raises(
        RuntimeError, match="TensorRT 10.3.0 refuses other.engine: made by another version or for anoth"
    ):
        open_build("tensorrt", tmp_path / "other.engine", 2, "f16")
    gpu.fails = "cudaMalloc"
    with pytest.raises(RuntimeError, match=r"cudaMalloc: out of memory \(CUDA error 2\)"):
        open_build("tensorrt", tmp_path / "net.engine", 2, "f16")
    gpu.fails = None
    session = open_build("tensorrt", tmp_path / "net.engine", 2, "f16")
    gpu.fails = "execute_async_v3"
    with pytest.raises(RuntimeError, match="the engine does not run"):
        session.infer(np.zeros(SHAPE, np.float32))
    gpu.fails, gpu.shape = None, (1, 3, -1, 6)
    with pytest.raises(RuntimeError, match="has a free side"):
        open_build("tensorrt", tmp_path / "net.engine", 2, "f16")


def test_no_cuda_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", Gpu().module())
    monkeypatch.setattr(tensorrt_session, "_LIBRARIES", ("libnosuch.so",))
    with pytest.raises(NoRuntime, match="no CUDA runtime library"):
        open_build("tensorrt", tmp_path / "net.engine", 2, "f16")
