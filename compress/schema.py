"""Every setting, once: type, default, bounds and meaning.

A *section* is the unit that a stage may read. Sections are frozen; unknown keys are refused. What
enters the key of a stage is ``section.identity()``: the settings, with paths replaced by the digest
of what they point to, so that moving a folder changes nothing and changing a byte does.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from compress.operators import OperatorLimit
from compress.tflite_kind import TfliteKind

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """Base of all settings: strict types, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def identity(self) -> dict[str, Any]:
        """What of this section decides the result of a stage that reads it (JSON types only)."""
        return self.model_dump(mode="json")


class Phase(Section):
    """A part of the training: how often, how large, how many at once."""

    epochs: float = Field(gt=0, description="passes over the training split; may be a fraction")
    batch: PositiveInt = Field(8, description="pictures per step, over all processes")
    downscale: Literal[1, 2, 4] = Field(1, description="area-downscale the whole picture by this first")
    crop: PositiveInt | None = Field(
        None, description="side of a random square crop; illumination is that of its whole picture"
    )
    lr_scale: float = Field(1.0, gt=0, description="factor on the learning rate in this phase")
    ask: bool = Field(
        False, description="train the illumination alone, by what the teacher says of each varied picture"
    )
    freeze: tuple[str, ...] = Field((), description="module name prefixes that this phase leaves as they are")


class Augment(Section):
    """What is varied in a training pair."""

    flip: bool = Field(True, description="mirror left-right and top-bottom")
    exposure: float = Field(0.0, ge=0, lt=1, description="dark input times a factor log-uniform in [1-e, 1/(1-e)]")
    zoom: float = Field(1.0, gt=0, le=1, description="smallest share of the side that a random zoom keeps; 1: none")


class Train(Section):
    """How a network is trained: warm-up, then cosine to zero, once over all phases or once in each."""

    phases: tuple[Phase, ...] = Field((Phase(epochs=1),), min_length=1)
    anneal: Literal["once", "each_phase"] = Field("once", description="what the learning-rate curve goes over")
    lr: float = Field(1e-3, gt=0, description="peak learning rate of AdamW")
    warmup: Fraction = Field(0.05, description="share of the steps that the learning rate rises")
    weight_decay: float = Field(0.0, ge=0)
    grad_clip: float = Field(1.0, gt=0, description="largest gradient norm")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights that are kept; 0: none")
    precision: Literal["bf16", "fp32"] = Field("bf16", description="of activations during training")
    augment: Augment = Augment()
    checkpoint_every_s: float = Field(60, gt=0, description="seconds between checkpoints")


class PictureLoss(Section):
    """Weights of the supervised terms, all on RGB in [0, 1]."""

    charbonnier: Weight = 1.0
    ssim: Weight = 0.2
    log_error: Weight = Field(0.0, description="log of each picture's mean squared error, as PSNR has it")
    brightness: Weight = Field(0.0, description="L1 between 16x16 block means")
    colour: Weight = Field(0.0, description="one minus the cosine between RGB vectors")
    matched: Fraction = Field(0.0, description="share of the loss after matching the truth's mean brightness")


class Hint(Section):
    """A pair of modules, by name, whose outputs are matched through a learned 1x1 adapter."""

    teacher: str
    student: str
    weight: Weight = 0.1


class TeacherSpec(Section):
    """The trained network that is given."""

    weights: str = Field("builtin:low_light", description="a .safetensors file, or builtin:NAME")
    network: str | None = Field(None, description="registered network; none: what the file itself says")

    def identity(self) -> dict[str, Any]:
        from compress.models.weights import resolve_weights
        from compress.store.digests import file_digest

        return {"network": self.network, "weights_sha256": file_digest(resolve_weights(self.weights))}


class TeachSpec(Section):
    """Training of a teacher of our own."""

    network: str = "retinex_unet"
    width: PositiveInt = Field(32, description="channels at half resolution")
    train: Train = Train()
    loss: PictureLoss = PictureLoss()


class StudentSpec(Section):
    """The small network that ships."""

    network: str = "light_twin"
    width: PositiveInt = Field(32, description="channels at half resolution; even")
    light_width: PositiveInt = Field(12, description="channels of the illumination branch")
    reparameterize: bool = Field(False, description="train 3x3 with 1x1 and identity beside; ships as plain 3x3")


class DistillSpec(Section):
    """Knowledge distillation (Hinton 2015; feature hints after FitNets, Romero 2015)."""

    train: Train = Train()
    loss: PictureLoss = PictureLoss()
    output_weight: Weight = Field(0.5, description="share of the teacher's output, the rest is ground truth")
    mask_worse: bool = Field(True, description="leave the teacher's output out where it is the worse one")
    hints: tuple[Hint, ...] = ()
    control: bool = Field(False, description="also train the same student without a teacher, for the report")

    def identity(self) -> dict[str, Any]:
        """Without ``control``: asking for the comparison changes nothing about the student."""
        return self.model_dump(mode="json", exclude={"control"})


class PruneSpec(Section):
    """Structured pruning by Torch-Pruning, then fine-tuning under the teacher."""

    keep_macs: float | None = Field(0.8, gt=0, le=1, description="share of the MACs to keep")
    max_latency_ms: float | None = Field(None, gt=0, description="or: FP32 latency to get under, on this machine")
    importance: Literal["magnitude", "taylor"] = "taylor"
    keep: tuple[str, ...] = Field(("light",), description="module name prefixes that are not pruned")
    train: Train = Train()

    def identity(self) -> dict[str, Any]:
        """A latency to get under is measured here, so the machine counts; it also takes the place of the MACs."""
        from compress.devices.fingerprint import stable_facts

        if self.max_latency_ms is None:
            return self.model_dump(mode="json")
        return {**self.model_dump(mode="json", exclude={"keep_macs"}), "machine": stable_facts()}


class QuantizeSpec(Section):
    """Quantization-aware training by NNCF, under the teacher."""

    train: Train = Train(precision="fp32", lr=1e-4)
    calibration_images: PositiveInt = Field(32, description="training pictures for the first ranges")
    keep_float: tuple[str, ...] = Field((), description="module name prefixes that stay out of int8")


class SensitivitySpec(Section):
    """How the layers that int8 harms are looked for, on validation pictures."""

    max_images: PositiveInt = Field(8, description="validation pictures, spread over the split")
    run: bool = Field(False, description="put the stage behind quantize")
    promote: bool = Field(True, description="16 bit or float for layers until the target's INT8 drop budget holds")

    def identity(self) -> dict[str, Any]:
        """Without ``run``, which only says that the stage is there."""
        return self.model_dump(mode="json", exclude={"run"})


class ValidateSpec(Section):
    """What is measured on the test split."""

    max_images: PositiveInt | None = Field(None, description="none: the whole split")
    warmup_runs: PositiveInt = 10
    timed_runs: PositiveInt = Field(60, description="per build, interleaved A B A B")
    quality: tuple[Literal["teacher", "student", "control", "pruned", "int8", "ptq"], ...] = (
        "teacher",
        "student",
        "control",
        "pruned",
        "int8",
        "ptq",
    )


class PackageSpec(Section):
    """The signed bundle."""

    key: str | None = Field(None, description="PEM file of a P-256 private key; none: this machine's developer key")
    golden_frames: PositiveInt = 2

    def identity(self) -> dict[str, Any]:
        from compress.bundle.keys import public_key_id, resolve_key

        return {"golden_frames": self.golden_frames, "key_id": public_key_id(resolve_key(self.key))}


class DataSpec(Section):
    """Pictures: where they lie, what they may be used for, how they are split."""

    description: str = ""
    licence: str = Field(..., description="who owns the pictures and what they may be used for")
    kind: Literal["embedded", "paired"] = Field(..., description="photographs shipped with a library, or a folder")
    root: str | None = Field(None, description="paired: the folder")
    train: str = Field("train", description="paired: subfolder with low/ and high/ for training and validation")
    test: str = Field("test", description="paired: subfolder with low/ and high/ that nothing is trained on")
    val_fraction: float = Field(0.05, ge=0, lt=0.5, description="share of the training scenes kept for validation")
    exclude: tuple[str, ...] = Field((), description="names of training pairs to leave out")
    size: tuple[PositiveInt, PositiveInt] | None = Field(None, description="embedded: height and width of the pictures")
    copies: PositiveInt = Field(4, description="embedded: differently darkened copies of a photograph")
    memory_mib: PositiveInt = Field(2048, description="decoded pictures kept in memory, at most")

    def identity(self) -> dict[str, Any]:
        from compress.data.source import data_digest

        kept = self.model_dump(mode="json", exclude={"root", "memory_mib", "description", "licence"})
        return {**kept, "digest": data_digest(self)}


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

    def identity(self) -> dict[str, Any]:
        """With the toolchains that are ready, for what is built depends on them. Without who says that an operator
        is lacking: a better source changes no build. The kind of TFLite file counts where one is made."""
        from compress.runtimes import made_with

        kept = self.model_dump(mode="json", exclude={"lacking": {"__all__": {"source"}}})
        if "tflite" not in self.builds:
            del kept["tflite"]
        return {**kept, "toolchains": {name: made_with(name) for name in self.builds}}


class DeviceSpec(Section):
    """How the device is reached and what it should run with."""

    kind: Literal["local", "ssh", "adb", "none"] = "local"
    host: str | None = None
    runtime: Literal["openvino", "onnx", "tensorrt", "tflite", "rknn"] = "openvino"
    threads: PositiveInt = 2
    float_precision: Literal["f32", "bf16", "f16"] = Field("f32", description="what float layers run in")

    def identity(self) -> dict[str, Any]:
        """A measurement belongs to its machine: on this one, processor and runtime versions count too."""
        from compress.devices.fingerprint import stable_facts

        machine = stable_facts() if self.kind == "local" else {}
        return {**self.model_dump(mode="json"), "machine": machine}


class Budget(Section):
    """What a build must hold; a limit that is none is not asked for."""

    min_psnr_db: float | None = None
    min_ssim: float | None = None
    min_gain_over_input_db: float | None = Field(None, description="PSNR of the INT8 build minus the dark input's")
    max_int8_drop_db: float | None = Field(0.10, description="mean PSNR of the float student minus the INT8 build's")
    max_worst_drop_db: float | None = Field(None, description="the same for the worst image")
    min_fps: float | None = None
    max_latency_p90_ms: float | None = None
    min_int8_speedup: float | None = Field(None, description="FP32 latency over INT8 latency of the same net, same run")
    max_params: int | None = None
    max_size_bytes: int | None = None


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


StageName = Literal[
    "teach",
    "teacher",
    "distill",
    "control",
    "prune",
    "quantize",
    "sensitivity",
    "export",
    "validate",
    "gate",
    "package",
]


class Recipe(Section):
    """Which stages run, with which settings. Knows nothing of a device."""

    description: str = ""
    stages: tuple[StageName, ...] = Field(..., min_length=1)
    data: str = Field("embedded", description="calibration set used unless the command names another")
    seed: int = Field(0, ge=0)
    teach: TeachSpec = TeachSpec()
    teacher: TeacherSpec = TeacherSpec()
    student: StudentSpec = StudentSpec()
    distill: DistillSpec = DistillSpec()
    prune: PruneSpec = PruneSpec()
    quantize: QuantizeSpec = QuantizeSpec()
    sensitivity: SensitivitySpec = SensitivitySpec()
    validation: ValidateSpec = ValidateSpec()
    package: PackageSpec = PackageSpec()


class Promotion(Section):
    """What the choice of wider layers needs of a target: which it has, its INT8 drop budget, its pictures' size."""

    float_layers: bool
    int16_layers: bool = False
    int16_slowdown: float = 2.0
    float_slowdown: float = 4.0
    max_int8_drop_db: float | None
    max_worst_drop_db: float | None
    size: tuple[PositiveInt, PositiveInt]


class PictureSize(Section):
    """What pruning needs of a target beside its channels: the size of its pictures, at which work is counted."""

    size: tuple[PositiveInt, PositiveInt]


class LayerTiming(Section):
    """What the cost of single layers needs of a device; ``local``: it is this machine, so they can be timed."""

    runtime: str
    local: bool
    threads: PositiveInt
    float_precision: Literal["f32", "bf16", "f16"]

    def identity(self) -> dict[str, Any]:
        """Where layers can't be timed, their MACs stand in, which are the same for every device."""
        from compress.devices.fingerprint import stable_facts
        from compress.sensitivity.cost import PROFILERS

        timed = self.local and self.runtime in PROFILERS
        return {**self.model_dump(mode="json"), "machine": stable_facts()} if timed else {}


class FloatLayers(Section):
    """What the builds need of a device's floats: whether it has any, and what they compute in."""

    on_device: bool
    runtime: str
    precision: Literal["f32", "bf16", "f16"]
    builds: tuple[str, ...]

    def identity(self) -> dict[str, Any]:
        """The precision counts where a build has it written into it; elsewhere it is chosen when the build runs."""
        from compress.runtimes import open_runtime

        written = any(open_runtime(name).written_precisions for name in self.builds)
        return {
            "integer_only": None if self.on_device else self.runtime,
            "precision": self.precision if written else None,
        }  # fmt: skip


class ControlSpec(Section):
    """What the no-distillation control shares with the student: schedule and losses, but no teacher."""

    train: Train
    loss: PictureLoss


class Seed(Section):
    """The one seed of a plan."""

    seed: int = Field(0, ge=0)


class Names(Section):
    """What the plan's parts are called, for the provenance of a bundle."""

    recipe: str
    target: str
    data: str
