"""``kernel.json``: the kernel that a camera's frames were found to have, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.records import Record

if TYPE_CHECKING:
    from compress.degradation.estimate import Blur, Estimate
    from compress.degradation.kernel import Taps


class KernelReport(Record):
    """``taps`` (rows) for shrinking by ``scale``, ``deviations`` of each over the restarts, ``noise`` in [0, 1].

    ``wide_px``, ``narrow_px``: standard deviations of the kernel in pixels of the large picture, each with its own
    deviation over the restarts; ``degrees``: of its long side from the rows; ``frames``: what it was found from.
    """

    scale: int
    taps: tuple[tuple[float, ...], ...]
    deviations: tuple[tuple[float, ...], ...]
    wide_px: tuple[float, float]
    narrow_px: tuple[float, float]
    degrees: float
    noise: float
    restarts: int
    frames: tuple[str, ...]

    @classmethod
    def of(cls, found: Estimate, scale: int, frames: tuple[str, ...]) -> KernelReport:
        import numpy as np

        narrow, wide = _widths(found.blur, scale)
        spread = np.std([_widths(each, scale) for each in found.restarts], axis=0)
        vector = np.linalg.eigh(found.blur.covariance)[1][:, 1]
        return cls(
            scale=scale, taps=_rows(found.blur.taps(scale)), deviations=_rows(found.uncertainty(scale)),
            wide_px=(round(wide, 4), round(float(spread[1]), 4)),
            narrow_px=(round(narrow, 4), round(float(spread[0]), 4)),
            degrees=round(float(np.degrees(np.arctan2(vector[0], vector[1])) % 180), 1),
            noise=round(found.blur.noise, 5), restarts=len(found.restarts), frames=frames,
        )  # fmt: skip

    @property
    def kernel(self) -> Taps:
        """The taps as an array."""
        import numpy as np

        return np.array(self.taps)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all of it."""
        from compress.store.digests import digest_of

        return digest_of(self.model_dump(mode="json"))

    @property
    def summary(self) -> str:
        """In a line."""
        wide, narrow = (f"{value:.2f} +- {doubt:.2f}" for value, doubt in (self.wide_px, self.narrow_px))
        return (
            f"kernel for x{self.scale}: deviations of {wide} and {narrow} px of the large picture, {self.degrees:.0f} "
            f"degrees; noise {255 * self.noise:.1f} codes; {self.restarts} restarts over {len(self.frames)} frames"
        )


def _widths(blur: Blur, scale: int) -> tuple[float, float]:
    """Narrow and wide, in large pixels."""
    import numpy as np

    narrow, wide = np.sqrt((scale**2 - 1) * np.linalg.eigvalsh(blur.covariance))
    return float(narrow), float(wide)


def _rows(taps: Taps) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(float(value), 7) for value in row) for row in taps)
