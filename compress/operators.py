"""What a device's compiler can't do with ONNX operators, as data, and what was done about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from compress.records import Record

Side = Annotated[int, Field(gt=0)]
Exactness = Literal["bits", "rounding", "approximate"]
"""Of a rewrite, on finite input: the same numbers; the same but for the order of float sums; or a stated error."""


class OperatorLimit(Record):
    """Within which bounds a device takes an ONNX operator; an entry without any bound says that it lacks it."""

    model_config = ConfigDict(strict=True)

    operator: str = Field(description="ONNX operator, like DepthToSpace")
    max_kernel: Side | None = Field(None, description="largest side of a window; a global one is as large as its input")
    strides: tuple[Side, ...] | None = Field(None, description="strides it can do; of Slice: its steps")
    max_groups: Side | None = Field(None, description="largest number of channel groups of a convolution")
    modes: tuple[str, ...] | None = Field(None, description="values of the attribute 'mode' it knows")
    constant_first: bool | None = Field(None, description="false: the first input may not be a constant, as in 1 / x")
    centres: tuple[str, ...] | None = Field(None, description="coordinate transformations of Resize it knows")
    factors: tuple[Side, ...] | None = Field(None, description="whole factors by which Resize may enlarge; 1 is free")
    exponents: tuple[float, ...] | None = Field(None, description="exponents of Pow")
    source: str = Field(description="who says so")

    @property
    def lacks(self) -> bool:
        """Whether the device does not have the operator at all."""
        return all(value is None for name, value in self if name not in ("operator", "source"))


class Rewritten(Record):
    """One layer that was written with other operators. ``max_error``: on a scale of 1, of an approximate form."""

    layer: str
    operator: str
    form: str
    exactness: Exactness
    max_error: float = 0.0

    def line(self) -> str:
        """For the report: what became of the layer, and how equal it is."""
        how = {
            "bits": "the same numbers",
            "rounding": "equal but for rounding",
            "approximate": f"off by {self.max_error:.1g} at most",
        }
        return f"{self.operator} '{self.layer}' written as {self.form}: {how[self.exactness]}"
