"""What int8 costs a picture where nothing was trained: by its truth, or by how far it went from the float answer."""

from __future__ import annotations

import math

from compress.metrics.full_reference import PSNR_CAP_DB

WHAT = "not trained: the larger of drop and distance to the float answer"


def distance_db(to_float_db: float, float_db: float) -> float:
    """What PSNR loses where the error that int8 adds is independent of the network's own: two variances add up.

    ``10 log10(1 + MSE(int8, float) / MSE(float, truth))`` in dB, 0 or more, from the PSNR of int8's picture against
    the float one's and of that against the truth. Pictures that are equal have no distance.
    """
    if to_float_db >= PSNR_CAP_DB:
        return 0.0
    ratio: float = 10.0 ** ((float_db - to_float_db) / 10.0)
    return 10.0 * math.log10(1.0 + ratio)


def untrained_loss_db(float_db: float, int8_db: float, to_float_db: float) -> float:
    """The larger of the drop in PSNR and of ``distance_db``; NaN where a figure is one."""
    drop_db = float_db - int8_db
    return drop_db if math.isnan(drop_db) else max(distance_db(to_float_db, float_db), drop_db)
