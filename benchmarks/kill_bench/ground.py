"""The unbroken run of a chain: what every disturbed one must come to."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from compress.store.store import Store
from kill_bench.chains import MEASURED, SIGNED, WHOLE, Chain, Surroundings

_LIMIT_S = 900.0


@dataclass(frozen=True)
class Ground:
    """``folder`` holds the unbroken run's store and keys. ``wall_s``, ``codes``: of a run that makes one stage, or all
    (``WHOLE``); ``digests`` by stage, of a stage that measures those of what it measures by counting.
    """

    chain: Chain
    folder: Path
    digests: dict[str, str]
    wall_s: dict[str, float]
    codes: dict[str, int]

    def wanted(self, stage: str) -> dict[str, str]:
        """The digests to come out where ``stage``, and what follows it, is made again.

        Behind a measurement that is made anew nothing is the same: times are other times.
        """
        if stage == WHOLE:
            return {name: digest for name, digest in self.digests.items() if name not in SIGNED}
        names = self.chain.stages[: self.chain.stages.index(stage) + 1]
        return {name: self.digests[name] for name in names}

    def lay(self, folder: Path, stage: str) -> None:
        """A copy of the store in which ``stage`` is still to be made, and of the keys."""
        shutil.copytree(self.folder / "home", folder / "home")
        kept = () if stage == WHOLE else self.chain.stages[: self.chain.stages.index(stage)]
        for name in kept:
            for artefact in (self.folder / "store").glob(f"{name}-*"):
                shutil.copytree(artefact, folder / "store" / artefact.name)


def unbroken(chain: Chain, folder: Path, stages: tuple[str, ...]) -> Ground:
    """Run the chain, then each of ``stages`` alone. Raises RuntimeError where that does not work without any fault."""
    folder.mkdir(parents=True)
    code, wall_s = _timed(chain, Surroundings(folder, "unbroken"), WHOLE)
    ground = Ground(chain, folder, digests_of(Store(folder / "store")), {WHOLE: wall_s}, {WHOLE: code})
    for stage in stages:
        if stage != WHOLE:
            place = folder / f"alone-{stage}"
            ground.lay(place, stage)
            ground.codes[stage], ground.wall_s[stage] = _timed(chain, Surroundings(place, "unbroken"), stage)
            again = digests_of(Store(place / "store"))
            if again != ground.wanted(stage):
                raise RuntimeError(f"{chain.name}: {stage} does not come out twice the same: nothing to compare with")
            shutil.rmtree(place)
    return ground


def _timed(chain: Chain, around: Surroundings, stage: str) -> tuple[int, float]:
    began = time.monotonic()
    done = subprocess.run(
        chain.command(around.store, stage), env=around.environment(), cwd=around.folder,
        capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1, 3):
        raise RuntimeError(f"{chain.name}: {stage}, without any fault, ended with {done.returncode}: {done.stderr}")
    return done.returncode, time.monotonic() - began


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
