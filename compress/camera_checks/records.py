"""What ``compress camera`` writes."""

from __future__ import annotations

from compress.records import Record, RuntimeName, Variant


class SceneFacts(Record):
    """The night that the frames were shot in: light and noise as ``compress.data.camera`` draws them."""

    picture: str
    frames: int
    pan_px: int
    exposure: float
    shot_noise: float
    seed: int


class FlickerRow(Record):
    """A build on frames of one scene, batch 1; ``input_``: the same of the dark frames themselves.

    Standing scene, new noise in each frame: ``brightness_std_percent`` is how much the frames' mean varies (deviation
    of its log), ``pixel_std_codes`` how much each pixel does, root mean square, in steps of 8 bit. Camera turning by
    ``pan_px`` a frame: ``pan_mean_percent`` and ``pan_max_percent`` are how much brighter or darker what both of two
    successive frames show gets, beyond the input's own change.
    """

    build: str
    variant: Variant
    runtime: RuntimeName
    height: int
    width: int
    input_brightness_std_percent: float
    brightness_std_percent: float
    input_pixel_std_codes: float
    pixel_std_codes: float
    pan_mean_percent: float
    pan_max_percent: float


class Seams(Record):
    """A frame put together from tiles against the same frame at once; in steps of 8 bit, mean of the colours.

    ``near``: within 8 pixels of a cut. ``step_codes``: brightness that jumps at a cut and should not, of the worst cut.
    ``tile_spread_percent``: how differently bright the tiles are (deviation of the log of tile over whole frame).
    """

    near_mean_codes: float
    near_max_codes: float
    elsewhere_mean_codes: float
    elsewhere_max_codes: float
    step_codes: float
    tile_spread_percent: float


class SeamRow(Seams):
    """Of a frame of four tiles' size, through tiles of the build's size that overlap by twice ``halo_px``."""

    build: str
    variant: Variant
    runtime: RuntimeName
    tile_height: int
    tile_width: int
    halo_px: int


class SeamsNotMeasured(Record):
    """Why a build has no ``SeamRow``."""

    build: str
    reason: str


class CameraReport(Record):
    """Everything was measured through the runtimes of this machine."""

    scene: SceneFacts
    flicker: tuple[FlickerRow, ...]
    seams: tuple[SeamRow, ...]
    seams_not_measured: tuple[SeamsNotMeasured, ...] = ()
