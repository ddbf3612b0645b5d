"""How a network is trained without pairs: who says what well-lit pictures are like, and the three stages of that."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from compress.schema.section import Fraction, PositiveInt, Section, Weight
from compress.schema.training import Augment, OptionalTrain, Phase, PictureLoss, Train

Printed = Literal["eq1", "eq3", "s1"]
"""Equations of Wang (2024) that are computed as they are printed, and not as they are meant (ADR 0042)."""


class ScorerSpec(Section):
    """Who encodes pictures and prompts, frozen while prompts and network are trained."""

    kind: Literal["critic", "clip"] = Field(
        "critic", description="clip: weights from a folder; critic: ours, of luminance and colour, which is not CLIP"
    )
    weights: str | None = Field(None, description="clip: folder with config.json and model.safetensors of a CLIPModel")
    context: PositiveInt = Field(16, description="clip: learned tokens of each prompt")
    train: Train = Field(
        Train(lr=2e-3, precision="fp32", phases=(Phase(epochs=30, batch=16, downscale=2),), augment=Augment(zoom=0.6)),
        description="critic: how it is trained, on the same dark and well-lit pictures without pairs",
    )

    def identity(self) -> dict[str, Any]:
        """Of a folder the digests of what is read of it; of CLIP nothing of how a critic is trained."""
        if self.kind == "critic":
            return self.model_dump(mode="json", exclude={"weights", "context"})
        from importlib.metadata import version

        from compress.scorers.clip_folder import folder_digests

        found = folder_digests(self.weights)  # before the version: it says what is missing
        return {"kind": self.kind, "context": self.context, "weights": found, "library": version("transformers")}


class Margins(Section):
    """By how much one picture should be likelier to be a normal-light one than another; equation 5."""

    normal_over_low: Fraction = Field(0.9, description="P0: well-lit pictures over dark ones")
    normal_over_enhanced: Fraction = Field(0.2, description="P1: well-lit pictures over enhanced ones")
    step: Fraction = Field(0.1, description="P2: each round over the one before; 0.3 as printed, for which 1 is short")


class GuidedLoss(Section):
    """Weights of what brings the network down in the second stage."""

    score: Weight = Field(1.0, description="equation 3: minus the log of how likely it is a normal-light picture")
    likeness: Weight = Field(1.0, description="that the scene stays what it was, as the scorer sees it")
    total_variation: Weight = Field(0.0, description="mean difference of neighbouring pixels of the answer")
    level: Weight = Field(0.0, description="square of the log of an answer's mean over that of well-lit pictures")


class DarkenedSpec(Section):
    """What well-lit pictures teach by themselves: made as dark as the set's dark ones are, they should come back.

    Not of the paper. How dark, noisy and tinted is measured on the dark pictures, of other scenes
    (``compress.degradation.darkness``).
    """

    weight: Weight = Field(0.0, description="of this term; 0: it is left out, as in the paper")
    loss: PictureLoss = Field(PictureLoss(), description="between what came back and the well-lit picture")
    uneven: Fraction = Field(0.0, description="share of pictures that stay well-lit on one side")


class UnpairedSpec(Section):
    """Training by dark and well-lit pictures that show different scenes: Wang (2024), after CLIP-LIT (ICCV 2023).

    First prompts are learnt that tell dark from well-lit pictures. Then, in turn, the network learns to give what the
    prompts take for well-lit, and the prompts learn to rank its pictures of all rounds so far.
    """

    network: str = "isp_cnn"
    width: PositiveInt = Field(32, description="of isp_cnn: channels of the detail module")
    scorer: ScorerSpec = ScorerSpec()
    pairing: Train = Train(lr=1e-2, precision="fp32", phases=(Phase(epochs=10, batch=16, downscale=2),))
    enhance: Train = Train(lr=5e-4, phases=(Phase(epochs=5, batch=8, downscale=2),))
    refine: OptionalTrain = OptionalTrain(lr=5e-3, precision="fp32", phases=(Phase(epochs=3, batch=16, downscale=2),))
    finish: OptionalTrain = Field(
        OptionalTrain(phases=()),
        description="behind the last round, norms folded in: of full size so few pictures fit that they would sway",
    )
    rounds: PositiveInt = Field(5, description="how often enhance and refine follow each other")
    margins: Margins = Margins()
    loss: GuidedLoss = GuidedLoss()
    darkened: DarkenedSpec = DarkenedSpec()
    printed: tuple[Printed, ...] = Field((), description="equations taken as printed; none: as they are meant")
    disjoint: bool = Field(
        True, description="dark pictures of some scenes, well-lit ones of the others; false: of all, shuffled"
    )
    dark_share: Fraction = Field(0.5, description="disjoint: share of the scenes whose dark pictures are taken")
