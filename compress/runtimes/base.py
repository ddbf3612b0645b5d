"""What a runtime is: three questions to one SDK, the same for every SDK.

Every runtime starts from one checked and simplified ONNX file (``compress.runtimes.interchange``), so
what differs between builds is the SDK and nothing else. A runtime gets plain values and paths; it
never reads the plan.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from compress.devices.board import BoardKind
from compress.errors import BuildError
from compress.records import FAKE_QUANT, Build, Inspection, QuantizationTable, RuntimeName, TensorSpec
from compress.tflite_kind import TfliteKind
from compress.toolchains import ToolchainName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Batch = NDArray[np.float32]
    """(N, 3, H, W) RGB in [0, 1], C-contiguous."""

    Answers = dict[str, Batch]
    """What a build answers, by the names of its outputs and in their order: one picture, maps, or both."""

FloatPrecision = Literal["f32", "bf16", "f16"]
Size = tuple[int, int]
"""Height and width in pixels."""


def times_larger(answer: Sequence[int], given: Sequence[int]) -> int | None:
    """How many times higher and wider an answer (N, C, H, W) is than what was given; None where it is nothing whole."""
    same = tuple(answer[:2]) == tuple(given[:2])
    times = answer[2] // given[2] if same and len(answer) == 4 and given[2] else 0
    return times if times and list(answer[2:]) == [times * side for side in given[2:]] else None


def times_smaller(answer: Sequence[int], given: Sequence[int]) -> int | None:
    """How many times lower and narrower maps (N, K, h, w) are than what was given; None where it is nothing whole."""
    times = given[2] // answer[2] if len(answer) == 4 and answer[0] == given[0] and answer[2] else 0
    return times if times and [times * side for side in answer[2:]] == list(given[2:]) else None


@dataclass(frozen=True)
class Port:
    """An input or output as a build's files declare it; 0 in ``shape`` stands for free."""

    names: frozenset[str]
    shape: tuple[int, ...]
    dtype: str


Ports = tuple[list[Port], list[Port]]
"""Inputs and outputs."""


@dataclass(frozen=True)
class RunOptions:
    """How a build is run: CPU threads, what its float layers compute in, and on which of an NPU's cores."""

    threads: int = 2
    float_precision: FloatPrecision = "f32"
    cores: str | None = None

    def of(self, build: Build) -> RunOptions:
        """How ``build`` is run. OpenVINO takes its precision there, and its FP32 builds are what INT8 is held against.

        In builds of other runtimes the precision is written, or theirs alone.
        """
        reference = build.runtime == "openvino" and build.variant not in FAKE_QUANT
        return replace(self, float_precision="f32") if reference else self


@dataclass(frozen=True)
class BuildOptions:
    """What a build is made for, beyond its network. A runtime takes what concerns it and ignores the rest.

    ``platform``: the chip, by its SDK's own name (``rk3588``). ``calibration``: a .npy file of dark frames,
    float32 (N, 3, H, W) in [0, 1], for an SDK that may calibrate by itself where that is better.
    ``float_precision``: what float layers compute in, for an SDK that takes it from the build. ``tflite``: the
    kind of TFLite file. ``host``: the board, by the name that the client ``reached_by`` knows, where an SDK makes
    builds on it.
    """

    platform: str | None = None
    calibration: Path | None = None
    float_precision: FloatPrecision = "f32"
    tflite: TfliteKind = TfliteKind()
    host: str | None = None
    reached_by: BoardKind = "ssh"


PLAIN = BuildOptions()


class Session(ABC):
    """A build, loaded and compiled for pictures of one size (or of any, where the build is free)."""

    @abstractmethod
    def run(self, x: Batch) -> Answers:
        """All outputs for dark pictures, as many as it was loaded for; the answers are the caller's own.

        ``bright`` is (N, 3, H, W) like ``x``, or a whole number of times as high and wide where a build enlarges;
        ``maps`` are (N, K, h, w), a whole number of times smaller. ``objects`` are rows of boxes, (1, R, 6).

        Raises BuildError when ``x`` does not fit the build.
        """

    def infer(self, x: Batch) -> Batch:
        """The first output of ``run``: the picture where there is one, else the maps."""
        return next(iter(self.run(x).values()))

    @abstractmethod
    def prepare(self, x: Batch) -> Callable[[], None]:
        """A call that runs the model on ``x`` and does nothing else, for timing: input and answer stay in place."""


class Runtime(ABC):
    """One SDK. Every method raises BuildError, in one line, for a build it can't make or read."""

    name: RuntimeName
    simulates = False
    """Whether ``load`` gives a simulator of the device, whose time says nothing."""

    one_size = False
    """Whether ``load`` takes a build's own size only."""

    carries_int16 = False
    """Whether 16-bit codes beside 8-bit ones reach its builds (ADR 0010)."""

    enlarges = False
    """Whether its builds may answer with a larger picture than they were given; tried for those that say so."""

    maps_layout: Literal["NCHW", "NHWC"] = "NCHW"
    """How its builds lay such maps out."""

    written_precisions: tuple[FloatPrecision, ...] = ()
    """What float layers can compute in, where that is written into the build; empty: chosen when the build is run."""

    reads_boxes = False
    """Whether its builds may read boxes from their maps themselves: it has ONNX's NonMaxSuppression."""

    made_on_board = False
    """Whether part of a build is made on its board, where ``BuildOptions.host`` names one."""

    platforms: tuple[str, ...] = ()
    """Chips that ``BuildOptions.platform`` may name, by the SDK's own names; empty: builds are not made for one."""

    needs_platform = False
    """Whether a build can't be made without one of them."""

    toolchain: ToolchainName | None = None
    """Which isolated environment ``build`` needs; None where the core packages do."""

    def why_not_here(self) -> str | None:
        """Why builds can't run on this machine, None where they can; with a reason ``load`` raises BuildError."""
        return None

    def board_files(self, files: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a build's files that a board needs to run it, the one that is opened first. May raise BuildError."""
        return files[:1]

    @abstractmethod
    def border(self, tensor: str, height: int, width: int, options: BuildOptions = PLAIN) -> TensorSpec:
        """How a build made with ``options`` declares the picture ``tensor``, in or out; 0 stands for a free side."""

    @abstractmethod
    def ports(self, folder: Path, files: tuple[str, ...]) -> Ports:
        """Inputs and outputs read back from the files of a build, to check what ``border`` says."""

    @abstractmethod
    def build(self, source: Path, name: str, out: Path, options: BuildOptions = PLAIN) -> tuple[str, ...]:
        """Make the build ``name`` from the ONNX file ``source``; its files in ``out``, the main one first."""

    @abstractmethod
    def inspect(self, folder: Path, files: tuple[str, ...], table: QuantizationTable | None) -> Inspection:
        """What the build really holds, read back; with ``table``, its scales compared with the trained ones."""

    @abstractmethod
    def load(self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None = None) -> Session:
        """Compile the build; ``size`` asks for another picture size than the build's own, where the SDK can."""

    def load_batch(
        self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None, batch: int
    ) -> Session:
        """The same for ``batch`` pictures at a time. Raises BuildError also where the SDK or the build takes one."""
        if batch == 1:
            return self.load(folder, files, options, size)
        raise BuildError(f"{files[0]} takes one picture at a time; ask for batch 1, or an onnx or openvino build")
