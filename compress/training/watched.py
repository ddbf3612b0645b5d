"""The figures that training curves show, of whole validation pictures."""

from __future__ import annotations

from typing import Any

from torch import nn

from compress.data.source import Source
from compress.detection.truth import known_only
from compress.errors import DataError
from compress.metrics import psnr_db
from compress.metrics.detection import map50
from compress.models.detect import asked
from compress.models.enhance import enhance


def mean_psnr_db(net: nn.Module, source: Source[Any]) -> float:
    """Mean PSNR in dB of ``net`` over all pairs of ``source``."""
    pairs = (source.pair(i) for i in range(len(source)))
    return sum(psnr_db(enhance(net, dark), bright) for dark, bright in pairs) / len(source)


def map50_of(net: nn.Module, source: Source[Any]) -> float:
    """mAP50 of ``net``, in [0, 1], over all pictures of ``source``. Raises DataError where none of them has a box."""
    ask, found, truths = asked(net), [], []
    for index in range(len(source)):
        picture, truth = source.pair(index)
        found.append(known_only(ask(picture), truth))
        truths.append(truth.boxes)
    if not any(map(len, truths)):
        raise DataError("no validation picture has a box; put some with boxes into that split")
    return map50(found, truths)
