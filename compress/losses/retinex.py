"""Retinex-KD: brightness, colour, texture and illumination of a teacher's picture, each a term of its own.

SCKD (Journal of Computer-Aided Design & Computer Graphics, 2024, doi 10.3724/SP.J.1089.2024-00547) hands these over
from a teacher of another build. Of it only the abstract is public, so the formulas are ours but where a source is
named. After Retinex (Land, 1977) a picture is ``light * reflectance``. Nothing but the teacher's *picture* is asked
for, so any network can teach; what it says is brought to what the student does in its own steps (``log_gain``).
Pictures are RGB (N, 3, H, W) float32, nearly in [0, 1]. ``px``: full-size pixels that one of theirs spans, a side.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.losses.picture import brightness as block_brightness
from compress.losses.picture import colour
from compress.models.brighten import GAIN_MAX, THUMB_STRIDE
from compress.schema import Retinex

LIGHT_PX = 16
"""Light is even over so many full-size pixels, and texture is what is finer."""

_AFFINITY_SIDE = 16
"""Places a side that are compared with all others: at 32 that takes as long as the rest of a step."""

_DARK = 1.0 / 255.0
"""Below one code of the camera a gain means nothing."""


@dataclass(frozen=True)
class Lesson:
    """What a teacher said about a batch: ``y``, the student's picture, ``taught`` and ``dark``, all of one size.

    ``mask`` (N, 1, H, W) of 0 and 1: where the teacher is listened to. ``px``: see above.
    """

    y: Tensor
    taught: Tensor
    dark: Tensor
    mask: Tensor
    px: int

    @property
    def heard(self) -> Tensor:
        """``mask * taught + (1 - mask) * y``: where the teacher is the worse one it says what the student says, without
        a gradient, so that every term below is masked by this alone."""
        return torch.lerp(self.y.detach(), self.taught, self.mask)


def lesson_terms(spec: Retinex, lesson: Lesson, brightened: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum of the terms that have a weight, and each by its name.

    ``brightened`` (N, 3 b^2, h, w): the student's picture after its first step, in blocks of b x b pixels; for
    ``illumination`` alone. A picture at an eighth of its size has no texture, and these terms are left out.
    """
    weights = spec.weights
    if not weights:
        return lesson.y.new_zeros(()), {}
    heard, parts = lesson.heard, {}
    if "brightness" in weights:
        parts["kd_brightness"] = brightness(lesson.y, heard, lesson.px)
    if "colour" in weights:
        parts["kd_colour"] = colour(lesson.y, heard)
    if lesson.px < THUMB_STRIDE and {"texture", "spectrum"} & set(weights):
        mine, theirs = (reflectance(picture, lesson.px) for picture in (lesson.y, heard))
        parts["kd_texture"] = texture(mine, theirs)
        parts["kd_spectrum"] = spectrum(mine, theirs)
    if "illumination" in weights and brightened is not None:
        parts["kd_illumination"] = illumination(brightened, heard, lesson.dark, lesson.px)
    parts = {name: part for name, part in parts.items() if name.removeprefix("kd_") in weights}
    total = sum((weights[name.removeprefix("kd_")] * part for name, part in parts.items()), lesson.y.new_zeros(()))
    return total, parts


def brightness(y: Tensor, taught: Tensor, px: int = 1) -> Tensor:
    """``|P16(y) - P16(taught)|``, with P16 the mean of 16x16 full-size pixels. Source: the abstract's "brightness"."""
    return block_brightness(y, taught, max(1, LIGHT_PX // px))


def light_of(picture: Tensor, px: int = 1) -> Tensor:
    """A picture's own light (N, 1, H, W): P16 of its brightest colour, smooth between.

    The brightest colour as the first guess of light: Guo et al., "LIME", TIP 2017.
    """
    side = max(1, LIGHT_PX // px)
    pooled = F.avg_pool2d(picture.amax(1, keepdim=True), side, ceil_mode=True)
    return F.interpolate(pooled, size=list(picture.shape[2:]), mode="bilinear", align_corners=False)


def reflectance(picture: Tensor, px: int = 1) -> Tensor:
    """``R = picture / (light + .05)``, (N, 3, H, W): what is left of a picture when its light is taken out.

    After Wei et al., "Deep Retinex Decomposition", BMVC 2018. Brighter by a factor, it is nearly the same.
    """
    return picture / (light_of(picture, px) + 0.05)


def texture(mine: Tensor, theirs: Tensor) -> Tensor:
    """``|dx R - dx R_T| + |dy R - dy R_T|`` of reflectances (N, 3, H, W). Source: the abstract's "texture"."""
    difference = mine - theirs
    across = (difference[..., 1:] - difference[..., :-1]).abs().mean()
    return across + (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()


def spectrum(mine: Tensor, theirs: Tensor) -> Tensor:
    """``| |FFT(R)| - |FFT(R_T)| |`` of reflectances (N, 3, H, W), mean over frequencies, the transform unitary.

    How much of each fineness there is, wherever. A loss over frequencies for restoring images: Cho et al., "MIMO-UNet",
    ICCV 2021 (there of complex values).
    """
    one, other = (torch.fft.rfft2(picture, norm="ortho").abs() for picture in (mine, theirs))
    return F.l1_loss(one, other)


def log_gain(dark: Tensor, bright: Tensor) -> Tensor:
    """Log of the gain that a student's first step needs to make ``bright`` of ``dark``; thumbnails (N, 3, h, w).

    ``log(clip(shoulder^-1(bright) / dark, 1/4, GAIN_MAX))``: the illumination's inverse (``bright`` as the reflectance
    that Retinex divides the light out of), brought to the student's gain space by undoing its shoulder
    (``brighten.shoulder``: v - v^2 / 4), and to the range that it has.
    """
    before_shoulder = 2.0 - 2.0 * torch.sqrt(1.0 - bright.clamp(0.0, 0.99))
    return torch.log(((before_shoulder + _DARK) / (dark + _DARK)).clamp(0.25, GAIN_MAX))


def illumination(brightened: Tensor, taught: Tensor, dark: Tensor, px: int = 1) -> Tensor:
    """``| log g - log g_T |`` on the student's thumbnail, of the gains of its first step and of the teacher's picture.

    The teacher's conditions normalised to the student's steps (the abstract's words): its picture is shrunk to the
    thumbnail that the student's light branch sees, and its illumination told as a gain before the shoulder.
    ``brightened`` (N, 3 b^2, h, w) in blocks of b x b, the others (N, 3, H, W) at an eighth of the full size or larger.
    """
    small_dark, small_taught = (F.avg_pool2d(picture, max(1, THUMB_STRIDE // px)) for picture in (dark, taught))
    pixels = brightened.unflatten(1, (3, -1)).mean(2)
    small = F.interpolate(pixels, size=list(small_dark.shape[2:]), mode="area")
    return (log_gain(small_dark, small) - log_gain(small_dark, small_taught)).abs().mean()


def affinity(mine: Tensor, theirs: Tensor, mask: Tensor | None = None) -> Tensor:
    """``| A(F) - A(F_T) |``, ``A = F^T F`` of features (N, C, h, w) of unit length at each place: which are alike.

    Spatial affinity of He et al., "FAKD", ICIP 2020. Channel counts may differ, so no adapter is learned. Both are
    averaged to at most 16x16 places; ``mask`` (N, 1, H, W) weighs a pair by the product of its two places.
    """
    size = [min(side, _AFFINITY_SIDE) for side in theirs.shape[2:]]
    one, other = (_alike(F.interpolate(features, size=size, mode="area")) for features in (mine, theirs))
    if mask is None:
        return (one - other).abs().mean()
    heard = F.interpolate(mask, size=size, mode="area").flatten(2)
    pairs = heard.transpose(1, 2) * heard
    return ((one - other).abs() * pairs).sum() / pairs.sum().clamp(min=1.0)


def _alike(features: Tensor) -> Tensor:
    """(N, C, h, w) to (N, h w, h w): cosines between the features of places."""
    flat = F.normalize(features.flatten(2), dim=1)
    return flat.transpose(1, 2) @ flat
