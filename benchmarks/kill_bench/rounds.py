"""One round: a run is disturbed, then run again until its end, and everything is looked at."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from compress.errors import EXIT_BUG, StoreError
from compress.store import collect
from compress.store.store import Store
from kill_bench.chains import Chain, Surroundings
from kill_bench.faults import FailDisk, Fault, FillDisk, Struck
from kill_bench.ground import Ground, digests_of
from kill_bench.processes import kill, left_over, started
from kill_bench.records import RoundRecord

_LIMIT_S = 900.0


@dataclass(frozen=True)
class Round:
    """``moment``: share of the unbroken run's time. ``twice``: the run that goes on is struck once more."""

    number: int
    fault: Fault
    chain: Chain
    stage: str
    moment: float
    twice: bool


def planned(count: int, faults: list[Fault], chains: tuple[Chain, ...], seed: int) -> list[Round]:
    """The faults in turn, each over the stages of those of its chains that are in ``chains``, at random moments."""
    chance, rounds = random.Random(seed), []
    cases = {each: [(c, stage) for c in each.chains if c in chains for stage in c.disturbed] for each in faults}
    strikable = [fault for fault in faults if cases[fault]]
    for fault in strikable:
        chance.shuffle(cases[fault])
    for number in range(count):
        fault = strikable[number % len(strikable)]
        chain, stage = cases[fault][number // len(strikable) % len(cases[fault])]
        rounds.append(Round(number, fault, chain, stage, chance.uniform(0.1, 1.0), chance.random() < 0.25))
    return rounds


@dataclass(frozen=True)
class Ended:
    """How a struck run ended; ``text`` is what it said."""

    code: int
    struck: bool
    text: str


def played(wanted: Round, ground: Ground, place: Path) -> RoundRecord:
    """The round, in an empty folder below ``place`` or on the fault's disk; nothing of it is left."""
    began = time.monotonic()
    fault, chance = wanted.fault, random.Random(wanted.number)
    on = fault.disk.folder if isinstance(fault, FillDisk | FailDisk) else place
    folder = on / f"round{wanted.number}"
    folder.mkdir(parents=True)
    ground.lay(folder, wanted.stage)
    subprocess.run(["sync", "-f", str(folder)], check=True)  # what was there before the fault is on the disk
    around = Surroundings(folder, f"round-{wanted.number}-{chance.getrandbits(64):x}", fault.environment(folder))
    problems: list[str] = []
    moments = (wanted.moment, chance.uniform(0.1, 1.0)) if wanted.twice and not fault.lives else (wanted.moment,)
    strikes = []
    for moment in moments:
        strikes.append(_struck(fault, ground, wanted.stage, moment, around, chance))
        problems += _manners(strikes[-1], fault, ground.code(wanted.stage))
        fault.mend()
    resumed = _kept(Store(around.store))
    code, told = _finished(ground, wanted.stage, around)
    if code != ground.code(wanted.stage):
        problems.append(f"the run that goes on ended with {code}: {told[-2000:]}")
    problems += looked_at(around, ground, wanted.stage)
    with suppress(OSError):
        shutil.rmtree(folder)
    return RoundRecord(
        number=wanted.number, chain=ground.chain.name, fault=fault.name, stage=wanted.stage,
        moment=round(wanted.moment, 3), struck=strikes[0].struck, code=strikes[0].code, resumed=resumed,
        problems=tuple(problems), wall_s=round(time.monotonic() - began, 1),
    )  # fmt: skip


def _struck(
    fault: Fault, ground: Ground, stage: str, moment: float, around: Surroundings, chance: random.Random
) -> Ended:
    log = ground.folder.parent / "struck.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ground.chain.command(around.store, stage), env=around.environment(), cwd=around.folder,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
        with suppress(subprocess.TimeoutExpired):
            process.wait(0 if fault.waits else ground.wall_s[stage] * moment)
        run = Struck(process.pid, around.token, around.folder, chance, ground.took_s(stage) * moment)
        struck = process.poll() is None and fault.strike(run)
        try:
            code = process.wait(_LIMIT_S)
        except subprocess.TimeoutExpired:
            for each in started(around.token):
                kill(each.pid)
            return Ended(process.wait(), struck, f"hung for {_LIMIT_S:.0f} s")
    return Ended(code, struck, log.read_text(encoding="utf-8", errors="replace"))


def _manners(ended: Ended, fault: Fault, unbroken: int) -> list[str]:
    """How the command took it: no traceback, a code that says whose fault it was, and no giving up without need."""
    if ended.text.startswith("hung"):
        return [ended.text]
    if ended.code == EXIT_BUG or (fault.lives and ended.code != unbroken):
        return [f"the struck run ended with {ended.code}: {ended.text[-2000:]}"]
    return []


def _kept(store: Store) -> bool:
    return store.scratch_folder.is_dir() and any(any(one.iterdir()) for one in store.scratch_folder.iterdir())


def _finished(ground: Ground, stage: str, around: Surroundings) -> tuple[int, str]:
    done = subprocess.run(
        ground.chain.command(around.store, stage), env=around.environment(), cwd=around.folder,
        capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def looked_at(around: Surroundings, ground: Ground, stage: str) -> list[str]:
    """Everything that is not as after the unbroken run, a line each."""
    store, problems = Store(around.store), []
    try:
        found = digests_of(store)
        wanted = ground.wanted(stage)
        other = [name for name, digest in wanted.items() if found.get(name) != digest]
        problems += [f"other bytes than in the unbroken run: {', '.join(other)}"] if other else []
        problems += store.verify()
        problems += [f"still runs: {line}" for line in left_over(around.token)]
        for lock in sorted((store.root / ".locks").glob("*.lock")):
            with store.lock_if_free(lock.stem) as free:
                problems += [] if free else [f"{lock.name} is held"]
        collect.gc(store)
        for hidden in (store.temporary_folder, store.scratch_folder):
            problems += [f"left behind: {path}" for path in (hidden.iterdir() if hidden.is_dir() else ())]
        problems += [] if digests_of(store) == found else ["gc took what was needed"]
    except StoreError as error:
        problems.append(f"the store: {error}")
    keys = sorted(path for path in (ground.folder / "home").rglob("*.pem"))
    for key in keys:
        if (around.home / key.relative_to(ground.folder / "home")).read_bytes() != key.read_bytes():
            problems.append(f"{key.name} is another key")
    return problems
