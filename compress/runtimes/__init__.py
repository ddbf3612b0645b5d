"""The runtimes by name: what makes, reads back and runs builds. One file and one line each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compress.runtimes.base import Runtime

RUNTIMES = {
    "onnx": "compress.runtimes.onnx:OnnxRuntime",
    "openvino": "compress.runtimes.openvino:OpenVino",
    "tflite": "compress.runtimes.tflite:Tflite",
    "rknn": "compress.runtimes.rknn:Rknn",
    "tensorrt": "compress.runtimes.tensorrt:TensorRt",
}


def open_runtime(name: str) -> Runtime:
    """The runtime called ``name``, one of ``RUNTIMES``; its SDK is imported when it is first used."""
    module, cls = RUNTIMES[name].split(":")
    made: Runtime = getattr(import_module(module), cls)()
    return made


def needs_toolchain(name: str) -> bool:
    """Whether builds of the runtime called ``name`` are made in an isolated environment."""
    return open_runtime(name).toolchain is not None


def why_not_built(name: str) -> str | None:
    """Why builds of the runtime called ``name`` can't be made now, with the command that mends it; None if they can."""
    from compress.toolchains.environment import why_not_ready

    toolchain = open_runtime(name).toolchain
    return None if toolchain is None else why_not_ready(toolchain)


def made_with(name: str) -> str:
    """What decides, beside the core packages' versions, what builds of the runtime called ``name`` come out as."""
    from compress.toolchains import TOOLCHAINS
    from compress.toolchains.lock import read_lock

    toolchain = open_runtime(name).toolchain
    return "" if toolchain is None else why_not_built(name) or read_lock(TOOLCHAINS[toolchain]).digest


def runs_here(name: str) -> bool:
    """Whether this version makes builds of the runtime called ``name`` and this machine runs them."""
    return name in RUNTIMES and open_runtime(name).why_not_here() is None
