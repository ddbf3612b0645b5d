from __future__ import annotations

import numpy as np
import pytest
from known_kernels import photograph
from PIL import Image

from compress.degradation.kernel import oriented, shrunk
from compress.models.enhance import to_picture, to_tensor
from compress.zero_shot.start import enlarged, started

PICTURE = photograph("coffee")[:48, :60]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarging_is_pillows_bicubic(scale: int) -> None:
    theirs = np.array(Image.fromarray(PICTURE).resize((60 * scale, 48 * scale), Image.Resampling.BICUBIC))
    mine = to_picture(enlarged(to_tensor(PICTURE), scale))
    assert np.abs(mine.astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("scale", [2, 3])
def test_the_more_projections_the_nearer_it_shrinks_back(scale: int) -> None:
    x, taps = to_tensor(PICTURE), oriented(scale, 0.8 * scale, 0.5 * scale, 30)
    errors = [float((shrunk(started(x, taps, scale, times), taps, scale) - x).abs().mean()) for times in (0, 2, 8)]
    assert errors[0] > 1.3 * errors[1] and errors[1] > 1.3 * errors[2]
