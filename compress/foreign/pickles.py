"""Pickles of a state dict, read with stand-ins for everything they name: nothing of theirs is ever called.

torch.load(weights_only=True) comes after this and has a list of its own; this one says by name what a file wanted,
and compares the sizes that a pickle claims with the bytes that are there, which torch does not.
"""

from __future__ import annotations

import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Mapping
from typing import IO, Any

from compress.errors import NetworkRefused, WeightsError

MAGIC = 0x1950A86A20F9469CFC6C
"""First pickle of a file that torch wrote before 1.6."""
_SIZES = {
    "Double": 8, "Long": 8, "ComplexFloat": 8, "ComplexDouble": 16, "Float": 4, "Int": 4, "QInt32": 4, "Half": 2,
    "BFloat16": 2, "Short": 2, "Byte": 1, "Char": 1, "Bool": 1, "QInt8": 1, "QUInt8": 1, "Untyped": 1,
}  # fmt: skip
_PLAIN = {
    ("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"), ("torch", "Size"), ("torch", "device"), ("_codecs", "encode"),
}  # fmt: skip
_DTYPES = {"float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool"}
_NEVER = {"BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER", "EXT1", "EXT2", "EXT4", "PERSID"}


def check_archived(stream: IO[bytes], name: str, records: Mapping[str, int]) -> None:
    """A ``data.pkl``; ``records`` holds the size in bytes of each storage that lies beside it, by key.

    Raises NetworkRefused for a pickle that names code or claims more than its records hold; WeightsError if broken.
    """
    for key, size_bytes in _read(stream, name)[1].items():
        if key not in records or size_bytes > records[key]:
            has = f"has {records[key]:,}" if key in records else "is not there"
            raise NetworkRefused(f"{name}: claims {size_bytes:,} bytes in its part '{key}', which {has}")


def check_old(stream: IO[bytes], name: str, size_bytes: int) -> None:
    """A whole file of torch before 1.6: five pickles, then the bytes. Raises as ``check_archived`` does."""
    if _read(stream, name)[0] != MAGIC:
        raise WeightsError(f"{name}: a pickle that torch.save did not write; save the state dict with torch.save")
    claimed = 0
    for _ in range(4):
        claimed += sum(_read(stream, name)[1].values())
    if claimed > size_bytes:
        raise NetworkRefused(f"{name}: claims weights of {claimed:,} bytes, the file has {size_bytes:,}")


def _read(stream: IO[bytes], name: str) -> tuple[Any, dict[str, int]]:
    """What the next pickle of ``stream`` holds, with stand-ins, and the bytes that it claims by storage key."""
    begin = stream.tell()
    try:
        for opcode, _argument, _place in pickletools.genops(stream):
            if opcode.name in _NEVER:
                raise NetworkRefused(f"{name}: a pickle with {opcode.name}, which no state dict has")
        stream.seek(begin)
        reader = _Reader(stream, name)
        return reader.load(), reader.claimed
    except WeightsError:
        raise
    except RecursionError:
        raise NetworkRefused(f"{name}: a pickle nested without end") from None
    except Exception as error:  # whatever broken bytes make of a machine with a stack
        raise WeightsError(f"{name}: not a whole pickle ({type(error).__name__}); copy or save it again") from None


class _StandIn:
    """For whatever a pickle names: takes everything, does nothing."""

    storage: str | None = None

    def __init__(self, *_given: object) -> None:
        return

    def __setstate__(self, _state: object) -> None:
        return


class _Reader(pickle._Unpickler):
    """The interpreter written in Python: its memo is a dict, so that no huge index can claim memory."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        super().__init__(stream)
        self.name = name
        self.claimed: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> type:
        kind = name.removesuffix("Storage") if name.endswith("Storage") else None
        if module in ("torch", "torch.storage") and kind in _SIZES:
            return type("_Storage", (_StandIn,), {"storage": kind})
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) in _PLAIN or (module == "torch" and name in _DTYPES):
            return _StandIn
        raise NetworkRefused(
            f"{self.name}: a pickle that names {module}.{name}, which loading would run; nothing was loaded; "
            "save net.state_dict() alone, or as .safetensors"
        )

    def persistent_load(self, place: Any) -> _StandIn:
        _word, kind, key, _location, count = place[:5]
        known = getattr(kind, "storage", None)
        if known not in _SIZES or not isinstance(count, int) or count < 0:
            raise NetworkRefused(f"{self.name}: a pickle with a storage of an unknown kind")
        self.claimed[str(key)] = max(self.claimed.get(str(key), 0), count * _SIZES[known])
        return _StandIn()
