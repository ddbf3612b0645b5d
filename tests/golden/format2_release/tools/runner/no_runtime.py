"""What a session raises where it can't be had."""

from __future__ import annotations


class NoRuntime(Exception):
    """The runtime of a build is not on this machine, or this runner has no way to use it."""
