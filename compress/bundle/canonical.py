"""The one spelling of what gets signed: sorted keys, no spaces, ASCII, one line feed at the end."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet

from pydantic import ValidationError

from compress.records import Record


def spelt(record: Record, without: AbstractSet[str] = frozenset()) -> bytes:
    """``record`` as JSON bytes, the fields ``without`` left out."""
    fields = record.model_dump(mode="json", exclude=set(without))
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"


def first_problem(error: ValidationError) -> str:
    """Where the first thing is that does not fit, and what it is; never a piece of what was read."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
