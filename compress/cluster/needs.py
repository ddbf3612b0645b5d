"""What a stage takes of a cluster: processors, and the board that it measures on."""

from __future__ import annotations

from dataclasses import dataclass

from compress.artefacts import Measurements
from compress.cluster.address import ClusterAddress
from compress.schema import Board, DeviceSpec, LayerTiming
from compress.wiring import Wire

LOCAL = "board:local"
"""A machine whose own speed is measured, as a board that runs one job at a time."""


@dataclass(frozen=True)
class Needs:
    """Processors, GPUs, and the board's name as a Ray resource, None where no board is used."""

    cpus: int
    gpus: float
    board: str | None

    @property
    def resources(self) -> dict[str, float]:
        """The custom resources, as Ray counts them: a board is there once."""
        return {} if self.board is None else {self.board: 1.0}

    def fit(self, has: dict[str, float]) -> bool:
        """Whether a node with the resources ``has`` could ever run it."""
        wanted = {"CPU": float(self.cpus), "GPU": self.gpus, **self.resources}
        return all(has.get(name, 0.0) >= amount for name, amount in wanted.items())


def needs_of(wire: Wire, cluster: ClusterAddress) -> Needs:
    """What the stage of ``wire`` takes.

    One that trains (it asks for a scratch folder) takes what the address says; any other one processor. What is timed
    on the node itself takes no processor but the board ``board:local``: such a node offers none, so nothing else runs
    beside a measurement.
    """
    board = _board(wire)
    if board == LOCAL:
        return Needs(0, 0.0, board)
    if wire.scratch is not None:
        return Needs(cluster.cpus, cluster.gpus, board)
    return Needs(1, 0.0, board)


def _board(wire: Wire) -> str | None:
    measures = issubclass(wire.stage.gives, Measurements)  # others read of a device what it is, and leave it alone
    for part in wire.sections.values():
        if measures and isinstance(part, DeviceSpec) and part.kind == "local":
            return LOCAL
        if measures and isinstance(part, DeviceSpec) and part.kind != "none" and part.host is not None:
            return f"board:{part.host}"
        if isinstance(part, LayerTiming) and part.local:
            return LOCAL
        if isinstance(part, Board) and part.host is not None and part.made_there:
            return f"board:{part.host}"
    return None
