"""Which kind of TFLite file a target asks for, as data."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from compress.records import Record


class TfliteKind(Record):
    """Pictures are NHWC in all of them; what each kind costs is in docs/adr/0008-tflite.md."""

    model_config = ConfigDict(strict=True)

    ends: Literal["int8", "float32"] = Field("int8", description="pictures as 8-bit codes minus 128, or as 0..1")
    arithmetic: Literal["trained", "integer"] = Field(
        "trained", description="float where training left float, or no float operator in the file"
    )
    activation_bits: Literal[8, 16] = Field(8, description="16: int16 over the trained ranges, weights stay int8")
    half_weights: bool = Field(False, description="float weights are stored as float16")
