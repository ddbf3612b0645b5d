"""Somebody else's error in one line."""

from __future__ import annotations

import pytest

from compress.errors import SHOWN, one_line


@pytest.mark.parametrize(
    ("error", "whole", "bare"),
    [
        (ValueError("a  b\nc"), "ValueError: a b", "a b"),
        (KeyError(), "KeyError", "KeyError"),
        (RuntimeError("\n \n second"), "RuntimeError: second", "second"),
        (OSError("x" * 999), f"OSError: {'x' * (SHOWN - 9)}", "x" * SHOWN),
    ],
)
def test_first_line_with_and_without_its_kind(error: Exception, whole: str, bare: str) -> None:
    assert (one_line(error), one_line(error, kind=False)) == (whole, bare)
