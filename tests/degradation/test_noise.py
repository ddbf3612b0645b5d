from __future__ import annotations

import numpy as np
import pytest
from known_kernels import given, known_kernel

from compress.degradation.noise import noise_level


@pytest.mark.parametrize("noise", [0.01, 0.02, 0.05])
def test_known_noise_is_found(noise: float) -> None:
    channel = given("coffee", known_kernel(3, 2), 2, noise)[..., 1].astype(np.float32) / 255
    assert noise_level(channel) == pytest.approx(noise, rel=0.2)


def test_a_clean_ramp_has_none() -> None:
    assert noise_level(np.tile(np.linspace(0, 1, 200, dtype=np.float32), (200, 1))) == 0.0
