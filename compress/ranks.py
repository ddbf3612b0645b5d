"""One chain on many processes: what the followers of ``torchrun`` do.

Rank 0 runs the chain as ever. The other ranks walk along: in a stage that takes ``scratch`` (one that
trains) they run the same function beside rank 0, in a folder that is thrown away; every other stage
they wait for. Nothing but rank 0 seals.
"""

from __future__ import annotations

import os
import time

from compress.stage import Progress
from compress.step import Step, arguments
from compress.store.store import Sealed, Store

_POLL_S = 0.2


def is_follower() -> bool:
    """Whether this process is one of several under ``torchrun``, and not the first."""
    return int(os.environ.get("WORLD_SIZE") or "1") > 1 and os.environ.get("RANK", "0") != "0"


def follow(step: Step, store: Store, progress: Progress) -> Sealed:
    """The artefact of ``step`` that rank 0 makes or finds. Does not end if rank 0 fails: torchrun ends us then."""
    joined = False
    while True:
        found = store.find(step.stage.name, step.key)
        if found is not None:
            return found
        if not joined and step.wire.scratch is not None and store.is_being_made(step.key):
            joined = True
            with store.follower_place(step.key) as place:
                step.stage.function(**arguments(step, place, progress))
        time.sleep(_POLL_S)
