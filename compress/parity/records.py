"""What ``compress parity`` measured, typed."""

from __future__ import annotations

from typing import Literal

from compress.records import Record, RuntimeName, Variant
from compress.runtimes.interchange import OUTPUT


class LayerDifference(Record):
    """One inner tensor of a build against the reference's: power of the signal over that of the difference.

    ``name`` is the same in all builds, ``label`` for people. At least ``limit_db``: equal but for rounding.
    """

    name: str
    label: str
    snr_db: float
    limit_db: float


class Divergence(Record):
    """Where a build leaves the reference. ``first``: None where every layer is equal but for rounding.

    ``operator``: an operator between two layers of the torch network that leaves it even before ``first``.
    ``only_when_fused``: seen only while no other tensor is exposed, so what the SDK fuses differs.
    """

    layers: tuple[LayerDifference, ...]
    first: LayerDifference | None
    operator: LayerDifference | None = None
    only_when_fused: bool = False


ParityRuntime = Literal["torch"] | RuntimeName


class ParityRow(Record):
    """One network through one runtime; per-image lists follow ``ParityReport.images``.

    ``psnr_db``: against ground truth, empty where there is none. ``delta_db``: that minus the reference's;
    ``to_reference_db``: PSNR of its picture against the reference's picture; of maps, which are held against nothing
    else, signal over difference. ``output``: of which output, as builds name it. ``reference``: the row compared with,
    empty for a reference itself. ``result``: None where nothing is asked of the row; ``note``: why incomplete,
    or how its pictures were made to fit.
    """

    name: str
    variant: Variant
    runtime: ParityRuntime
    reference: str
    psnr_db: tuple[float, ...] = ()
    delta_db: tuple[float, ...] = ()
    to_reference_db: tuple[float, ...] = ()
    result: Literal["pass", "fail", "incomplete"] | None
    note: str = ""
    output: str = OUTPUT
    divergence: Divergence | None = None
    not_compared: str = ""


class ParityReport(Record):
    """What ``compress parity`` measured on one folder of builds."""

    builds: str
    definition: str
    data_kind: str
    data_digest: str
    images: tuple[str, ...]
    mean_limit_db: float
    worst_limit_db: float
    maps_mean_limit_db: float
    maps_worst_limit_db: float
    rows: tuple[ParityRow, ...]


class ParityFile(Record):
    """What ``compress parity --json`` writes: one report a folder of builds."""

    reports: tuple[ParityReport, ...]
