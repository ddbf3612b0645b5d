"""What each stage of a recipe may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from compress.metrics.table import ALWAYS, MetricName
from compress.metrics.wanted import Wanted
from compress.models import NETWORKS
from compress.schema.foreign import AdapterSpec, SourceSpec
from compress.schema.key_source import source_problem
from compress.schema.section import Fraction, PositiveInt, Section, Weight
from compress.schema.target import MetricLimit
from compress.schema.training import Hint, OptionalTrain, PictureLoss, Retinex, Sees, Train


class TeacherSpec(Section):
    """The trained network that is given: one of ours (``weights``), or with ``source.network`` any other."""

    weights: str = Field("builtin:low_light", description="a .safetensors file, or builtin:NAME")
    network: str | None = Field(None, description="registered network; none: what the file itself says")
    source: SourceSpec = SourceSpec()
    adapter: AdapterSpec = AdapterSpec()

    def identity(self) -> dict[str, Any]:
        if self.source.network is not None:
            return _foreign_identity(self.source, self.adapter)
        from compress.models.weights import resolve_weights
        from compress.store.digests import file_digest

        return {"network": self.network, "weights_sha256": file_digest(resolve_weights(self.weights))}


def _foreign_identity(source: SourceSpec, adapter: AdapterSpec) -> dict[str, Any]:
    from compress.foreign.identity import source_identity

    return {"source": source_identity(source), "adapter": adapter.identity()}


class TeachSpec(Section):
    """Training of a teacher of our own."""

    network: str = "retinex_unet"
    width: PositiveInt = Field(32, description="channels at half resolution")
    scale: PositiveInt | None = Field(None, description="sides of the answer over the input's; none: the task's")
    classes: PositiveInt | None = Field(None, description="of a detector: how many; none: those of the pictures")
    sees: Sees = Field("dark", description="its input; truth: it is an auto-encoder of well-lit pictures")
    noise: Fraction = Field(0.0, description="largest standard deviation of Gaussian noise on its input, of 1")
    restored: Weight = Field(
        0.0, description="of restored_anchor: of the error of its pre-processing network, behind the stage degrade"
    )
    train: Train = Train()
    loss: PictureLoss = PictureLoss()

    @property
    def given(self) -> dict[str, int]:
        """The network's settings, by name."""
        known = {"scale": self.scale, "classes": self.classes}
        return {"width": self.width} | {name: value for name, value in known.items() if value is not None}

    def identity(self) -> dict[str, Any]:
        """Without what is as it was before it could be set, and settings of some networks where they are not given."""
        unset = {
            "scale": self.scale is None, "classes": self.classes is None, "sees": self.sees == "dark",
            "noise": not self.noise, "restored": not self.restored,
        }  # fmt: skip
        return self.model_dump(mode="json", exclude={name for name, left_out in unset.items() if left_out})


class StudentSpec(Section):
    """The small network that ships: one of ours, trained here, or with ``source.network`` one that is brought.

    ``compress.models.NETWORKS`` says which settings each of ours takes, with defaults.
    """

    network: str = "light_twin"
    variant: str | None = Field(None, description="settings of the network under one name (E, B or P of ldfc)")
    width: PositiveInt | None = Field(None, description="channels at half resolution, of light_curve on the thumbnail")
    depth: PositiveInt | None = Field(None, description="hidden layers; of unet_lite: how often it halves")
    light_width: PositiveInt | None = Field(None, description="channels of the illumination branch")
    blocks: PositiveInt | None = Field(None, description="of rir: blocks in each of its depth groups")
    deep_width: PositiveInt | None = Field(None, description="of ldfc: channels at half of the suppression's size")
    deep: int | None = Field(None, ge=0, description="of ldfc: layers there, after the one that leads down; 0: none")
    fold: Literal[1, 2] | None = Field(None, description="of ldfc: suppresses at full size (1) or half (2)")
    mend: PositiveInt | None = Field(None, description="of night_pair: channels that repair the picture, at half size")
    iterations: PositiveInt | None = Field(None, description="how often the picture goes through its curve")
    scale: PositiveInt | None = Field(None, description="sides of the answer over the input's; none: the task's")
    classes: PositiveInt | None = Field(None, description="of a detector: how many; none: those of the pictures")
    reparameterize: bool = Field(False, description="train 3x3 with 1x1 and identity beside; ships as plain 3x3")
    source: SourceSpec = SourceSpec()
    adapter: AdapterSpec = AdapterSpec()

    @property
    def given(self) -> dict[str, int]:
        """The network's settings that are set, by name."""
        named = {"network", "variant", "reparameterize", "source", "adapter"}
        return self.model_dump(exclude=named, exclude_none=True)

    def settled(self) -> StudentSpec:
        """The same with the variant's or the network's own defaults where nothing is set; unchanged for one that is not
        ours."""
        known = NETWORKS.get(self.network) if self.source.network is None else None
        if known is None:
            return self
        variant = known.variants.get(self.variant or "", {})
        return self.model_copy(update={**known.defaults, **variant, **self.given})

    def identity(self) -> dict[str, Any]:
        """Settled, and without the settings that the network does not have. A variant is its settings."""
        if self.source.network is not None:
            return _foreign_identity(self.source, self.adapter)
        return self.settled().model_dump(mode="json", exclude={"source", "adapter", "variant"}, exclude_none=True)


class DistillSpec(Section):
    """Knowledge distillation (Hinton 2015; feature hints after FitNets, Romero 2015)."""

    train: Train = Train()
    loss: PictureLoss = PictureLoss()
    output_weight: Weight = Field(0.5, description="share of the teacher's output, the rest is ground truth")
    level_weight: Weight = Field(1.0, description="of each picture's mean brightness, where the teacher is asked anew")
    mask_worse: bool = Field(True, description="leave the teacher's output out where it is the worse one")
    hints: tuple[Hint, ...] = ()
    hints_end: Fraction = Field(1.0, description="share of the hints' weights that half a cosine leaves at the end")
    retinex: Retinex = Retinex()
    consistency: Weight = Field(
        0.0, description="of what the answer to the given frame shrinks back to, behind the stage degrade"
    )
    teacher_sees: Sees = Field("dark", description="what the teacher is asked about; truth: it knows clean pictures")
    control: bool = Field(False, description="also train the same student without a teacher, for the report")

    def identity(self) -> dict[str, Any]:
        """Without ``control``: asking for the comparison changes nothing about the student.

        And without what is as it was before it could be set.
        """
        unset = {
            "control": True, "hints_end": self.hints_end == 1, "teacher_sees": self.teacher_sees == "dark",
            "retinex": not self.retinex.weights, "consistency": not self.consistency,
        }  # fmt: skip
        return self.model_dump(mode="json", exclude={name for name, left_out in unset.items() if left_out})


class PruneSpec(Section):
    """Structured pruning by Torch-Pruning, then fine-tuning under the teacher, or under what it was before."""

    keep_macs: float | None = Field(0.8, gt=0, le=1, description="share of the MACs to keep")
    max_latency_ms: float | None = Field(None, gt=0, description="or: FP32 latency to get under, on this machine")
    importance: Literal["magnitude", "taylor"] = "taylor"
    keep: tuple[str, ...] = Field(
        ("light",), description="module name prefixes that go on giving all of their channels"
    )
    train: Train = Train()

    def identity(self) -> dict[str, Any]:
        """A latency to get under is measured here, so the machine counts; it also takes the place of the MACs."""
        from compress.devices.runner.fingerprint import stable_facts

        if self.max_latency_ms is None:
            return self.model_dump(mode="json")
        return {**self.model_dump(mode="json", exclude={"keep_macs"}), "machine": stable_facts()}


class QuantizeSpec(Section):
    """Quantization by NNCF: ranges from pictures, then training with them, under the teacher where there is one."""

    train: OptionalTrain = OptionalTrain(precision="fp32", lr=1e-4)
    calibration_images: PositiveInt = Field(32, description="training pictures for the first ranges")
    keep_float: tuple[str, ...] = Field((), description="module name prefixes that stay out of int8")
    int16: tuple[str, ...] = Field(
        (), description="module name prefixes that take 16-bit inputs, weights in int8; with target.int16_layers"
    )
    own_weight: Weight = Field(0.0, description="share of the float network's own output, the rest as in distillation")

    def identity(self) -> dict[str, Any]:
        """Without a share or layers that are none: networks quantized before there were these are the same."""
        unused = {name for name, given in (("own_weight", self.own_weight), ("int16", self.int16)) if not given}
        return self.model_dump(mode="json", exclude=unused)


class SensitivitySpec(Section):
    """How the layers that int8 harms are looked for, on validation pictures."""

    max_images: PositiveInt = Field(8, description="validation pictures, spread over the split")
    run: bool = Field(False, description="put the stage behind quantize")
    promote: bool = Field(True, description="16 bit or float for layers until the INT8 drop budget holds")
    ranked_images: PositiveInt | None = Field(
        None,
        description="of these, those int8 harms most, on which each layer is measured; the choice on all. none: all",
    )
    always: bool = Field(True, description="measure single layers also where the budget holds with all in int8")
    max_int8_drop_db: float | None = Field(
        None, description="the recipe's own budget, in stage and gate; where the target says one, that counts"
    )
    max_worst_drop_db: float | None = Field(None, description="the same for the worst image")

    def identity(self) -> dict[str, Any]:
        """Without ``run``, which only says that the stage is there, and without what ``Promotion`` and ``Budget`` say.

        Without a number of pictures to rank by, and always, as it was before there were these.
        """
        left_out = {"run", "max_int8_drop_db", "max_worst_drop_db"}
        left_out |= {
            name for name, new in (("ranked_images", self.ranked_images), ("always", not self.always)) if not new
        }
        return self.model_dump(mode="json", exclude=left_out)


class MetricWeights(Section):
    """The file with a metric's weights; nothing is downloaded."""

    metric: MetricName
    file: str


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
    metrics: tuple[MetricName, ...] = Field(ALWAYS, description="by name; psnr and ssim are measured in any case")
    weights: tuple[MetricWeights, ...] = Field((), description="where the weights of no-reference metrics lie")
    backlit: int = Field(0, ge=0, description="test pictures that are lit from one side and looked at; task enhance")
    limits: tuple[MetricLimit, ...] = Field(
        (), description="the recipe's own budget by metric name; where the target limits a metric, that counts"
    )

    def wanted(self, judged_by: tuple[MetricName, ...] = ()) -> tuple[Wanted, ...]:
        """The metrics beside PSNR and SSIM, each once; ``judged_by``: those that the task wants in any case."""
        files = {each.metric: Path(each.file).expanduser() for each in self.weights}
        return tuple(
            Wanted(name, files.get(name)) for name in dict.fromkeys((*judged_by, *self.metrics)) if name not in ALWAYS
        )

    def identity(self) -> dict[str, Any]:
        """Of weights their digest and not their path. What came later is left out where it was not asked for.

        Limits are the gate's: they change no measurement.
        """
        later = () if self.backlit else ("backlit",)
        kept = self.model_dump(mode="json", exclude={"metrics", "weights", "limits", *later})
        others = [each.identity() for each in self.wanted()]
        return {**kept, "metrics": others} if others else kept


class PackageSpec(Section):
    """The signed bundle. Its identity is ``bundle.circumstances.package_identity``: of the key, not of its path."""

    key: str | None = Field(
        None, description="private key: PEM file, env:COMPRESS_SIGNING_KEY, pkcs11:URI; none: this machine's"
    )
    policy: Literal["as_found", "release", "draft"] = Field(
        "as_found", description="release: refuse what is none, with every reason; draft: mark it DRAFT anyway"
    )
    revoked: str | None = Field(None, description="revocation list that the signing key must not be on")
    revoked_by: tuple[str, ...] = Field((), description="public keys that may sign that list; none: the signing key's")
    golden_frames: PositiveInt = 2
    previous: str | None = Field(None, description="folder of the bundle before this one; none: this is version 1.0.0")

    @field_validator("key")
    @classmethod
    def _names_a_key(cls, key: str | None) -> str | None:
        if key is not None and (problem := source_problem(key)):
            raise ValueError(problem)
        return key
