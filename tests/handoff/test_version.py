"""Versions only go up, by what the difference asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.bundle.manifest import Manifest
from compress.errors import UserError
from compress.handoff.records import LEVELS, Change, Level, highest
from compress.handoff.version import numbers, raised

versions = st.builds("{}.{}.{}".format, *(st.integers(0, 99_999),) * 3)
levels = st.sampled_from(LEVELS)


@given(versions, levels)
def test_a_raised_version_is_above_and_can_be_in_a_manifest(version: str, level: Level) -> None:
    after = raised(version, level)
    assert numbers(after) > numbers(version)
    made = Manifest(
        name="n", version=after, status="RELEASE", reasons=(), key_id="sha256:" + "0" * 64, chain=(), files={}
    )
    assert made.version == after


@given(versions, levels, levels)
def test_a_higher_level_gives_a_higher_version(version: str, one: Level, two: Level) -> None:
    order = LEVELS.index(one) - LEVELS.index(two)
    after, other = numbers(raised(version, one)), numbers(raised(version, two))
    assert (after > other, after == other) == (order > 0, order == 0)


@given(st.lists(levels))
def test_the_highest_level_decides(found: list[Level]) -> None:
    changes = tuple(Change(section="files", what="x", old=None, new=None, level=each) for each in found)
    assert highest(changes) == ("major" if "major" in found else "minor" if "minor" in found else "patch")


@given(st.text(max_size=12))
def test_only_three_plain_numbers_are_a_version(text: str) -> None:
    try:
        found = numbers(text)
    except UserError:
        return
    assert text == "{}.{}.{}".format(*found)


@pytest.mark.parametrize("text", ["", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-rc1", "v1.0.0", "1.0.0\n", "1.0.٣"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(UserError, match="is no version"):
        numbers(text)


def test_the_three_levels() -> None:
    assert [raised("1.2.3", level) for level in LEVELS] == ["1.2.4", "1.3.0", "2.0.0"]
