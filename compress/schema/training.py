"""How a network is trained: phases, variations, losses."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

from compress.schema.section import WHOLE, Fraction, PositiveInt, Section, Weight

Sees = Literal["dark", "truth"]
"""What a network is given: the dark pictures, or the well-lit ones (``compress.data.truth``)."""


class Phase(Section):
    """A part of the training: how often, how large, how many at once."""

    epochs: float = Field(gt=0, description="passes over the training split; may be a fraction")
    batch: PositiveInt = Field(8, description="pictures per step, over all processes")
    downscale: Literal[1, 2, 4] = Field(1, description="area-downscale the whole picture by this first")
    crop: PositiveInt | None = Field(None, description="side of a random square crop in pixels; none: whole pictures")
    lr_scale: float = Field(1.0, gt=0, description="factor on the learning rate in this phase")
    ask: bool = Field(
        False,
        description="how bright is told by a teacher asked anew about each varied picture",
    )
    freeze: tuple[str, ...] = Field(
        (), description="module name prefixes that this phase leaves as they are, with their averaged weights"
    )
    without: tuple[str, ...] = Field(
        (), description="module names that this phase leaves out and as they are: they answer zeros like their input"
    )
    anew: bool = Field(
        False,
        description="warm-up, cosine and averaging of the weights start afresh here; else they run on from before",
    )
    level_of: str | None = Field(
        None,
        description="module whose input, a picture, says how bright the truth is taken to be; freeze what is before it",
    )

    @property
    def at_rest(self) -> tuple[str, ...]:
        """Module name prefixes that this phase does not train."""
        return self.freeze + self.without


class Augment(Section):
    """What is varied in a training pair."""

    flip: bool = Field(True, description="mirror left-right and top-bottom")
    exposure: float = Field(0.0, ge=0, lt=1, description="dark input times a factor log-uniform in [1-e, 1/(1-e)]")
    zoom: float = Field(1.0, gt=0, le=1, description="smallest share of the side that a random zoom keeps; 1: none")
    joined: Fraction = Field(
        0.0, description="share of a phase's batches, where it asks the teacher, of pictures joined from two parts"
    )


class Train(Section):
    """How a network is trained: one warm-up and one cosine to zero over all phases, or more with ``anew``."""

    phases: tuple[Phase, ...] = Field((Phase(epochs=1),), min_length=1)
    lr: float = Field(1e-3, gt=0, description="peak learning rate of AdamW")
    warmup: Fraction = Field(0.05, description="share of a schedule's steps that the learning rate rises")
    weight_decay: float = Field(0.0, ge=0)
    grad_clip: float = Field(1.0, gt=0, description="largest gradient norm")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights that are kept; 0: none")
    precision: Literal["bf16", "fp32"] = Field("bf16", description="of activations during training")
    augment: Augment = Augment()
    checkpoint_every_s: float = Field(60, gt=0, description="seconds between checkpoints")


class OptionalTrain(Train):
    """A training that may be left out."""

    phases: tuple[Phase, ...] = Field((Phase(epochs=1),), description="none: nothing is trained")


class PictureLoss(Section):
    """Weights of the supervised terms, all on RGB in [0, 1]."""

    charbonnier: Weight = 1.0
    ssim: Weight = 0.2
    log_error: Weight = Field(0.0, description="log of each picture's mean squared error, as PSNR has it")
    brightness: Weight = Field(0.0, description="L1 between 16x16 block means")
    colour: Weight = Field(0.0, description="one minus the cosine between RGB vectors")
    ms_ssim: Weight = Field(0.0, description="one minus MS-SSIM, over as many scales as the pictures have")
    gradient: Weight = Field(0.0, description="L1 between Sobel gradients")
    total_variation: Weight = Field(0.0, description="mean difference of neighbouring pixels, of the answer alone")
    matched: Fraction = Field(0.0, description="share of the loss after matching the truth's mean brightness")

    @model_serializer(mode="wrap")
    def _without_later_zeros(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        """Terms that came later are left out where they have no weight: what was trained before them keeps its key."""
        whole: dict[str, Any] = handler(self)
        if info.context == WHOLE:
            return whole
        return {name: value for name, value in whole.items() if value or name not in _LATER}


_LATER = ("ms_ssim", "gradient", "total_variation")


class Hint(Section):
    """A pair of modules, by name, whose outputs are matched."""

    teacher: str
    student: str
    weight: Weight = 0.1
    by: Literal["values", "affinity", "objects"] = Field(
        "values",
        description="values, through a learned 1x1 adapter; how alike any two places are (FAKD); or, of the task "
        "night, normed values, within boxes above all",
    )

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        """Hints by values are written as they were before there were others, so that stored results stay found."""
        data: dict[str, Any] = plain(self)
        if self.by != "values" or info.context == WHOLE:
            return data
        return {name: value for name, value in data.items() if name != "by"}


class Retinex(Section):
    """Retinex-KD: weights of what the teacher's picture tells, term by term (``compress.losses.retinex``)."""

    brightness: Weight = Field(0.0, description="L1 between means of 16x16 pixels")
    colour: Weight = Field(0.0, description="one minus the cosine between RGB vectors")
    texture: Weight = Field(0.0, description="L1 between gradients of the reflectance")
    spectrum: Weight = Field(0.0, description="L1 between Fourier amplitudes of the reflectance")
    illumination: Weight = Field(0.0, description="L1 between logs of the gains, on the thumbnail; needs step")
    step: str | None = Field(
        None, description="module that is given the brightened picture: there the student's illumination is read"
    )

    @property
    def weights(self) -> dict[str, float]:
        """The terms that have a weight, by name."""
        named: dict[str, float] = self.model_dump(exclude={"step"})
        return {name: weight for name, weight in named.items() if weight > 0}
