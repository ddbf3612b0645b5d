"""Scales read back from a build against the table of trained scales.

NNCF names a quantizer after the operation and the port it hangs on, ``repair/up/conv2d/0__1``; the
exporter carries the name into ONNX and OpenVINO carries it on, so tensors are matched by name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.records import QuantizationTable, TensorScale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NODE = re.compile(r"^(?P<place>.*)__(?P<port>\d+)\.\d+(?:_\d+)?/(?:Quantize|Dequantize)Linear$")

RELATIVE_TOLERANCE = 2e-6
"""OpenVINO stores the two ends of a range; a float32 scale from them is off by its last bits."""


@dataclass(frozen=True)
class FoundScale:
    """Scale (C,) or (1,) of the quantizer at ``node``, with its zero-point or the lower end of its range.

    ``reach``: of symmetric codes wider than the trained ones, the largest value; scales are then not compared.
    """

    node: str
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64] | None = None
    low: NDArray[np.float32] | None = None
    reach: NDArray[np.float32] | None = None


def compare_scales(found: Iterable[FoundScale], table: QuantizationTable) -> tuple[int, tuple[str, ...]]:
    """How many tensors of ``table`` were compared, and one line for each difference."""
    by_name: dict[str, list[FoundScale]] = defaultdict(list)
    for item in found:
        match = _NODE.match(item.node)
        by_name[f"{match['place']}__{match['port']}" if match else item.node].append(item)
    compared, differences = 0, []
    known: set[str] = set()
    there = {row.tensor: _named(by_name, row) for row in table.tensors}
    known.update(name for names in there.values() for name in names)
    for row in table.tensors:
        candidates = [item for name in there[row.tensor] for item in by_name[name]]
        problems = [_difference(item, row) for item in candidates]
        if all(problems):  # of equal quantizers of one tensor a build has one
            twins = [other for other in table.tensors if other is not row and equal_scales(other, row)]
            twin = [item for other in twins for name in there[other.tensor] for item in by_name[name]]
            problems = [""] if any(not _difference(item, row) for item in twin) else problems
        if not problems:  # an SDK's own name, in the place of one that it joined with another
            renamed = next((n for n in by_name if n not in known and not _difference(by_name[n][0], row)), None)
            known.update(() if renamed is None else (renamed,))
            problems = [] if renamed is None else [""]
        compared += bool(problems)
        if all(problems):
            differences.append(f"{row.tensor}: {problems[0] if problems else 'no quantizer in the build'}")
    differences += [f"{name}: not in the table" for name in sorted(set(by_name) - known)]
    return compared, tuple(differences)


def _named(by_name: Iterable[str], row: TensorScale) -> tuple[str, ...]:
    return tuple(name for name in by_name if name.endswith("/" + quantizer_of(row)))


def equal_scales(one: TensorScale, other: TensorScale) -> bool:
    """Whether two rows say the same of what may be one tensor under two names."""
    return one.model_copy(update={"tensor": other.tensor}) == other


def quantizer_of(row: TensorScale) -> str:
    """The name of the quantizer of ``row``, whose tensor is ``place weight``, ``place input 0`` or ``place output``."""
    place, what = row.tensor.split(" ", 1)
    port = {"weight": "1", "output": "0"}.get(what, what.removeprefix("input ").removeprefix("output "))
    return f"{place}__{port}"


def _difference(found: FoundScale, row: TensorScale) -> str:
    """What is unequal, or an empty text."""
    import numpy as np

    scale = np.asarray(row.scale, np.float32)
    if found.scale.shape != scale.shape:
        return f"{found.scale.size} scales, wanted {scale.size}"
    if found.reach is not None:
        wanted = np.maximum(np.abs(row.low), np.abs(row.high))
        off = np.abs(found.reach - wanted) > 1e-5 * wanted
        return f"reaches to {found.reach[off][:4]}, wanted range to {wanted[off][:4]}" if off.any() else ""
    off = np.abs(found.scale - scale) > RELATIVE_TOLERANCE * np.abs(scale)
    if off.any():
        first = int(np.argmax(off))
        figures = f"{found.scale[first]:.7g} at {first}, wanted {scale[first]:.7g}"
        return f"scale {figures} ({int(off.sum())} of {off.size} differ)"
    if found.zero_point is not None and not np.array_equal(found.zero_point, np.asarray(row.zero_point)):
        return f"zero-point {found.zero_point.tolist()[:4]}, wanted {list(row.zero_point)[:4]}"
    if found.low is not None and (np.abs(found.low - np.asarray(row.low)) > 1e-3 * scale).any():
        return f"range begins at {found.low.tolist()[:4]}, wanted {list(row.low)[:4]}"
    return ""
