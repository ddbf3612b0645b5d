"""What becomes of a task, in words that travel between processes: no exception does (theirs need not survive it)."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from compress import errors
from compress.errors import BugElsewhere, CompressError, ConfigError, NotReleasable, UserError, one_line


@dataclass(frozen=True)
class Made:
    """An artefact in the store; ``reused``: it was there before. ``wall_s``: what making it took, then or now."""

    stage: str
    key: str
    digest: str
    reused: bool
    wall_s: float


@dataclass(frozen=True)
class Failed:
    """A stage that can't be had.

    ``kind``: the nearest class in ``compress.errors``, None for a bug. ``lines``: what to tell the user; ``trace``: the
    traceback where it happened.
    """

    stage: str
    kind: str | None
    lines: tuple[str, ...]
    trace: str


def failed(stage: str, error: Exception, node: str) -> Failed:
    """``error`` as it can travel; call it where the error is being handled."""
    trace = traceback.format_exc()
    if not isinstance(error, CompressError):
        return Failed(stage, None, (f"{stage} on {node}: {one_line(error)}",), trace)
    lines = error.problems if isinstance(error, ConfigError) else getattr(error, "reasons", (str(error),))
    kind = next(each.__name__ for each in type(error).__mro__ if each.__module__ == errors.__name__)
    return Failed(stage, kind, tuple(lines), trace)


def error_of(failure: Failed) -> CompressError:
    """The error as it was raised there: its class, and so its exit code."""
    if failure.kind is None:
        bug = BugElsewhere(failure.lines[0])
        bug.__cause__ = RuntimeError(failure.trace)
        return bug
    kind: type[CompressError] = getattr(errors, failure.kind)
    if kind is ConfigError:
        return ConfigError(failure.lines)
    return NotReleasable(failure.lines) if kind is NotReleasable else kind("\n".join(failure.lines))


def is_told(error: CompressError) -> bool:
    """Whether other points go on after it: a mistake of the user's is told, a bug ends the run."""
    return isinstance(error, UserError)
