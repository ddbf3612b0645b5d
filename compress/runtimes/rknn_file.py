"""What lies in an .rknn file, read without the SDK: operators, tensors, and the scales they have.

The file is a header of 64 bytes (``RKNN``, version, length), a FlatBuffer and a JSON trailer. Rockchip publishes
no schema; the places below were found in files of toolkit 2.5.0, and a file of another build is refused rather
than misread. So is one for rv1106, which is laid out otherwise. Scales of activations stand in it as they were
given. Those of int8 weights don't: the NPU takes, for each output channel, its share of the layer's largest scale
in 1/16384.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from compress.errors import BuildError

_HEADER_BYTES = 64
_SEEN_WITH = "2.5.0"
_GRAPHS, _COMPILER, _PLATFORM, _CONSTANTS = 2, 7, 8, 20
"""Fields of the root table."""
_TENSORS, _NODES = 0, 1
"""Fields of a graph."""
_SHAPE, _NAME, _DTYPE, _SCALE, _ZERO, _CONSTANT = 4, 5, 7, 10, 11, 18
"""Fields of a tensor."""
_KIND, _FULL_NAME, _INPUTS = 1, 2, 4
"""Fields of a node."""
_CHANNELS_A_BLOCK = {"rk3566": 4}
_CHANNELS_A_BLOCK_ELSEWHERE = 8

UNREADABLE = ("rv1106",)

T = TypeVar("T")


@dataclass(frozen=True)
class RknnTensor:
    """``scale`` and ``zero_point`` are empty for float tensors and for constants."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    constant: int | None


@dataclass(frozen=True)
class RknnNode:
    """An operator that runs; ``inputs`` are places in ``RknnFile.tensors``."""

    kind: str
    name: str
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class RknnFile:
    """An .rknn file, without the NPU's own commands."""

    platform: str
    compiler: str
    tensors: tuple[RknnTensor, ...]
    nodes: tuple[RknnNode, ...]
    constants: tuple[bytes, ...]


def read_sizes(path: Path) -> dict[str, tuple[int, ...]]:
    """Sizes of the network's inputs and outputs by name, as the ONNX file had them, from the JSON trailer.

    Raises BuildError for a file that is cut short or no .rknn.
    """
    try:
        raw = path.read_bytes()
        start = _HEADER_BYTES + struct.unpack_from("<Q", raw, 16)[0]
        length = struct.unpack_from("<Q", raw, start)[0]
        trailer = json.loads(raw[start + 8 : start + 8 + length])
        return {tensor["url"]: tuple(tensor["size"]) for tensor in trailer["norm_tensor"]}
    except OSError as error:
        raise BuildError(f"{path}: can't be read: {error.strerror}") from None
    except (struct.error, ValueError, KeyError, TypeError):
        raise BuildError(f"{path}: not a whole .rknn file") from None


def read_rknn(path: Path) -> RknnFile:
    """Raises BuildError for a file that is cut short, no .rknn, or of a compiler whose layout is not known."""
    try:
        raw = path.read_bytes()
        length = struct.unpack_from("<Q", raw, 16)[0]
        if raw[:4] != b"RKNN" or len(raw) <= _HEADER_BYTES + length:
            raise BuildError(f"{path}: not a whole .rknn file")
        return _read(_Flat(raw[_HEADER_BYTES : _HEADER_BYTES + length]))
    except OSError as error:
        raise BuildError(f"{path}: can't be read: {error.strerror}") from None
    except (struct.error, ValueError, IndexError, KeyError):
        raise BuildError(f"{path}: not a whole .rknn file, or not one of toolkit {_SEEN_WITH}") from None


def channel_shares(built: RknnFile, bias: bytes, channels: int) -> tuple[float, ...]:
    """Each output channel's weight scale as a share of the layer's largest, from the constant with its biases.

    Blocks of four or eight channels: an int32 bias each, two bytes of nothing each, a uint16 share each.
    """
    wide = _CHANNELS_A_BLOCK.get(built.platform, _CHANNELS_A_BLOCK_ELSEWHERE)
    block = struct.Struct(f"<{wide}i{2 * wide}x{wide}H")
    shares: list[float] = []
    for place in range(-(-channels // wide)):
        shares += [value / 16384 for value in block.unpack_from(bias, place * block.size)[wide:]]
    return tuple(shares[:channels])


class _Flat:
    """Just enough of FlatBuffers to walk one without its schema."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def number(self, place: int, kind: str = "I") -> int:
        """An unsigned 32-bit number, or one of another ``struct`` kind."""
        if not 0 <= place < len(self.data):
            raise IndexError(place)
        value: int = struct.unpack_from("<" + kind, self.data, place)[0]
        return value

    def table(self, place: int) -> dict[int, int]:
        """Where each field of a table lies."""
        layout = place - self.number(place, "i")
        fields = (self.number(layout, "H") - 4) // 2
        offsets = {field: self.number(layout + 4 + 2 * field, "H") for field in range(fields)}
        return {field: place + offset for field, offset in offsets.items() if offset}

    def vector(self, place: int, kind: str) -> tuple[int, ...]:
        """The numbers of the vector that ``place`` points to."""
        start = place + self.number(place)
        return struct.unpack_from(f"<{self.number(start)}{kind}", self.data, start + 4)

    def bytes(self, place: int) -> bytes:
        """The bytes that ``place`` points to."""
        start = place + self.number(place)
        return self.data[start + 4 : start + 4 + self.number(start)]

    def tables(self, place: int) -> list[dict[int, int]]:
        """The tables of the vector of tables that ``place`` points to."""
        start = place + self.number(place) + 4
        return [self.table(start + 4 * index + offset) for index, offset in enumerate(self.vector(place, "I"))]


def _read(flat: _Flat) -> RknnFile:
    root = flat.table(flat.number(0))
    compiler = flat.bytes(root[_COMPILER]).decode()
    if not compiler.startswith(_SEEN_WITH):
        raise KeyError(compiler)
    graph = flat.tables(root[_GRAPHS])[0]
    return RknnFile(
        platform=flat.bytes(root[_PLATFORM]).decode(), compiler=compiler,
        tensors=tuple(_tensor(flat, fields) for fields in flat.tables(graph[_TENSORS])),
        nodes=tuple(_node(flat, fields) for fields in flat.tables(graph[_NODES])),
        constants=tuple(flat.bytes(fields[0]) if 0 in fields else b"" for fields in flat.tables(root[_CONSTANTS])),
    )  # fmt: skip


def _tensor(flat: _Flat, fields: dict[int, int]) -> RknnTensor:
    return RknnTensor(
        name=_or(fields, _NAME, lambda place: flat.bytes(place).decode(), ""),
        shape=_or(fields, _SHAPE, lambda place: flat.vector(place, "i"), ()),
        dtype=_or(fields, _DTYPE, lambda place: flat.bytes(place).decode(), ""),
        scale=_or(fields, _SCALE, lambda place: tuple(map(float, flat.vector(place, "f"))), ()),
        zero_point=_or(fields, _ZERO, lambda place: flat.vector(place, "i"), ()),
        constant=_or(fields, _CONSTANT, flat.number, None),
    )  # fmt: skip


def _node(flat: _Flat, fields: dict[int, int]) -> RknnNode:
    return RknnNode(
        kind=_or(fields, _KIND, lambda place: flat.bytes(place).decode(), ""),
        name=_or(fields, _FULL_NAME, lambda place: flat.bytes(place).decode(), ""),
        inputs=_or(fields, _INPUTS, lambda place: flat.vector(place, "I"), ()),
    )  # fmt: skip


def _or(fields: dict[int, int], field: int, read: Callable[[int], T], missing: T) -> T:
    """A field that is left out has its default."""
    return read(fields[field]) if field in fields else missing
