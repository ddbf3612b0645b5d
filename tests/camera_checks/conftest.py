"""A store with builds, for every test here that asks for it."""

from __future__ import annotations

from tiny_chain import chain, sealed_chain

__all__ = ["chain", "sealed_chain"]
