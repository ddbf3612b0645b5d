"""What can be counted of a teacher from outside, for its row in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.records import NetFacts

if TYPE_CHECKING:
    from compress.artefacts import Teacher


def foreign_facts(teacher: Teacher, height: int, width: int) -> NetFacts:
    """Parameters where torch holds them, MACs where it also runs the operators, the bytes of its files."""
    from compress.foreign.taken import open_taken
    from compress.models.pruning import count_macs

    net = open_taken(teacher.weights)
    params = sum(parameter.numel() for parameter in net.parameters())
    files = (path for path in teacher.folder.rglob("*") if path.is_file() and path.suffix not in (".json", ".py"))
    return NetFacts(
        variant="teacher", params=params or None, macs=count_macs(net, height, width) if not net.closed else None,
        macs_height=height, macs_width=width, weights_size_bytes=sum(path.stat().st_size for path in files),
    )  # fmt: skip
