"""The JSON files inside artefacts, typed: what one stage writes and later ones, reports and bundles read.

Units are in the names. Every figure carries its origin; an estimate never passes for a measurement.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

Variant = Literal["input", "teacher", "student", "control", "pruned", "int8", "ptq"]
FAKE_QUANT: tuple[Variant, ...] = ("int8", "ptq")
"""The variants with int8 layers."""
Origin = Literal["measured", "simulated", "estimated", "counted"]
RuntimeName = Literal["onnx", "openvino", "tensorrt", "tflite", "rknn"]
Through = Literal["torch", "none"] | RuntimeName
"""What computed a picture: a runtime, the network in torch, or nothing (the dark input)."""


class Record(BaseModel):
    """Base of everything written as JSON: frozen, strict about keys, sorted when written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def write(self, path: Path) -> None:
        """Write as sorted, indented UTF-8 JSON, equal bytes for equal contents."""
        path.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """What ``write`` writes."""
        return json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.model_validate_json(path.read_bytes())


def without_empty(data: dict[str, Any], *names: str) -> dict[str, Any]:
    """``data`` without those of ``names`` that are empty: what was written before they were thought of."""
    return {key: value for key, value in data.items() if key not in names or value}


class TensorSpec(Record):
    """One tensor at the border of a build. ``shape`` in ``layout`` order; 0 stands for free. ``ROWS``: (1, rows,
    columns), no picture and no maps."""

    name: str
    shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC", "ROWS"]
    dtype: Literal["float32", "uint8", "int8", "float16"]
    low: float
    high: float
    colour_order: Literal["RGB", "BGR"] = "RGB"
    scale: float | None = None
    zero_point: int | None = None


class BoxMaps(Record):
    """How an answer says where objects are; ``compress.detection.decode`` reads it.

    ``strides``: of the levels, the smallest first, which is that of the answer's own rows and columns.
    """

    classes: tuple[str, ...]
    strides: tuple[int, ...] = (8, 16, 32)

    @property
    def channels(self) -> int:
        """Of an answer: for each level the classes, four distances and how central a place is."""
        return len(self.strides) * (len(self.classes) + 5)


class IOContract(Record):
    """What must be known to feed a build and read its answer."""

    input: TensorSpec
    output: TensorSpec
    size_multiple: int
    preprocessing: str
    postprocessing: str
    scale: int = 1
    """Height and width of the answer over those of the picture; not written where it is 1."""
    maps: BoxMaps | None = None
    """How the answer says boxes; not written where it is a picture."""
    maps_output: TensorSpec | None = None
    """The tensor of maps beside the picture ``output``; not written where there is one tensor."""
    objects_output: TensorSpec | None = None
    """The tensor of boxes that the build reads from its maps itself; not written where that is left to its user."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """All tensors of an answer that others can be held against, the picture first."""
        return (self.output,) if self.maps_output is None else (self.output, self.maps_output)

    @property
    def ends(self) -> tuple[TensorSpec, ...]:
        """All tensors of an answer, boxes last."""
        return self.outputs if self.objects_output is None else (*self.outputs, self.objects_output)

    @property
    def picture_end(self) -> TensorSpec | None:
        """The tensor that holds a picture, None where there are maps alone."""
        return None if self.maps is not None and self.maps_output is None else self.output

    @property
    def maps_end(self) -> TensorSpec | None:
        """The tensor that holds maps, None where there is a picture alone."""
        return None if self.maps is None else self.maps_output or self.output

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data = without_empty(plain(self), "maps", "maps_output", "objects_output")
        return data if self.scale != 1 else {key: value for key, value in data.items() if key != "scale"}


class Inspection(Record):
    """What a build really holds, read back from its files or from the compiled model."""

    operators: dict[str, int]
    int8_layers: int
    float_layers: int
    precision: str = ""
    """What it computes in, where that is more than int8 layers among floats; empty: just that."""
    float_islands: tuple[str, ...] = ()
    """Layers of a build with int8 layers that run in float."""
    float_though_trained: tuple[str, ...] = ()
    """Those of them that training quantized: time is lost there, and nothing won."""
    scales_compared: int = 0
    scale_differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What else the SDK said of the build, a line each."""


class Build(Record):
    """One build: a main file, perhaps more beside it (relative to the Builds folder)."""

    name: str
    variant: Variant
    runtime: RuntimeName
    files: tuple[str, ...]
    size_bytes: int
    height: int | None
    width: int | None
    ships: bool
    contract: IOContract
    inspection: Inspection


class NotBuilt(Record):
    """A build that the target wants and that could not be made here, and why. ``variant``: None for all of them.

    ``free``: just the file of free height and width, which a network from outside may not have in it; the one of
    the target's size is there.
    """

    runtime: RuntimeName
    reason: str
    variant: Variant | None = None
    free: bool = False


class NetFacts(Record):
    """Counted facts of a network; MACs for one picture of ``macs_height`` x ``macs_width``.

    None: not counted, for a network from outside that can't be looked into.
    """

    variant: Variant
    params: int | None
    macs: int | None
    macs_height: int
    macs_width: int
    weights_size_bytes: int
    trained_by: str = ""
    """In words, where that was no pairs; not written where it was."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_empty(plain(self), "trained_by")


class BuildList(Record):
    """``builds.json``. ``trained``: whether INT8 was, under fake-quant; else there is no untrained one beside it."""

    builds: tuple[Build, ...]
    not_built: tuple[NotBuilt, ...] = ()
    nets: tuple[NetFacts, ...] = ()
    trained: bool = True


class MetricValues(Record):
    """One more metric of a row, by its name in ``QualityReport.metrics``; per image, one value where it is of a set."""

    metric: str
    values: tuple[float, ...]


class MetricFacts(Record):
    """What a further metric means and who computed it. ``not_measured``: why there are no values, None where there are.

    ``weights_sha256``: of the file that was named for it, where it takes one.
    """

    name: str
    heading: str
    unit: str
    higher_is_better: bool
    decimals: int
    definition: str
    library: str
    weights_sha256: str | None = None
    not_measured: str | None = None


class QualityRow(Record):
    """Quality of one variant through one runtime; per-image lists follow ``QualityReport.images``.

    Of what does not answer with pictures PSNR and SSIM are empty, and ``others`` says all.
    """

    variant: Variant
    runtime: Through
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    psnr_gtmean_db: tuple[float, ...]
    psnr_to_float_db: tuple[float, ...] = ()
    origin: Origin = "measured"
    others: tuple[MetricValues, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether there is any figure."""
        return bool(self.psnr_db or self.others)

    def values(self, metric: str) -> tuple[float, ...]:
        """The values of a metric by its name, empty where it was not measured."""
        known = {"psnr": self.psnr_db, "ssim": self.ssim, **{each.metric: each.values for each in self.others}}
        return known.get(metric, ())

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_empty(plain(self), "others")


class Slice(Record):
    """Test pictures that are looked at by themselves; ``rule`` says in words why these."""

    name: str
    rule: str
    images: tuple[str, ...]


DARK_INPUT = "dark input"


Reference = Literal["teacher", "float network", "given frame"]
"""Whose pictures stand for a ground truth: a teacher's, or those of the network that is brought, before anything.

Or the frame as it was given, of what was made of it by the camera's own kernel."""


class Fidelity(Record):
    """Of frames without ground truth: figures are against the 8-bit pictures of the network ``to``, by its ``digest``.

    ``given frame``: against the frame itself, at the scale below the one that is wanted; the digest is the kernel's.

    ``frames``: in words, how the frames were chosen and split.
    """

    to: Reference
    digest: str
    frames: str

    @property
    def name(self) -> str:
        """What PSNR and SSIM are called."""
        return f"fidelity to the {self.to}"


class QualityReport(Record):
    """``quality.json``. PSNR and SSIM on RGB in [0, 1], output rounded to 8 bit, no GT-mean correction.

    ``fidelity``: None where they are against ground truth; else they say how near to a network, not how good.
    """

    definition: str
    decoder: str
    data_digest: str
    data_kind: str
    images: tuple[str, ...]
    rows: tuple[QualityRow, ...]
    slices: tuple[Slice, ...] = ()
    fidelity: Fidelity | None = None
    metrics: tuple[MetricFacts, ...] = ()
    """Those asked for beside PSNR and SSIM."""
    input_label: str = DARK_INPUT
    """What doing nothing gives, in words; not written where it is the dark input."""

    def metric(self, name: str) -> MetricFacts | None:
        """What is known of a further metric; None where it was not asked for."""
        return next((each for each in self.metrics if each.name == name), None)

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data = without_empty(plain(self), "metrics", "fidelity")
        return data if self.input_label != DARK_INPUT else {k: v for k, v in data.items() if k != "input_label"}


class SpeedRow(Record):
    """Latency of one build, model only, batch 1."""

    build: str
    variant: Variant
    runtime: RuntimeName
    height: int
    width: int
    precision: str
    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    fps: float
    samples_ms: tuple[float, ...]
    origin: Origin


class SpeedReport(Record):
    """``speed.json``: all builds interleaved on one device in one session; no row: not measured.

    ``also``: the shipped network before quantization once more, in the precision of the device's float layers where
    that is not f32: what INT8 buys beyond it.
    """

    device: str
    fingerprint: dict[str, str]
    rows: tuple[SpeedRow, ...]
    also: tuple[SpeedRow, ...] = ()
    not_measured: str | None = None


class Check(Record):
    """One budget and what became of it."""

    name: str
    limit: float
    measured: float | None
    unit: str
    origin: Origin | None
    result: Literal["pass", "fail", "incomplete"]
    note: str = ""


class VerdictRecord(Record):
    """``verdict.json``. ``fail`` beats ``incomplete`` beats ``pass``."""

    result: Literal["pass", "fail", "incomplete"]
    checks: tuple[Check, ...]
    reasons: tuple[str, ...] = ()


class TensorScale(Record):
    """A row of the quantization table. ``axis`` is set where scale and zero-point are per channel."""

    tensor: str
    kind: Literal["weight", "activation"]
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    quant_min: int
    quant_max: int
    low: tuple[float, ...]
    high: tuple[float, ...]
    axis: int | None = None


class QuantizationTable(Record):
    """``quantization.json``: the one truth about scales that every build is compared with."""

    scheme: dict[str, Any]
    tensors: tuple[TensorScale, ...]
    kept_float: tuple[str, ...]
