"""The unbroken run of a chain: what every disturbed one must come to."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from compress.errors import EXIT_PASS
from compress.store.store import Store
from kill_bench.chains import MEASURED, SIGNED, WHOLE, Chain, Surroundings

_LIMIT_S = 900.0


@dataclass(frozen=True)
class Ground:
    """``folder`` holds the unbroken run's store and keys. ``wall_s``: of a run of one stage, or of all (``WHOLE``);
    ``start_s``: of the command without its stages; ``digests`` by stage, of a stage that measures those of what it
    measures by counting; ``end``: its exit code.
    """

    chain: Chain
    folder: Path
    digests: dict[str, str]
    wall_s: dict[str, float]
    start_s: float
    end: int

    def wanted(self, stage: str) -> dict[str, str]:
        """The digests to come out where ``stage``, and what follows it, is made again.

        Behind a measurement that is made anew nothing is the same: times are other times.
        """
        if stage == WHOLE:
            return {name: digest for name, digest in self.digests.items() if name not in SIGNED}
        names = self.chain.stages[: self.chain.stages.index(stage) + 1]
        return {name: self.digests[name] for name in names}

    def took_s(self, stage: str) -> float:
        """What the stage took without the command around it."""
        return self.wall_s[stage] - self.start_s

    def code(self, stage: str) -> int:
        """What a run up to ``stage`` ends with: the gate's word, where it comes to that."""
        stages = self.chain.stages
        decided = stage == WHOLE or ("gate" in stages and stages.index(stage) >= stages.index("gate"))
        return self.end if decided else EXIT_PASS

    def lay(self, folder: Path, stage: str) -> None:
        """A copy of the store in which ``stage`` is still to be made, and of the keys."""
        shutil.copytree(self.folder / "home", folder / "home")
        kept = () if stage == WHOLE else self.chain.stages[: self.chain.stages.index(stage)]
        for name in kept:
            for artefact in (self.folder / "store").glob(f"{name}-*"):
                shutil.copytree(artefact, folder / "store" / artefact.name)


def unbroken(chain: Chain, folder: Path) -> Ground:
    """Run the chain. Raises RuntimeError where that does not work without any fault."""
    (folder / "home").mkdir(parents=True)
    around = Surroundings(folder, "unbroken")
    began = time.monotonic()
    done = subprocess.run(
        chain.command(around.store, WHOLE), env=around.environment(), cwd=around.folder,
        capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False,
    )  # fmt: skip
    wall_s = time.monotonic() - began
    store = Store(around.store)
    made = {each.manifest.stage: each.manifest.wall_s for each in store.ls() if each.manifest}
    if done.returncode not in (0, 1, 3) or chain.stages[-1] not in made:
        raise RuntimeError(f"{chain.name}, without any fault, ended with {done.returncode}: {done.stderr}")
    start_s = wall_s - sum(made.values())
    walls = {stage: start_s + took_s for stage, took_s in made.items()}
    return Ground(chain, folder, digests_of(store), {**walls, WHOLE: wall_s}, start_s, done.returncode)


def digests_of(store: Store) -> dict[str, str]:
    """Of every artefact by its stage; of what was measured only the quality, which can be told beforehand."""
    found = {}
    for entry in store.ls():
        if entry.manifest is not None:
            stage, digest = entry.manifest.stage, entry.manifest.digest
            if stage in MEASURED:
                digest = hashlib.sha256((entry.folder / "quality.json").read_bytes()).hexdigest()
            found[stage] = digest
    return found
