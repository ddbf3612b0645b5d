"""Training batches of pictures with boxes, each shot at night anew, as a function of (seed, step)."""

from __future__ import annotations

from dataclasses import replace

from compress.data.batches import Batch
from compress.data.box_batches import BoxPlan
from compress.data.camera import darken, sample_night
from compress.data.night import NIGHT, NightSource, shot_of
from compress.schema import Augment, Phase


class NightPlan(BoxPlan):
    """A network sees a picture in another night each time, so it can't learn shots by heart.

    Of a ``lit`` source nothing is darkened.
    """

    def __init__(
        self, source: NightSource, phases: tuple[Phase, ...], augment: Augment, seed: int, rank: int = 0, ranks: int = 1
    ) -> None:
        super().__init__(source.pictures, phases, augment, seed, rank, ranks)
        self.lit = source.lit

    def batch(self, step: int) -> Batch:
        """``dark`` and ``bright`` (N, 3, H, W) float32 in [0, 1], of one size, and ``boxes``."""
        import torch

        clear = super().batch(step)
        before, steps = self.schedule_at(step)
        dark = clear.bright
        if not self.lit:
            size = min(self.phase_at(step).batch, len(self.source))
            shots = (shot_of(self.seed, step, place) for place in range(size)[self.rank :: self.ranks])
            dark = torch.cat([
                darken(each[None], sample_night(NIGHT, 1, shot), shot)
                for each, shot in zip(clear.bright, shots, strict=True)
            ])  # fmt: skip
        return replace(clear, dark=dark, done=before / steps, without=self.phase_at(step).without)
