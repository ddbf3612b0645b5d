"""What a network sees that sees the truth."""

from __future__ import annotations

import numpy as np

from compress.data.source import open_data
from compress.data.truth import TruthPairs, seen_by
from compress.schema import DataSpec

DATA = DataSpec(licence="with scikit-image", kind="embedded", size=(64, 96), copies=1)


def test_both_sides_are_the_well_lit_picture() -> None:
    source = open_data(DATA, "val")
    truth = seen_by("truth", source)
    assert isinstance(truth, TruthPairs) and len(truth) == len(source)
    assert (truth.names, truth.scenes) == (source.names, source.scenes)
    for index in range(len(source)):
        low, high = truth.pair(index)
        assert np.array_equal(low, source.pair(index)[1]) and np.array_equal(high, source.pair(index)[1])


def test_who_sees_the_dark_gets_the_source_itself() -> None:
    source = open_data(DATA, "val")
    assert seen_by("dark", source) is source
