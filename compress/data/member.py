"""A picture file that lies inside a shard (a tar file), or by itself."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

from compress.errors import DataError


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the tar file ``shard``: ``size`` bytes from ``offset`` on, whose SHA-256 (hex) is ``digest``."""

    shard: Path
    name: str
    offset: int
    size: int
    digest: str

    def __str__(self) -> str:
        return f"{self.shard}: {self.name}"

    def open(self) -> BytesIO:
        """Its bytes. Raises as ``read``."""
        return BytesIO(self.read(self.size))

    def read(self, count: int) -> bytes:
        """Its first ``count`` bytes. Raises OSError, and DataError where the shard was cut off since it was listed."""
        with self.shard.open("rb") as file:
            file.seek(self.offset)
            content = file.read(min(count, self.size))
        if len(content) != min(count, self.size):
            raise DataError(f"{self}: cut off; the shard changed while it was in use, start again")
        return content


PictureFile: TypeAlias = Path | Member
"""Where a picture lies; its ``str`` says so in messages."""
