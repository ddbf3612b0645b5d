"""Points of a search space: what may be tried, what a network does not have, and the words of a point."""

from __future__ import annotations

import optuna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from compress.config.words import parse_words
from compress.schema import Range, SearchSpec
from compress.search.records import Setting
from compress.search.space import Point, Space, name_of, word

NETWORKS = {
    "student.light_width": (8, 10),
    "student.network": ("plain_cnn", "light_twin"),
    "student.width": (16, 32),
}


def every_point(space: Space) -> list[Point]:
    """All points of a finite space, as it gives those that were not tried."""
    found: list[Point] = []
    while (point := space.untried({name_of(each) for each in found})) is not None:
        found.append(point)
    return found


def test_settings_that_a_network_lacks_are_no_part_of_its_points() -> None:
    points = [{s.key: s.value for s in point} for point in every_point(Space.of(SearchSpec(space=NETWORKS)))]
    assert len(points) == 2 + 4
    assert all(("student.light_width" in p) == (p["student.network"] == "light_twin") for p in points)


def test_optuna_finds_every_point_and_its_names_lead_back() -> None:
    space = Space.of(SearchSpec(space=NETWORKS))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    asked = {name_of(space.ask(study.ask())) for _ in range(60)}
    points = every_point(space)
    assert asked == {name_of(point) for point in points}
    for point in points:
        study.enqueue_trial(space.parameters(point))
        assert space.ask(study.ask()) == point


def test_a_range_with_steps_is_a_list_and_one_without_has_no_end() -> None:
    assert Range(low=0.7, high=1.0, step=0.1).listed() == (0.7, 0.8, 0.9, 1.0)
    assert Range(low=8, high=11).listed() == (8, 9, 10, 11)
    assert Range(low=0.1, high=1.0).listed() is None and Range(low=1, high=100, log=True).listed() is None
    space = Space.of(SearchSpec(space={"prune.keep_macs": Range(low=0.5, high=0.75)}))
    assert not space.finite and space.untried(set()) is None
    trial = optuna.create_study().ask()
    (setting,) = space.ask(trial)
    assert isinstance(setting.value, float) and 0.5 <= setting.value <= 0.75


@pytest.mark.parametrize(
    "wrong", [{"low": 2, "high": 1}, {"low": 0.0, "high": 1.0, "log": True}, {"low": 0, "high": 1.0, "step": 0.3}]
)
def test_a_range_without_room_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Range(**wrong)  # type: ignore[arg-type]


json_values = st.one_of(
    st.booleans(), st.integers(-10**6, 10**6), st.floats(-1e6, 1e6, allow_nan=False),
    st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=12),
    st.lists(st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=6), max_size=3),
)  # fmt: skip


@given(json_values)
@example("0")
@example('",0')
@example("1_0")
@example("null")
@example("yes")
def test_the_word_of_a_setting_is_read_back_as_the_same_value(value: object) -> None:
    """Also where a text looks like a number, a list or nothing."""
    choices, problems = parse_words((word(Setting(key="quantize.keep_float", value=value)),))  # type: ignore[arg-type]
    assert problems == ()
    (read,) = choices[0].values
    assert read == value and type(read) is type(value)
