"""The figures that training curves show, of whole validation pictures: all, or of a large split some hundreds."""

from __future__ import annotations

from typing import Any

from torch import nn

from compress.data.source import Source, across
from compress.detection.truth import known_only
from compress.errors import DataError
from compress.metrics import psnr_db
from compress.metrics.detection import Boxes, map50
from compress.models.both import asked_both
from compress.models.detect import asked
from compress.models.enhance import enhance
from compress.training.loop import Watched

MOST = 500
"""Pictures for a point of a curve: of 100,000 pairs 5,000 are kept back, and a training looks at them twenty times."""


def looked_at(total: int) -> tuple[int, ...]:
    """Places of up to ``MOST`` of ``total`` pictures, all at about one distance."""
    return across(total, MOST)


def mean_psnr_db(net: nn.Module, source: Source[Any]) -> float:
    """Mean PSNR in dB of ``net`` over the pairs of ``source`` that are looked at."""
    places = looked_at(len(source))
    pairs = (source.pair(place) for place in places)
    return sum(psnr_db(enhance(net, dark), bright) for dark, bright in pairs) / len(places)


def map50_of(net: nn.Module, source: Source[Any]) -> float:
    """mAP50 of ``net``, in [0, 1], over the pictures of ``source`` that are looked at. Raises DataError where none of
    them has a box."""
    ask, found, truths = asked(net), [], []
    for index in looked_at(len(source)):
        picture, truth = source.pair(index)
        found.append(known_only(ask(picture), truth))
        truths.append(truth.boxes)
    return _map50(found, truths)


def both_of(net: nn.Module, source: Source[Any]) -> Watched:
    """Mean PSNR and mAP50 of a network with two heads. Raises DataError as ``map50_of``."""
    ask, found, truths, dbs = asked_both(net), [], [], []
    for index in looked_at(len(source)):
        dark, truth = source.pair(index)
        answer = ask(dark)
        dbs.append(psnr_db(answer.picture, truth.bright))
        found.append(known_only(answer.boxes, truth.boxes))
        truths.append(truth.boxes.boxes)
    return Watched(psnr_db=sum(dbs) / len(dbs), map50=_map50(found, truths))


def _map50(found: list[Boxes], truths: list[Boxes]) -> float:
    if not any(map(len, truths)):
        raise DataError("no validation picture has a box; put some with boxes into that split")
    return map50(found, truths)
