"""A link between cameras and a server, and what each side computes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from compress.schema.section import PositiveInt, Section

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]


class Link(Section):
    """Cameras that send a picture each at the same moment, over a line that they share.

    ``bandwidth_mbit`` (10^6 bit/s) and ``rtt_ms``: of the line to the server; ``image_bytes``: a dark picture as it is
    sent there. ``server_fps``: of one inference, ``server_parallel`` of which run at once. ``local_bandwidth_mbit``,
    ``local_rtt_ms``: of the line that cameras share where they enhance themselves, and ``enhanced_bytes`` what each
    then still sends for a picture. ``device_fps``: of a camera's own inference; None: to be measured or given.
    """

    description: str
    cameras: PositiveInt
    bandwidth_mbit: Positive
    rtt_ms: NotNegative
    image_bytes: PositiveInt
    server_fps: Positive
    server_parallel: PositiveInt = 1
    local_bandwidth_mbit: Positive
    local_rtt_ms: NotNegative
    enhanced_bytes: Annotated[int, Field(ge=0)] = 0
    device_fps: Positive | None = None
