"""Slices: thirds by the dark input's brightness, the user's own by name, and what is said of one that holds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from compress.cli import execute
from compress.data.slices import THIRDS, brightness_slices, named_slices, slice_problems
from compress.schema import DataSpec, NamedSlice, Slices

NIGHT = NamedSlice(name="night", pictures=("night-*", "moon"))


@given(st.lists(st.floats(0, 1), min_size=6, max_size=40))
def test_thirds_share_all_pictures_evenly_from_dark_to_bright(brightness: list[float]) -> None:
    names = tuple(f"{number:02d}" for number in range(len(brightness)))
    thirds = brightness_slices(names, tuple(brightness))
    value = dict(zip(names, brightness, strict=True))
    assert tuple(each.name for each in thirds) == THIRDS
    assert sorted(name for each in thirds for name in each.images) == sorted(names)
    sizes = [len(each.images) for each in thirds]
    assert max(sizes) - min(sizes) <= 1
    for darker, brighter in zip(thirds, thirds[1:], strict=False):
        assert max(value[name] for name in darker.images) <= min(value[name] for name in brighter.images)


def test_few_pictures_have_no_thirds() -> None:
    assert brightness_slices(("a", "b", "c", "d", "e"), (0.1, 0.2, 0.3, 0.4, 0.5)) == ()


def test_a_picture_may_be_in_a_slice_of_the_users_own() -> None:
    slices = Slices(named=(NIGHT, NamedSlice(name="none", pictures=("x*",))))
    (night,) = named_slices(("day-1", "night-1", "moon", "night-2"), slices)
    assert night.images == ("night-1", "moon", "night-2") and night.rule == "named night-*, moon"


def test_slices_change_no_key_but_that_of_the_stage_that_measures() -> None:
    plain = DataSpec(licence="free", kind="embedded")
    assert plain.model_copy(update={"slices": (NIGHT,)}).identity() == plain.identity()
    assert Slices(named=(NIGHT,)).identity() != Slices(named=()).identity()


def test_a_slice_that_holds_nothing_is_told_before_any_work(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(pattern: str) -> str:
        execute(["show", "recipe=toy", "target=box", f'data.slices=[{{name: mugs, pictures: ["{pattern}"]}}]'])
        return capsys.readouterr().err

    assert "slices" not in said("coffee-*")
    assert "data.slices: 'mugs' holds no test picture; cofee-* matches none of 16" in said("cofee-*")


def test_a_folder_that_is_missing_is_not_told_twice() -> None:
    assert slice_problems(DataSpec(licence="", kind="paired", root="/nowhere", slices=(NIGHT,))) == ()


@pytest.mark.parametrize("names", [("night", "night"), ("dark",)])
def test_a_slice_needs_a_name_of_its_own(names: tuple[str, ...]) -> None:
    slices = tuple(NamedSlice(name=name, pictures=("*",)) for name in names)
    with pytest.raises(ValidationError, match="needs a name of its own"):
        DataSpec(licence="", kind="embedded", slices=slices)
