"""End-to-end latency and frames per second of two deployments over a line, from stated and measured parameters.

Wang et al. (arXiv 2502.19450, Table V and figure 11) compare the two by a transfer delay that grows with the number of
images and by the total response speed. Here each camera sends one picture at the same moment; the line is shared, so
the last one has arrived after one round trip and the time that all bytes take.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from compress.schema.link import Link

Place = Literal["server", "camera"]
PLACES: tuple[Place, ...] = ("server", "camera")


@dataclass(frozen=True)
class Response:
    """Of ``images`` that are sent at once and enhanced at ``place``, the last one.

    ``transfer_ms``: round trip and bytes; ``compute_ms``: inference; ``waiting_fps``: of a camera that waits for each
    answer; ``streaming_fps``: of one that goes on sending, as fast as the slower of line and inference lets it.
    """

    place: Place
    images: int
    transfer_ms: float
    compute_ms: float
    streaming_fps: float

    @property
    def latency_ms(self) -> float:
        return self.transfer_ms + self.compute_ms

    @property
    def waiting_fps(self) -> float:
        return 1000.0 / self.latency_ms


def response(link: Link, device_fps: float, place: Place, images: int) -> Response:
    """What becomes of ``images`` (at least 1) sent at once; ``device_fps``: of a camera's own inference."""
    if place == "server":
        line_ms = bytes_ms(images * link.image_bytes, link.bandwidth_mbit)
        compute_ms = math.ceil(images / link.server_parallel) * 1000.0 / link.server_fps
        return Response(place, images, link.rtt_ms + line_ms, compute_ms, 1000.0 / max(line_ms, compute_ms))
    line_ms, compute_ms = bytes_ms(images * link.enhanced_bytes, link.local_bandwidth_mbit), 1000.0 / device_fps
    trip_ms = link.local_rtt_ms if link.enhanced_bytes else 0.0
    return Response(place, images, trip_ms + line_ms, compute_ms, 1000.0 / max(line_ms, compute_ms))


def bytes_ms(count: int, bandwidth_mbit: float) -> float:
    """Time of so many bytes on the line, in ms."""
    return count * 8 / (bandwidth_mbit * 1000.0)


def cameras_until(link: Link, device_fps: float) -> int | None:
    """From how many cameras on enhancing in the camera answers sooner; None: with all of them the server still does."""
    for images in range(1, link.cameras + 1):
        server, camera = (response(link, device_fps, place, images) for place in PLACES)
        if camera.latency_ms < server.latency_ms:
            return images
    return None
