"""A device: how it computes, what is built for it, how it is reached, what must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from compress.devices.conditions import NO_CONDITIONS, Conditions
from compress.metrics.table import MetricName
from compress.operators import OperatorLimit
from compress.schema.section import PositiveInt, Section
from compress.tflite_kind import TfliteKind

if TYPE_CHECKING:
    from compress.runtimes.site import Site


class Scheme(Section):
    """How the device computes in low precision."""

    activations: Literal["affine", "symmetric"] = "affine"
    activation_bits: Literal[8, 16] = 8
    weights: Literal["per_channel", "per_tensor"] = "per_channel"


class Channels(Section):
    """What channel counts the device likes."""

    multiple: PositiveInt = Field(8, description="channel counts are rounded to a multiple of this")


class ExportSpec(Section):
    """Which builds, for which picture sizes."""

    builds: tuple[Literal["onnx", "openvino", "tensorrt", "tflite", "rknn"], ...] = ("onnx", "openvino")
    opset: int = Field(18, ge=13, le=25)
    size: tuple[PositiveInt, PositiveInt] = Field((400, 600), description="height and width of the fixed-size builds")
    dynamic: bool = Field(True, description="also an ONNX build of free height and width")
    platform: Literal["rk3588", "rk3566", "rk3576", "rv1106", "rv1126b", "SM87"] | None = Field(
        None, description="the chip, by its SDK's own name; rknn builds need it, a GPU's is its compute capability"
    )
    lacking: tuple[OperatorLimit, ...] = Field((), description="ONNX operators that the device lacks, or has in bounds")
    calibration_frames: PositiveInt = Field(8, description="training pictures for SDKs that choose ranges")
    tflite: TfliteKind = TfliteKind()
    nms: Literal["outside", "graph"] = Field(
        "outside", description="graph: onnx and openvino builds of fixed size also answer with boxes, of their maps"
    )

    def identity(self) -> dict[str, Any]:
        """With the toolchains that are ready, for what is built depends on them. Without who says that an operator
        is lacking: a better source changes no build. The kind of TFLite file counts where one is made."""
        from compress.runtimes import made_with

        kept = self.model_dump(mode="json", exclude={"lacking": {"__all__": {"source"}}})
        if "tflite" not in self.builds:
            del kept["tflite"]
        if self.nms == "outside":
            del kept["nms"]
        return {**kept, "toolchains": {name: made_with(name) for name in self.builds}}


class DeviceSpec(Section):
    """How the device is reached and what it should run with."""

    kind: Literal["local", "ssh", "adb", "none"] = "local"
    host: str | None = Field(None, description="the device by the name that ssh or adb knows (adb: its serial number)")
    python: str = Field("python3", description="on an ssh or adb device: a Python, 3.8 or newer, that has the runtime")
    runtime: Literal["openvino", "onnx", "tensorrt", "tflite", "rknn"] = "openvino"
    threads: PositiveInt = 2
    float_precision: Literal["f32", "bf16", "f16"] = Field("f32", description="what float layers run in")
    cores: str | None = Field(None, description="rknn: which cores of the NPU, by rknn-toolkit-lite2's name for them")
    conditions: Conditions = Field(NO_CONDITIONS, description="under what conditions the device's figures count")

    def identity(self) -> dict[str, Any]:
        """A measurement belongs to its machine: on this one, processor and runtime versions count too.

        Who says what a condition should be, and what cools the device, changes no measurement.
        """
        from compress.devices.runner.fingerprint import stable_facts

        machine = stable_facts() if self.kind == "local" else {}
        kept = self.model_dump(mode="json", exclude={"conditions", "cores"})
        if self.cores is not None:
            kept["cores"] = self.cores
        if self.conditions != NO_CONDITIONS:
            kept["conditions"] = self.conditions.model_dump(
                mode="json", exclude={"cooling": True, "pins": {"__all__": {"source"}}, "sdk": {"__all__": {"source"}}}
            )
        return {**kept, "machine": machine}

    def site(self) -> Site:
        """Where and how builds are timed on this device; ``absent`` where there is none."""
        from compress.runtimes.base import RunOptions
        from compress.runtimes.on_board import Board
        from compress.runtimes.site import Site

        options = RunOptions(self.threads, self.float_precision, self.cores)
        if self.kind == "local":
            return Site(None, self.conditions, options, self.runtime)
        if self.kind == "none":
            return Site(options=options, runtime=self.runtime, absent="the target names no device")
        if self.host is None:
            why = f"no device: set device.host to where the {self.kind} device is"
            return Site(options=options, runtime=self.runtime, absent=f"{why}; this machine's speeds are not its own")
        return Site(Board(self.host, self.python, self.kind, self.conditions), options=options, runtime=self.runtime)


class MetricLimit(Section):
    """What a metric's mean over the test pictures must hold."""

    metric: MetricName
    min: float | None = None
    max: float | None = None
    max_drop: float | None = Field(None, description="what the INT8 build may be worse by than its float self")

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a drop where none is limited: limits are what they were before there was one."""
        data: dict[str, Any] = plain(self)
        return {name: value for name, value in data.items() if name != "max_drop" or value is not None}


OF_PICTURES = ("min_psnr_db", "min_ssim", "min_gain_over_input_db", "max_int8_drop_db", "max_worst_drop_db")
"""Fields of ``Budget`` that mean something for pictures only."""


class Budget(Section):
    """What a build must hold; a limit that is none is not asked for."""

    min_psnr_db: float | None = None
    min_ssim: float | None = None
    min_gain_over_input_db: float | None = Field(None, description="PSNR of the INT8 build minus the dark input's")
    max_int8_drop_db: float | None = Field(0.10, description="mean PSNR of the float student minus the INT8 build's")
    max_worst_drop_db: float | None = Field(None, description="the same for the worst image")
    min_fps: float | None = None
    max_latency_ms: float | None = Field(None, description="p50 of the INT8 build, model only, one picture")
    max_latency_p90_ms: float | None = None
    min_int8_speedup: float | None = Field(None, description="FP32 latency over INT8 latency of the same net, same run")
    max_params: int | None = None
    max_size_bytes: int | None = None
    metrics: tuple[MetricLimit, ...] = Field((), description="limits for the INT8 build by metric name")

    def identity(self) -> dict[str, Any]:
        """Without limits by name as it was before there were any."""
        return self.model_dump(mode="json", exclude=set() if self.metrics else {"metrics"})


class HardwareFact(Section):
    """A figure about the device, with where it comes from."""

    name: str
    value: str
    source: str


class Target(Section):
    """A device, as data."""

    description: str = ""
    hardware: tuple[HardwareFact, ...] = ()
    float_layers: bool = Field(True, description="whether single layers can stay out of int8 on the device")
    int16_layers: bool = Field(False, description="whether single layers can take 16-bit activations on the device")
    int16_slowdown: float = Field(2.0, ge=1, description="time of such a layer over int8's, where it can't be measured")
    float_slowdown: float = Field(4.0, ge=1, description="the same of a float layer; both defaults are by bits")
    scheme: Scheme = Scheme()
    channels: Channels = Channels()
    export: ExportSpec = ExportSpec()
    device: DeviceSpec = DeviceSpec()
    budget: Budget = Budget()
