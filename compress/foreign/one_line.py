"""What an error of somebody else's code comes to in one line."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """Kind and first line, cut at 200 characters."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}"[:200] if first else type(error).__name__
