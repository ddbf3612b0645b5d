"""The user's own network taken in as the one that ships, as far as no build is needed for that."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import NetworkError

if TYPE_CHECKING:
    from compress.foreign.adapted import Adapted
    from compress.schema import AdapterSpec, SourceSpec


@dataclass(frozen=True)
class Brought:
    """``net`` in our convention, the height and width that it was followed at, how many norms were folded, and which
    layers stay float whatever is asked for."""

    net: Adapted
    size: tuple[int, int]
    folded: int
    left_float: tuple[str, ...]


def bring_in(source: SourceSpec, adapter: AdapterSpec, out: Path) -> Brought:
    """Writes ``foreign.json`` and the network's files (``compress.foreign.taken``), norms folded (ADR 0030).

    It is looked through before it is loaded and tried once. Raises WeightsError and NetworkRefused as ``take_in`` does,
    and NetworkError where one run does not tell all about it (what would be quantized and exported would be that one),
    or where nothing of it can be quantized.
    """
    from compress.foreign.folding import fold_norms
    from compress.foreign.kept import keep_changed
    from compress.foreign.recurrent import recurrent_layers, recurrent_problem
    from compress.foreign.taken import take_in
    from compress.models.enhance import small_size
    from compress.models.tracing import find_probe, path_problem

    net = take_in(source, adapter, out, student=True)
    if problem := recurrent_problem(net.inner):
        raise NetworkError(f"{net.name}: {problem}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of somebody else's code
        probe = find_probe(net, small_size(net))
        path_problem(net, probe)
        folded = fold_norms(net, "inner")
    if folded:
        keep_changed(net, out, folded)
    return Brought(net, (probe.shape[2], probe.shape[3]), len(folded), recurrent_layers(net.inner))
