"""Latency and frames per second of both deployments, and the published points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.config.link import load_link
from compress.link.model import PLACES, Place, bytes_ms, cameras_until, response
from compress.schema.link import Link

LINK = Link(
    description="a line", cameras=4, bandwidth_mbit=8.0, rtt_ms=10.0, image_bytes=50_000, server_fps=100.0,
    server_parallel=2, local_bandwidth_mbit=80.0, local_rtt_ms=2.0, enhanced_bytes=10_000,
)  # fmt: skip


@pytest.mark.parametrize(("place", "fps", "transfer_ms"), [("server", 3.63, 248.4), ("camera", 15.16, 9.7)])
def test_the_published_points_come_out_of_the_stated_values(place: Place, fps: float, transfer_ms: float) -> None:
    _, link = load_link(("link=coal_mine",))
    assert link.cameras == 40 and link.device_fps is not None
    found = response(link, link.device_fps, place, 40)
    assert round(found.waiting_fps, 2) == fps
    assert round(found.transfer_ms, 1) == transfer_ms


def test_a_line_that_is_shared_and_a_server_that_computes_two_at_once() -> None:
    found = response(LINK, 20.0, "server", 3)
    assert found.transfer_ms == pytest.approx(10.0 + 150.0) and found.compute_ms == pytest.approx(20.0)
    assert found.latency_ms == pytest.approx(180.0) and found.waiting_fps == pytest.approx(1000 / 180)
    assert found.streaming_fps == pytest.approx(1000 / 150)  # the line is the slower part
    camera = response(LINK, 20.0, "camera", 3)
    assert camera.transfer_ms == pytest.approx(2.0 + 3.0) and camera.compute_ms == pytest.approx(50.0)
    assert camera.streaming_fps == pytest.approx(20.0)  # its own inference is


def test_a_camera_that_sends_nothing_on_waits_for_no_line() -> None:
    assert response(LINK.model_copy(update={"enhanced_bytes": 0}), 20.0, "camera", 4).transfer_ms == 0.0


def test_from_when_on_the_camera_answers_sooner() -> None:
    assert cameras_until(LINK, 1000.0) == 1
    assert cameras_until(LINK, 10.0) == 2  # 103 ms against 70, 104 against 120
    assert cameras_until(LINK, 1.0) is None


@given(st.integers(1, 200), st.floats(0.1, 1000), st.sampled_from(PLACES))
def test_more_images_never_come_sooner_and_streaming_is_never_slower_than_waiting(
    images: int, device_fps: float, place: Place
) -> None:
    one, more = (response(LINK, device_fps, place, count) for count in (images, images + 1))
    assert more.latency_ms >= one.latency_ms
    assert one.streaming_fps >= one.waiting_fps


def test_bytes_take_their_bits() -> None:
    assert bytes_ms(125_000, 1.0) == 1000.0
