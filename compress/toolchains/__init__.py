"""Vendor SDKs that can't live beside the core packages: each in its own pinned environment.

``compress setup NAME`` makes one, ``environment`` says whether it is ready, ``call`` runs a worker in it.
Nothing of the core needs any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

ToolchainName = Literal["tflite", "rknn", "tensorrt"]


@dataclass(frozen=True)
class Toolchain:
    """One isolated environment: what it is for and how it is known to work.

    ``sdk`` is the distribution whose version stands for the whole; ``pythons`` the Python versions that all
    of its wheels exist for; ``unhashed`` the requirements installed by version alone (see the lock's head);
    ``probe`` the statements that must run in the finished environment. ``lock`` and ``setup``, the lock file and the
    command that makes the environment, are for one that is no toolchain of the command (a peer in a benchmark).
    """

    name: ToolchainName
    description: str
    sdk: str
    pythons: tuple[str, ...]
    probe: str
    unhashed: tuple[str, ...] = ()
    lock: Path | None = None
    setup: str = ""


_TORCH = ("torch==2.13.0",)

TOOLCHAINS: dict[ToolchainName, Toolchain] = {
    "tflite": Toolchain(
        "tflite", "LiteRT converter, makes .tflite", "litert-torch", ("3.11", "3.12", "3.13"),
        "import torch, onnx, litert_torch, ai_edge_litert.interpreter", _TORCH,
    ),
    "rknn": Toolchain(
        "rknn", "Rockchip RKNN-Toolkit2, makes and simulates .rknn", "rknn-toolkit2", ("3.11", "3.12"),
        "import torch, onnx; from rknn.api import RKNN", _TORCH,
    ),
    "tensorrt": Toolchain(
        "tensorrt", "TensorRT-RTX, checks a graph without a GPU", "tensorrt-rtx-cu13-bindings",
        ("3.11", "3.12", "3.13"),
        "import onnx, tensorrt_rtx_bindings",
    ),
}  # fmt: skip
assert tuple(TOOLCHAINS) == get_args(ToolchainName)
