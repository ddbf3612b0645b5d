"""How a camera's kernel is found, and what it is used for."""

from __future__ import annotations

from pydantic import Field

from compress.schema.section import PositiveInt, Section


class DegradeSpec(Section):
    """One kernel and one noise level for all frames, and pairs made with them."""

    frames: PositiveInt = Field(16, description="training frames that the kernel is found from, spread over the split")
    restarts: PositiveInt = Field(20, description="draws of their patches that its uncertainty is found from")
    noise: bool = Field(True, description="add the noise that was found to what is shrunk")
