"""Disturbs runs at random moments in every stage, finishes them, and compares with the run that nothing disturbed.

    python benchmarks/kill_anywhere.py [--rounds 200] [--seed 0] [--faults NAME...] [--json FILE]

SIGKILL of the command, of everything it started, of one of its children (a converter, one of two training processes),
of a Ray worker; a full disk; a file system that turns read-only beneath open files; a clock that jumps. After each
round: the same digests as the unbroken run, a store that verifies, no process left, no lock held, nothing for the
collector to leave behind, the keys untouched; and no disturbed run ends in a traceback. The chain is ``recipe=tiny``
with a checkpoint at every step.

Disks need root, loop devices and ext4; the clock needs libfaketime; converters their toolchains; workers the extra
``ray``. What this machine lacks is left out, and said. Ends with 1 where anything is not as it should be.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from growing.commit import ROOT, commit
from kill_bench.chains import CLUSTER, CONVERTER, PLAIN, TWO_RANKS, Chain
from kill_bench.disk import disk_if_possible
from kill_bench.faults import (
    FAKETIME,
    FailDisk,
    Fault,
    FillDisk,
    JumpClock,
    KillAll,
    KillChild,
    KillProcess,
    KillWorker,
)
from kill_bench.ground import unbroken
from kill_bench.records import KillFile
from kill_bench.rounds import planned, played
from kill_bench.table import line_of, markdown

from compress.console import make_console
from compress.devices.runner.fingerprint import stable_facts
from compress.toolchains.environment import why_not_ready

DISK_MIB = 160


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", nargs="+", metavar="NAME", help="by the beginning of their names; none: all")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args(words)


@contextmanager
def possible(place: Path, wanted: list[str] | None) -> Iterator[tuple[list[Fault], list[str]]]:
    """The faults of this machine, ready to strike, and why others are left out."""
    faults: list[Fault] = [KillProcess(), KillAll(), KillChild()]
    without: list[str] = []
    with ExitStack() as stack:
        disk = stack.enter_context(disk_if_possible(place, DISK_MIB))
        if disk is None:
            without.append("full disk, read-only file system: mounting a disk of our own is not permitted here")
        else:
            faults += [FillDisk(disk), FailDisk(disk)]
        if FAKETIME is not None:
            faults.append(JumpClock())
        else:
            without.append("clock jump: libfaketime is not installed")
        if find_spec("ray") is not None:
            faults.append(KillWorker())
        else:
            without.append("Ray worker: the extra 'ray' is not installed")
        if wanted:
            faults = [fault for fault in faults if fault.name.startswith(tuple(wanted))]
        yield faults, without


def chains_here() -> tuple[tuple[Chain, ...], list[str]]:
    """Those that this machine can run, and why others are left out."""
    if why := why_not_ready("tflite"):
        return (PLAIN, TWO_RANKS, CLUSTER), [f"a converter's processes: {why}"]
    return (PLAIN, TWO_RANKS, CLUSTER, CONVERTER), []


@contextmanager
def cluster(chain: Chain) -> Iterator[None]:
    """The cluster that the chain needs, if it needs one."""
    if chain != CLUSTER:
        yield
        return
    from tests.cluster.two_nodes import two_nodes

    with two_nodes():
        yield


def main(words: list[str]) -> int:
    """Play the rounds, chain by chain; print what became of them."""
    options = settings(words)
    console = make_console()
    chains, missing = chains_here()
    with tempfile.TemporaryDirectory(prefix="kill-anywhere-") as name, possible(Path(name), options.faults) as found:
        faults, without = found
        if not faults:
            raise SystemExit(f"--faults: none of this machine begins with {' or '.join(options.faults)}")
        plan = planned(options.rounds, faults, chains, options.seed)
        result = KillFile(
            command=f"python benchmarks/kill_anywhere.py {shlex.join(words)}".strip(), commit=commit(),
            machine=stable_facts()["cpu"], rounds=(), left_out=(*missing, *without),
        )  # fmt: skip
        for chain in chains:
            mine = [each for each in plan if each.chain == chain]
            if not mine:
                continue
            with cluster(chain):
                ground = unbroken(chain, Path(name) / chain.name)
                for each in mine:
                    result = result.having(played(each, ground, Path(name)))
                    console.say(line_of(result.rounds[-1], len(result.rounds), len(plan)))
                    if options.json:
                        result.write(options.json)
    print(markdown(result))
    return 1 if any(each.problems for each in result.rounds) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
