"""``isp_cnn.json``: what one run of the benchmark found, and what it was found on."""

from __future__ import annotations

from compress.backlight.records import BacklitReport
from compress.records import Record


class Row(Record):
    """One network or curve. Scores are per image, in the order of ``IspFile.images``; ``musiq`` empty where absent.

    ``through``: what computed the pictures. ``gmacs`` and ``p50_ms`` at ``IspFile.size``.
    """

    name: str
    through: str
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    vif: tuple[float, ...]
    musiq: tuple[float, ...] = ()
    params: int | None = None
    gmacs: float | None = None
    p50_ms: float | None = None


class Chain(Record):
    """A recipe with one seed. ``words``: what the command would be; ``trained_by``: what reports say of the network
    that was trained without pairs; ``digests``: of the chain's artefacts, by stage; ``commit``: of the code that
    made the row; ``backlit``: the same network under uneven light."""

    recipe: str
    seed: int
    words: tuple[str, ...]
    trained_by: str
    digests: dict[str, str]
    commit: str
    rows: tuple[Row, ...]
    backlit: BacklitReport | None = None


class IspFile(Record):
    """``gamma``: the exponent that is best on training pairs, for the row of a plain curve. ``notes``: metric by metric
    why it was not measured."""

    command: str
    commit: str
    data: str
    data_digest: str
    images: tuple[str, ...]
    size: tuple[int, int]
    gamma: float
    notes: tuple[str, ...]
    fingerprint: dict[str, str]
    plain: tuple[Row, ...]
    chains: tuple[Chain, ...] = ()
