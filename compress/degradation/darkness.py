"""How a set's dark pictures differ from its well-lit ones, found without knowing which belong together.

A dark picture is taken for a well-lit one bent by an exponent, with its lights raised, dimmed, tinted and given white
noise. All are read off the two heaps of pictures: dark tones lie further apart than well-lit ones do (the exponent),
and their lights further still, as no developed picture has lost them yet; levels and tints are those of the dark
pictures, noise is what is left in their flattest places. So a well-lit picture can be made as dark as
the dark ones are, and a network learns to undo that, from pictures of which no pair is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compress.data.source import PairSource, spread
from compress.degradation.side_light import side_light
from compress.records import Record

if TYPE_CHECKING:
    from torch import Tensor

LOOKED_AT = 256
"""Pictures of each heap, spread over all of them."""

_BLOCK = 8
_EXPONENTS = (1.0, 4.0)
_EXPONENT_SPREAD = 0.3
"""Deviation of the log of a picture's own two exponents, between which it is mixed: tones are no exact power of one
another, and a network that could count on one would read the brightness off it."""

_CHROMA_SPREAD = 0.2

_UPPER, _MIDDLE = 0.9, 0.5
"""Quantiles whose distance says how far tones lie apart; below the middle noise and the last code count."""

_DARKEST = 1 / 255
_COLOURED = 6 / 255
"""Colours of darker places are mostly noise."""

_LIGHTS = 0.8
_TONES = ("apart", "top", "colourful")

Tint = tuple[float, float, float]


class Look(Record):
    """A dark picture: ``level``, its mean, and ``noise``, the standard deviation of each colour; in [0, 1]."""

    level: float
    noise: Tint


class Darkness(Record):
    """What makes well-lit pictures dark ones: ``exponent``, then the level and noise of one of ``looks``.

    ``chroma``: exponent of the colours against the luma. ``lights``: mean of the log of what a picture's brightest
    place is raised by, beyond the exponent. Without it its brightest pixel would tell how bright a darkened picture
    was, as it does not in a dark one.
    ``tint``, ``tint_spread``: mean and deviation of the log of what each colour is multiplied by, beyond the exponent.
    """

    exponent: float
    chroma: float
    lights: float
    tint: Tint
    tint_spread: Tint
    looks: tuple[Look, ...]

    @property
    def sentence(self) -> str:
        """For reports."""
        levels = [100 * look.level for look in self.looks]
        noise = 255 * np.median([look.noise for look in self.looks], axis=0)
        codes = ", ".join(f"{each:.1f}" for each in noise)
        return (
            f"well-lit pictures taken to the power {self.exponent:.2f}, dimmed to a mean of {min(levels):.1f} to "
            f"{max(levels):.1f} % of white, with noise of {codes} codes (R, G, B)"
        )


def find_darkness(dark: PairSource, bright: PairSource) -> Darkness:
    """Read it off the pictures; only the first picture of each source's pairs is looked at. Raises DataError."""
    dim, lit = (tuple(_facts(source)) for source in (dark, bright))
    apart, top, colourful = (
        [float(np.mean([getattr(each, name) for each in heap])) for heap in (dim, lit)] for name in _TONES
    )
    exponent, chroma = (float(np.clip(two[0] / max(two[1], 1e-6), *_EXPONENTS)) for two in (apart, colourful))
    tints = [np.array([each.tint for each in heap]) for heap in (dim, lit)]
    beyond = tints[0].var(0) - (chroma * tints[1].std(0)) ** 2  # of what is seen, the scenes' own colours are a part
    return Darkness(
        exponent=round(exponent, 4),
        chroma=round(chroma, 4),
        lights=round(max(0.0, top[0] - exponent * top[1]), 4),
        tint=_rounded(tints[0].mean(0) - chroma * tints[1].mean(0)),
        tint_spread=_rounded(np.sqrt(beyond.clip(0.0))),
        looks=tuple(Look(level=round(each.level, 5), noise=_rounded(each.noise)) for each in dim),
    )


def darkened(bright: Tensor, darkness: Darkness, uneven: float, shrunk: int) -> Tensor:
    """Well-lit pictures (N, 3, h, w) in [0, 1] as dark as the set's, drawn by torch's own random state.

    ``uneven``: the share of pictures of which some part, with a soft edge, keeps its light. ``shrunk``: pictures were
    shrunk so many times by the mean of their pixels, which took as much of the noise.
    """
    import torch

    count = len(bright)
    drawn = [darkness.looks[k] for k in torch.randint(len(darkness.looks), (count,)).tolist()]
    level, noise = (
        torch.tensor([getattr(look, name) for look in drawn], device=bright.device).reshape(count, -1, 1, 1)
        for name in ("level", "noise")
    )
    bent = _bent(bright, darkness)
    night = bent * (level / bent.mean((1, 2, 3), keepdim=True).clamp(min=1e-4)).clamp(max=1.0)
    if uneven > 0:
        light = _light(count, *bright.shape[2:]) * (torch.rand(count, 1, 1, 1) < uneven)
        night = torch.lerp(night, bright, light.to(bright))
    night = night + noise / shrunk * torch.randn_like(night)
    if shrunk == 1:
        night = (night * 255.0).round() / 255.0
    return night.clamp(0.0, 1.0)


def _bent(bright: Tensor, darkness: Darkness) -> Tensor:
    """With the tones and colours of the dark pictures, at no level yet."""
    import torch

    def spread(mean: float, deviation: float) -> Tensor:
        return (mean * (deviation * torch.randn(len(bright), 1, 1, 1)).exp()).to(bright)

    luma = bright.mean(1, keepdim=True)
    one, other = (luma ** spread(darkness.exponent, _EXPONENT_SPREAD) for _ in range(2))
    tones = torch.lerp(one, other, torch.rand(len(bright), 1, 1, 1).to(bright)) * _lights(luma, darkness.lights)
    colours = ((bright + _DARKEST) / (luma + _DARKEST)) ** spread(darkness.chroma, _CHROMA_SPREAD)
    tint = torch.tensor(darkness.tint) + torch.tensor(darkness.tint_spread) * torch.randn(len(bright), 3)
    return tones * colours * tint.exp()[:, :, None, None].to(bright)


def _lights(luma: Tensor, mean: float) -> Tensor:
    """What tones (N, 1, h, w) are raised by; all of it at the brightest, nothing below ``_LIGHTS`` of it. Logs are
    exponentially distributed over pictures."""
    import torch

    share = ((luma / luma.amax((2, 3), keepdim=True).clamp(min=1e-3) - _LIGHTS) / (1.0 - _LIGHTS)).clamp(min=0.0)
    drawn = -mean * torch.rand(len(luma), 1, 1, 1).clamp(min=1e-6).log()
    return (drawn.to(luma) * share * share * (3.0 - 2.0 * share)).exp()


def _light(count: int, height: int, width: int) -> Tensor:
    """(N, 1, h, w) in [0, 1]: light from a random side."""
    import torch

    turn, place, softness = torch.rand(3, count, 1, 1, 1)
    return side_light(height, width, 2 * torch.pi * turn, 1.2 * place - 0.6, 0.02 + 0.2 * softness)


class _Facts(Record):
    """Of one picture; logs of how many times its upper tones are its middle one, ``apart``, and its brightest place is
    its upper tones, ``top``. ``colourful``: deviation of the logs of red and blue over green."""

    level: float
    apart: float
    top: float
    colourful: float
    tint: Tint
    noise: Tint


def _facts(source: PairSource) -> Iterator[_Facts]:
    for index in spread(len(source), LOOKED_AT):
        picture = source.pair(index)[0].astype(np.float32) / 255.0
        blocks = _means(picture)
        upper, middle, brightest = np.quantile(blocks.mean(axis=2), (_UPPER, _MIDDLE, 1.0)).clip(_DARKEST)
        colours, level = blocks.mean(axis=(0, 1)).clip(_DARKEST), float(picture.mean())
        yield _Facts(
            level=level, apart=float(np.log(upper / middle)), top=float(np.log(brightest / upper)),
            colourful=_colourful(blocks), tint=_rounded(np.log(colours / max(level, _DARKEST))),
            noise=_rounded(_noise(picture)),
        )  # fmt: skip


def _colourful(blocks: NDArray[np.float32]) -> float:
    lit = blocks[blocks.mean(axis=2) >= _COLOURED]
    if not len(lit):
        return 0.0
    logs = np.log((lit / lit[:, 1:2].clip(_DARKEST)).clip(0.1, 10.0))
    return float(logs[:, (0, 2)].std(axis=0).mean())


def _noise(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviation of each colour's white noise: the middle one of blocks of diagonal differences, in which
    neither edges nor slopes count much (after Donoho, 1994; by blocks, as dark codes are too coarse for a median)."""
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    diagonal = (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2]) / 2.0
    found: NDArray[np.float32] = np.sqrt(np.median(_means(diagonal**2), axis=(0, 1)))
    return found


def _means(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) to the means of its whole blocks; of a smaller picture than a block, itself."""
    rows, columns = (max(1, side // _BLOCK) for side in picture.shape[:2])
    high, wide = (min(side, _BLOCK) for side in picture.shape[:2])
    cut = picture[: rows * high, : columns * wide]
    found: NDArray[np.float32] = cut.reshape(rows, high, columns, wide, 3).mean(axis=(1, 3))
    return found


def _rounded(values: NDArray[np.floating] | Tint) -> Tint:
    red, green, blue = (round(float(each), 5) for each in values)
    return red, green, blue
