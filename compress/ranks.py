"""The processes of ``torchrun``: which of them this is, and how they meet for a training."""

from __future__ import annotations

import itertools
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store as Board

_groups = itertools.count()
"""Numbers the groups that this process joins: one that met under the name of an earlier group would find what that one
left behind, believe all there, and wait for ever."""


def are_many() -> bool:
    """Whether this process is one of several under ``torchrun``."""
    return "RANK" in os.environ and int(os.environ.get("WORLD_SIZE") or "1") > 1


def is_follower() -> bool:
    """Whether this process is one of several under ``torchrun``, and not the first."""
    return are_many() and os.environ["RANK"] != "0"


def meet() -> None:
    """Find the others, where there are any; the first of them waits for nobody."""
    if are_many():
        _board()


def group_of(training: str) -> tuple[Board, int, int]:
    """Where the group of a training meets, this process's rank, and how many they are. The leader's asking tells the
    others that it begins. ``training`` is a name that all have for it."""
    from torch.distributed.distributed_c10d import PrefixStore

    board, rank, count = _board()
    if rank == 0:
        board.set(_begins(training), "yes")
    return PrefixStore(f"{training}.{next(_groups)}", board), rank, count


def has_begun(training: str) -> bool:
    """Whether the leader has begun it."""
    return bool(_board()[0].check([_begins(training)]))


def _begins(training: str) -> str:
    return f"{training} begins"


@cache
def _board() -> tuple[Board, int, int]:
    """What all processes of ``torchrun`` write to and read, this one's rank, and how many they are."""
    from torch.distributed.rendezvous import rendezvous

    board, rank, count = next(rendezvous("env://"))
    return board, rank, count
