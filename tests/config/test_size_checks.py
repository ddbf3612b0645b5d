"""Pictures of one size and builds of another are refused with the plan, where such a build would be run here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compress.config import size_checks
from compress.config.load import load_plans
from compress.errors import ConfigError

RK = ("recipe=kd_int8", "target=rk3588")


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where RKNN-Toolkit2 is set up."""
    monkeypatch.setattr(size_checks, "runs_here", lambda name: True)
    yield


def test_it_says_what_to_do(simulator: None) -> None:
    with pytest.raises(ConfigError) as told:
        load_plans(RK)
    (line,) = told.value.problems
    assert line.startswith("data.size: rknn builds take pictures of target.export.size alone, 400x600")
    assert "gives 256x384" in line and "add target.export.size=[256,384]" in line


@pytest.mark.parametrize(
    "words",
    [
        (*RK, "target.export.size=[256,384]"),
        (*RK, "data.size=[128,192]", "target.export.size=[128,192]"),
        (*RK, "stages=[teacher,distill,quantize,export]"),
        ("recipe=kd_int8", "target=x86_edge"),
    ],
)
def test_what_goes_together_is_planned(simulator: None, words: tuple[str, ...]) -> None:
    assert load_plans(words)


def test_without_the_simulator_the_build_is_made_and_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size_checks, "runs_here", lambda name: False)
    assert load_plans(RK)
