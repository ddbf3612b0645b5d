"""A network that the user brings: where it comes from, and how it wants to be spoken to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from compress.schema.section import PositiveInt, Section


class SourceSpec(Section):
    """Which files a network is made of. Nothing of it is found out by trying."""

    network: str | None = Field(
        None, description="module:callable, FILE.py:callable, or a .onnx, .pt2 or TorchScript .pt file"
    )
    weights: str | None = Field(
        None, description="of module:callable: .safetensors, a saved state dict, or a folder as a hub keeps it"
    )
    entry: str | None = Field(None, description="key of the state dict in a saved checkpoint that holds more")
    prefix: str = Field("", description="what all names of weights begin with and the network's do not: module.")
    trust: Literal["torchscript"] | None = Field(
        None, description="torchscript: load such an archive although its code is run, in no sandbox"
    )


class AdapterSpec(Section):
    """What the network takes and gives. The first four have to be said; ``None`` stands for not said."""

    colours: Literal["RGB", "BGR"] | None = Field(None, description="order of the channels, in and out")
    range: Literal["0..1", "-1..1", "0..255"] | None = Field(None, description="of what the network takes")
    answers: Literal["picture", "residual"] | None = Field(
        None, description="residual: its answer is added to what it was given, in its own range"
    )
    size_multiple: PositiveInt | None = Field(None, description="sides that it takes are multiples of this")
    padding: Literal["reflect", "replicate"] | None = Field(
        None,
        description="how a picture is filled up, at the right and at the bottom; needed where something is to fill",
    )
    answers_range: Literal["0..1", "-1..1", "0..255"] | None = Field(
        None, description="of a picture that it gives; none: as it takes"
    )
    output: int | str | None = Field(None, description="place in a tuple from 0, or name; none: it gives one tensor")
    tile: tuple[PositiveInt, PositiveInt] | None = Field(
        None, description="height, width: run on tiles of this size only, which a network of fixed size needs"
    )
    overlap: int = Field(0, ge=0, description="pixels that neighbouring tiles share; each gives its half of them")

    def unsaid(self) -> tuple[str, ...]:
        """Names of what has to be said and was not."""
        needed = ["colours", "range", "answers", "size_multiple"]
        if (self.size_multiple or 1) > 1 or self.tile:
            needed.append("padding")
        return tuple(name for name in needed if getattr(self, name) is None)

    def contradictions(self) -> tuple[str, ...]:
        """What can't be so, a line each."""
        found = []
        if self.tile and any(side % (self.size_multiple or 1) for side in self.tile):
            found.append(f"tile: its sides are no multiples of size_multiple {self.size_multiple}")
        if self.tile and self.overlap >= min(self.tile):
            found.append(f"overlap: {self.overlap} px leaves nothing of a tile of {self.tile[0]}x{self.tile[1]}")
        if self.overlap and not self.tile:
            found.append("overlap: there are no tiles; give tile=[HEIGHT,WIDTH]")
        if self.answers == "residual" and self.answers_range:
            found.append("answers_range: a residual is in the range of what the network takes; leave it out")
        return tuple(found)
