"""One chain on many processes: what the followers of ``torchrun`` do.

Rank 0 runs the chain as ever. The other ranks walk along: once it begins the training of a stage, they run the same
function beside it, in a folder that is thrown away, and find ready what it prepared in its scratch. For all else they
wait. Nothing but rank 0 seals.
"""

from __future__ import annotations

import time

from compress.ranks import has_begun
from compress.stage import Progress
from compress.step import Step, arguments
from compress.store.store import Sealed, Store

_POLL_S = 0.2


def follow(step: Step, store: Store, progress: Progress) -> Sealed:
    """The artefact of ``step`` that rank 0 makes or finds. Does not end if rank 0 fails: torchrun ends us then."""
    joined = False
    while True:
        found = store.find(step.stage.name, step.key)
        if found is not None:
            return found
        if not joined and has_begun(step.key):
            joined = True
            with store.follower_place(step.key) as place:
                step.stage.function(**arguments(step, place, progress))
        time.sleep(_POLL_S)
