"""The tiny toolchain, for every test here that asks for it."""

from __future__ import annotations

from tiny_toolchain import tiny

__all__ = ["tiny"]
