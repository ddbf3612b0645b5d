"""TensorRT engines through TensorRT's Python API, version 10, and CUDA's runtime library by ctypes.

Not run on a board yet: written after NVIDIA's API (IExecutionContext.execute_async_v3, CUDA Runtime API) and tried
against a stand-in for the order of its calls only. Neither PyCUDA nor cuda-python is needed: JetPack has none of them.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, Callable

from .no_runtime import NoRuntime

_LIBRARIES = ("libcudart.so.12", "libcudart.so", "/usr/local/cuda/lib64/libcudart.so")
_TO_GPU, _FROM_GPU = 1, 2
"""cudaMemcpyHostToDevice and cudaMemcpyDeviceToHost of driver_types.h."""


class Cuda:
    """The few calls of CUDA's runtime that a session needs. Raises NoRuntime where its library is not there."""

    def __init__(self) -> None:
        self._library = _open_library()
        self._library.cudaGetErrorString.restype = ctypes.c_char_p

    def stream(self) -> int:
        """A new stream."""
        handle = ctypes.c_void_p()
        self._call("cudaStreamCreate", ctypes.byref(handle))
        return handle.value or 0

    def allocate(self, size_bytes: int) -> int:
        """The address of new memory of the GPU; it lasts as long as the process."""
        address = ctypes.c_void_p()
        self._call("cudaMalloc", ctypes.byref(address), ctypes.c_size_t(size_bytes))
        return address.value or 0

    def upload(self, x: Any, address: int, stream: int) -> None:
        """Copy the C-contiguous array ``x`` to the GPU, in the stream's order."""
        self._copy(address, x.ctypes.data, x.nbytes, _TO_GPU, stream)

    def download(self, y: Any, address: int, stream: int) -> None:
        """Copy from the GPU into the C-contiguous array ``y``, in the stream's order."""
        self._copy(y.ctypes.data, address, y.nbytes, _FROM_GPU, stream)

    def wait(self, stream: int) -> None:
        """Until all that the stream was given is done."""
        self._call("cudaStreamSynchronize", ctypes.c_void_p(stream))

    def _copy(self, to: int, source: int, size_bytes: int, way: int, stream: int) -> None:
        self._call(
            "cudaMemcpyAsync", ctypes.c_void_p(to), ctypes.c_void_p(source), ctypes.c_size_t(size_bytes),
            ctypes.c_int(way), ctypes.c_void_p(stream),
        )  # fmt: skip

    def _call(self, name: str, *words: Any) -> None:
        code = getattr(self._library, name)(*words)
        if code != 0:
            said = self._library.cudaGetErrorString(code) or b"unknown error"
            raise RuntimeError(f"{name}: {said.decode(errors='replace')} (CUDA error {code})")


class TensorRt:
    """An engine of fixed size with one input. It and the outputs stay in the GPU's memory while the engine is timed."""

    def __init__(self, path: Path, threads: int, float_precision: str, cores: str | None = None) -> None:
        try:
            import tensorrt
        except ImportError:
            raise NoRuntime("no TensorRT for Python here; on a Jetson: apt install python3-libnvinfer") from None
        self._cuda = Cuda()
        self._runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            version = tensorrt.__version__
            raise RuntimeError(f"TensorRT {version} refuses {path.name}: made by another version or for another GPU")
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise RuntimeError(f"{path.name}: no execution context; the GPU may lack memory")
        self._stream = self._cuda.stream()
        self._given, *self._answered = self._ends(tensorrt)
        self._places: dict[str, int] = {}
        for name, like in (self._given, *self._answered):
            self._places[name] = self._cuda.allocate(like.nbytes)
            self._context.set_tensor_address(name, self._places[name])

    def run(self, x: Any) -> Any:
        """The answers to one tensor, copies."""
        import numpy

        self._send(x)
        self._run()
        answers = [numpy.empty_like(like) for _, like in self._answered]
        for (name, _), answer in zip(self._answered, answers):
            self._cuda.download(answer, self._places[name], self._stream)
        self._cuda.wait(self._stream)
        return answers

    def infer(self, x: Any) -> Any:
        """The first of ``run``."""
        return self.run(x)[0]

    def prepare(self, x: Any) -> Callable[[], Any]:
        """A call that runs the engine on ``x``, waits until the GPU is done, and does nothing else."""
        self.infer(x)
        return self._run

    def _ends(self, tensorrt: Any) -> list[Any]:
        """Name and an empty array of the input, then of each output."""
        import numpy

        engine = self._engine
        names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
        given = [name for name in names if engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT]
        answered = sorted(name for name in names if name not in given)
        if len(given) != 1 or not answered:
            raise RuntimeError(f"the engine has {len(given)} inputs and {len(answered)} outputs, not one and some")
        ends = []
        for name in (given[0], *answered):
            shape = tuple(engine.get_tensor_shape(name))
            if min(shape) < 1:
                raise RuntimeError(f"the engine's {name} has a free side {shape}; it must be of fixed size")
            ends.append((name, numpy.empty(shape, tensorrt.nptype(engine.get_tensor_dtype(name)))))
        return ends

    def _send(self, x: Any) -> None:
        import numpy

        name, like = self._given
        if x.shape != like.shape:
            raise ValueError(f"the engine takes {like.shape}, not {x.shape}")
        held = numpy.ascontiguousarray(x, like.dtype)  # must outlast the copy
        self._cuda.upload(held, self._places[name], self._stream)
        self._cuda.wait(self._stream)

    def _run(self) -> None:
        if not self._context.execute_async_v3(self._stream):
            raise RuntimeError("the engine does not run; TensorRT's reasons stand above")
        self._cuda.wait(self._stream)


def _open_library() -> Any:
    for name in _LIBRARIES:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise NoRuntime("no CUDA runtime library (libcudart) here; on a Jetson: apt install cuda-cudart-12-6")
