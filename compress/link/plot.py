"""Latency against the number of images sent at once, both deployments, as an SVG picture."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from compress.link.model import PLACES, Place, response
from compress.report.axes import round_step, round_values
from compress.schema.link import Link

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 380, 60, 150, 48, 56
_COLOURS: dict[Place, str] = {"server": "#aa3377", "camera": "#4477aa"}


def latency_svg(link: Link, device_fps: float) -> str:
    """The picture; images from 1 to the link's cameras."""
    count = max(2, link.cameras)
    values = {
        place: [response(link, device_fps, place, images).latency_ms for images in range(1, count + 1)]
        for place in PLACES
    }  # fmt: skip
    most = 1.05 * max(map(max, values.values()))
    body = [
        f'<text x="8" y="20" font-size="14">{escape(f"latency in ms, {link.description}")}</text>',
        *_grid(count, most),
    ]
    for place, latencies in values.items():
        points = " ".join(f"{_x(n, count):.1f},{_y(ms, most):.1f}" for n, ms in enumerate(latencies, start=1))
        end = f'x="{_x(count, count) + 8:.1f}" y="{_y(latencies[-1], most) + 4:.1f}" fill="{_COLOURS[place]}"'
        body.append(f'<polyline points="{points}" fill="none" stroke="{_COLOURS[place]}" stroke-width="2"/>')
        body.append(f"<text {end}>in the {place}, {latencies[-1]:.1f}</text>")
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" '
        'font-size="12">'
    )
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *body, "</svg>"]) + "\n"


def _grid(count: int, most: float) -> Iterator[str]:
    for ms in round_values(0.0, most, round_step(0.0, most, 5)):
        y = _y(ms, most)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#eee"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{ms:g}</text>'
    for images in (1, *(each for each in (5, 10, 20, 40, 80, 160, 320) if each < count), count):
        yield f'<text x="{_x(images, count):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{images}</text>'
    yield f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 16}" text-anchor="end">images sent at once</text>'


def _x(images: int, count: int) -> float:
    return _LEFT + (images - 1) / (count - 1) * (_WIDTH - _RIGHT - _LEFT)


def _y(ms: float, most: float) -> float:
    return _HEIGHT - _BOTTOM - ms / most * (_HEIGHT - _BOTTOM - _TOP)
