"""What ``compress simulate`` writes."""

from __future__ import annotations

from typing import Literal

from compress.records import Record

DeviceOrigin = Literal["measured", "given"]


class Deployment(Record):
    """One place to enhance in; all times in ms of the last of all cameras' pictures. ``measured_transfer_ms``: over a
    shaped loopback, None where that was not asked for or can't be."""

    place: Literal["server", "camera"]
    transfer_ms: float
    compute_ms: float
    latency_ms: float
    waiting_fps: float
    streaming_fps: float
    measured_transfer_ms: float | None = None


class LinkReport(Record):
    """``origin``: of all times but ``measured_transfer_ms``; ``device``: where ``device_fps`` is from."""

    link: str
    settings: dict[str, float | int | str | None]
    device_fps: float
    device_origin: DeviceOrigin
    device: str
    origin: Literal["simulated"] = "simulated"
    deployments: tuple[Deployment, ...]
    camera_wins_from: int | None
    transfer_check: str | None
