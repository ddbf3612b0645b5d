"""What a camera would have delivered had there been less light: a physically based low-light model.

A well-lit sRGB picture is taken back to what the sensor measured, dimmed there, given the sensor's
noise and quantisation, and developed again with the same settings:

    inverse tone curve → inverse gamma → camera colours → inverse white balance      (to_raw)
    → exposure → shot and read noise → raw quantisation                              (expose)
    → white balance → sRGB colours → gamma → tone curve                              (develop)
    → 8-bit quantisation                                                             (darken)

Sources, cited below by their initials:

- [B] Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019: the pipeline, the
  tone curve, the colour matrices and gains, and the noise ranges (fitted to the Darmstadt set).
- [C] Cui et al., "Multitask AET with Orthogonal Tangent Regularity for Dark Object Detection",
  ICCV 2021 (MAET): the use for low light, gamma, exposure and its law, raw bit depth.

Left out: the colour filter mosaic (so noise is white, not smeared over neighbours), lens, motion
blur, fixed-pattern noise and the overall gain of [B] (it is one factor with the exposure).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from compress.errors import ConfigError

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from compress.data.source import Picture

CAMERA_VERSION = 1
"""Raised when the same seed gives other pictures."""

# [B]: CIE XYZ to the colours of four cameras of the Darmstadt set; a random mixture stands for a camera.
_XYZ_TO_CAMERA = (
    ((1.0234, -0.2969, -0.2266), (-0.5625, 1.6328, -0.0469), (-0.0703, 0.2188, 0.6406)),
    ((0.4913, -0.0541, -0.0202), (-0.6130, 1.3513, 0.2906), (-0.1564, 0.2151, 0.7183)),
    ((0.8380, -0.2630, -0.0639), (-0.2887, 1.0725, 0.2496), (-0.0627, 0.1427, 0.5438)),
    ((0.6596, -0.2079, -0.0562), (-0.4782, 1.3016, 0.1933), (-0.0970, 0.1581, 0.5181)),
)
# IEC 61966-2-1: linear sRGB to CIE XYZ (D65).
_RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
# [B]: log(read variance) = slope * log(shot) + offset + N(0, spread)
_READ_SLOPE, _READ_OFFSET, _READ_SPREAD = 2.18, 1.20, 0.26
_EPSILON = 1e-8  # keeps powers of zero finite

Range = tuple[float, float]


@dataclass(frozen=True)
class NightCamera:
    """From which ranges a shot is drawn. Raw values are in [0, 1], 1 is full well.

    - ``exposure``: light against the well-lit picture, a factor, log-uniform. [C] has .01 to .1.
    - ``exposure_normal``: mean and deviation of a normal law for it, cut at ``exposure``, in the place of log-uniform.
    - ``gamma``: exponent between linear light and the encoded picture, uniform [C].
    - ``red_gain``, ``blue_gain``: white balance factors against green, uniform [B].
    - ``shot``: variance of the photon noise per unit of signal, log-uniform [B].
    - ``raw_bits``: bit depths of the converter, one is picked [C].

    Raises:
        ConfigError: a range is empty, upside down or not physical.
    """

    exposure: Range = (0.01, 0.1)
    exposure_normal: Range | None = None
    gamma: Range = (2.0, 3.5)
    red_gain: Range = (1.9, 2.4)
    blue_gain: Range = (1.5, 1.9)
    shot: Range = (1e-4, 0.012)
    raw_bits: tuple[int, ...] = (12, 14, 16)

    def __post_init__(self) -> None:
        bounds = {"exposure": (0.0, 1.0), "gamma": (1.0, 5.0), "red_gain": (1.0, 8.0)}
        bounds |= {"blue_gain": (1.0, 8.0), "shot": (0.0, 1.0)}
        problems = []
        for name, (least, most) in bounds.items():
            low, high = getattr(self, name)
            if not (least <= low <= high <= most and low > 0):
                problems.append(f"camera.{name}: ({low}, {high}) should rise within ({least}, {most}] and be above 0")
        if self.exposure_normal is not None and not self.exposure_normal[1] > 0:
            problems.append(f"camera.exposure_normal: a deviation of {self.exposure_normal[1]} should be above 0")
        if not self.raw_bits or any(not 8 <= bits <= 16 for bits in self.raw_bits):
            problems.append(f"camera.raw_bits: {self.raw_bits} should be bit depths from 8 to 16")
        if problems:
            raise ConfigError(tuple(problems))


EMBEDDED_CAMERA = NightCamera(exposure=(0.05, 0.16), gamma=(2.0, 3.0), shot=(1e-4, 2e-3))
"""The upper half of the published exposures and the lower half of the published noise.

Chosen so that the dark pictures' mean luminance is about 5 to 15 % of white, as in real low-light pairs
(the dark pictures of LOL-v1, Wei et al., BMVC 2018: median 6 %), and still carry signal in 8 bits.
"""

PUBLISHED_CAMERA = NightCamera(exposure_normal=(0.1, 0.08))
"""The night of [C] as it is published: exposures around .1, of which more are dark than by the embedded pictures'."""

NOISY_CAMERA = NightCamera(exposure=(1.0, 1.0), gamma=(2.0, 3.0), shot=(1e-3, 0.012))
"""All the light there was, and the upper half of the published noise: PSNR of some 17 to 27 dB when developed."""


@dataclass(frozen=True, eq=False)
class NightShot:
    """What was drawn for N pictures, float32 tensors on one device; units as in :class:`NightCamera`."""

    exposure: Tensor  # (N,)
    gamma: Tensor  # (N,)
    gains: Tensor  # (N, 3) white balance of red, green and blue
    rgb_to_camera: Tensor  # (N, 3, 3) linear sRGB to camera colours, rows sum to 1
    shot: Tensor  # (N,)
    read_variance: Tensor  # (N,) variance of the noise at no signal
    raw_levels: Tensor  # (N,) steps of the converter, 2^bits - 1

    def __len__(self) -> int:
        return len(self.exposure)

    def to(self, device: str) -> NightShot:
        """The same shots on another device."""
        return NightShot(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def sample_night(camera: NightCamera, count: int, generator: Generator) -> NightShot:
    """Draw ``count`` shots; the same seed draws the same shots. Made on the CPU by a CPU ``generator``."""
    import torch

    def uniform(bounds: Range) -> Tensor:
        return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(count, generator=generator)

    def log_uniform(bounds: Range) -> Tensor:
        return uniform((math.log(bounds[0]), math.log(bounds[1]))).exp()

    def exposures() -> Tensor:
        if camera.exposure_normal is None:
            return log_uniform(camera.exposure)
        mean, deviation = camera.exposure_normal
        shares = torch.special.ndtr((torch.tensor(camera.exposure, dtype=torch.float64) - mean) / deviation)
        drawn = torch.special.ndtri(uniform((float(shares[0]), float(shares[1]))).double())
        found: Tensor = (mean + deviation * drawn).clamp(*camera.exposure).float()
        return found

    exposure, gamma = exposures(), uniform(camera.gamma)
    red, blue = uniform(camera.red_gain), uniform(camera.blue_gain)
    shot = log_uniform(camera.shot)
    spread = _READ_SPREAD * torch.randn(count, generator=generator)
    bits = torch.tensor(camera.raw_bits)[torch.randint(len(camera.raw_bits), (count,), generator=generator)]
    weights = torch.rand(count, 4, generator=generator).clamp_min(_EPSILON)
    mixed = torch.einsum("nk,kij->nij", weights / weights.sum(1, keepdim=True), torch.tensor(_XYZ_TO_CAMERA))
    rgb_to_camera = mixed @ torch.tensor(_RGB_TO_XYZ)
    return NightShot(
        exposure=exposure,
        gamma=gamma,
        gains=torch.stack((red, torch.ones(count), blue), dim=1),
        rgb_to_camera=rgb_to_camera / rgb_to_camera.sum(2, keepdim=True),
        shot=shot,
        read_variance=(_READ_SLOPE * shot.log() + _READ_OFFSET + spread).exp(),
        raw_levels=(2**bits - 1).float(),
    )


def to_raw(rgb: Tensor, shot: NightShot) -> Tensor:
    """sRGB ``(N, 3, H, W)`` in [0, 1] to what the sensor measured, ``(N, 3, H, W)``, linear camera colours."""
    toned = 0.5 - ((1.0 - 2.0 * rgb).asin() / 3.0).sin()  # [B]: inverse of 3x² - 2x³
    linear = toned.clamp_min(_EPSILON) ** _each(shot.gamma)
    return _mix(linear, shot.rgb_to_camera).clamp_min(0.0) / shot.gains[:, :, None, None]


def expose(raw: Tensor, shot: NightShot, generator: Generator, lit: Tensor | None = None) -> Tensor:
    """Dim raw ``(N, 3, H, W)``, add noise of variance ``shot * signal + read_variance``, quantise.

    ``lit`` (N, 1, H, W) in [0, 1]: where that much of the light was there all the same. Values below black stay below
    it, as behind a real converter's black level; full well clips.
    """
    import torch

    exposure = _each(shot.exposure)
    signal = raw * (exposure if lit is None else torch.lerp(exposure, torch.ones_like(exposure), lit))
    deviation = (_each(shot.shot) * signal + _each(shot.read_variance)).sqrt()
    noise = torch.randn(signal.shape, generator=generator, device=generator.device).to(signal.device)
    levels = _each(shot.raw_levels)
    return ((signal + deviation * noise) * levels).round().div(levels).clamp_max(1.0)


def develop(raw: Tensor, shot: NightShot) -> Tensor:
    """Raw ``(N, 3, H, W)`` to sRGB in [0, 1]: the inverse of :func:`to_raw`."""
    import torch

    balanced = raw * shot.gains[:, :, None, None]
    linear = _mix(balanced, torch.linalg.inv(shot.rgb_to_camera)).clamp(_EPSILON, 1.0)
    encoded = linear ** (1.0 / _each(shot.gamma))
    return (encoded * encoded * (3.0 - 2.0 * encoded)).clamp(0.0, 1.0)


def darken(rgb: Tensor, shot: NightShot, generator: Generator, lit: Tensor | None = None) -> Tensor:
    """The same pictures shot at night: ``(N, 3, H, W)`` float in [0, 1] to the same, on 8-bit steps.

    ``lit`` (N, 1, H, W) in [0, 1]: where it was not night. Deterministic for a given ``shot`` and generator state.

    Raises:
        ValueError: not ``(N, 3, H, W)`` float in [0, 1], or not one shot per picture.
    """
    if rgb.ndim != 4 or rgb.shape[1] != 3 or not rgb.is_floating_point():
        raise ValueError(f"darken takes (N, 3, H, W) float, not {tuple(rgb.shape)} {rgb.dtype}")
    if len(shot) != rgb.shape[0]:
        raise ValueError(f"{rgb.shape[0]} pictures, but {len(shot)} shots")
    if not 0.0 <= float(rgb.min()) <= float(rgb.max()) <= 1.0:
        raise ValueError(f"darken takes values in [0, 1], not [{float(rgb.min())}, {float(rgb.max())}]")
    night = develop(expose(to_raw(rgb, shot), shot, generator, lit), shot)
    return (night * 255.0).round() / 255.0


def shot_by(camera: NightCamera, picture: Picture, generator: Generator) -> Picture:
    """One shot of a well-lit picture, (H, W, 3) uint8 RGB to the same; the generator draws what shot and its noise."""
    return shoot(picture, sample_night(camera, 1, generator), generator)


def shoot(picture: Picture, shot: NightShot, generator: Generator, lit: Tensor | None = None) -> Picture:
    """``darken`` of one picture, (H, W, 3) uint8 RGB, C-contiguous, to the same."""
    import torch

    rgb = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255.0
    dark = darken(rgb, shot, generator, lit)
    taken: Picture = (dark[0] * 255.0).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return taken


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _mix(picture: Tensor, matrix: Tensor) -> Tensor:
    """Apply an (N, 3, 3) colour matrix to (N, 3, H, W)."""
    import torch

    return torch.einsum("nij,njhw->nihw", matrix, picture)
