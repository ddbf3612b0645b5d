"""``kill_anywhere.json``: what became of each round."""

from __future__ import annotations

from compress.records import Record


class RoundRecord(Record):
    """``moment``: share of the time that the unbroken run took, when the fault struck; of two strikes
    this, ``code`` and ``struck`` are of the first.

    ``code``: exit code of the run that was struck, negative for a signal. ``struck``: it had not ended by then.
    ``resumed``: the stage went on from what the struck run had kept. ``problems``: empty if all is well.
    """

    number: int
    chain: str
    fault: str
    stage: str
    moment: float
    struck: bool
    code: int
    resumed: bool
    problems: tuple[str, ...]
    wall_s: float


class KillFile(Record):
    """The rounds of one command. ``left_out``: faults that this machine does not allow, with the reason."""

    command: str
    commit: str
    machine: str
    rounds: tuple[RoundRecord, ...]
    left_out: tuple[str, ...]

    def having(self, one: RoundRecord) -> KillFile:
        """With one round more."""
        return self.model_copy(update={"rounds": (*self.rounds, one)})
