"""Errors that travel between processes come out as they went in."""

from __future__ import annotations

import pytest

from compress.cluster.outcome import Failed, error_of, failed, is_told
from compress.devices.board import Lost
from compress.errors import (
    BugElsewhere,
    BuildError,
    CompressError,
    ConfigError,
    DeviceError,
    NotMeasurable,
    NotReleasable,
)


def _sent(error: Exception) -> Failed:
    try:
        raise error
    except Exception as caught:
        return failed("distill", caught, "node")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BuildError("no such width"), BuildError),
        (ConfigError(("one", "two")), ConfigError),
        (NotReleasable(("dirty", "no key")), NotReleasable),
        (NotMeasurable("no meter"), NotMeasurable),
        (Lost("no way to pi"), DeviceError),
    ],
)
def test_a_mistake_keeps_its_class_and_words(error: CompressError, kind: type[CompressError]) -> None:
    back = error_of(_sent(error))
    assert type(back) is kind and str(back) == str(error) and back.exit_code == error.exit_code
    assert is_told(back)
    if isinstance(error, ConfigError):
        assert isinstance(back, ConfigError) and back.problems == error.problems


def test_a_bug_brings_its_traceback() -> None:
    back = error_of(_sent(KeyError("width")))
    assert isinstance(back, BugElsewhere) and back.exit_code == 70 and not is_told(back)
    assert str(back) == "distill on node: KeyError: 'width'"
    assert "raise error" in str(back.__cause__)
