"""The night side by side: a student with two heads with and without its teacher, over seeds, on pictures shot at night.

For each seed the recipe ``night_multitask`` runs through the project's own chain and store: a teacher on well-lit
pictures, a student under it, the same student without. So whatever was stopped goes on where it was, and what the
store has is not made again. On the test pictures are measured: both students, the teacher on dark and on clean
pictures, and the teacher on the student's enhanced pictures; and CLAHE and gamma beside the enhancing head. Test
pictures choose nothing. Prints a table, and writes ``night.json`` into ``--out`` after each row.

``python benchmarks/night.py --root VEHICLES [--seeds 0 1 2]``; ``--steps 20`` is for a try: no training takes more
steps. Words behind ``--with`` go to every chain. ``--int8`` quantizes the students and measures their builds.
``--looks 8`` writes strips of test pictures, ``--night FOLDER`` of real night photographs. ``--keep`` puts the rows
into ``benchmarks/results``, beside those there of other seeds.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from growing.bench import Bench, add_words
from growing.commit import commit
from night_bench.chains import Wishes, classical, open_night, student_of, trained
from night_bench.int8 import built
from night_bench.kept import joined, measured_on
from night_bench.looks import write_looks, write_night
from night_bench.records import NightFile
from night_bench.table import markdown

from compress.console import RunConsole, make_console
from compress.data.source import data_digest
from compress.data.split import split_digest
from compress.devices.runner.fingerprint import fingerprint
from compress.metrics.night_scoring import NightScorer
from compress.store.store import Store

BENCH = Bench("night", NightFile, measured_on, joined, markdown)
PACKAGES = ("torch", "scikit-image", "numpy", "pillow")


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of well-lit pictures with boxes")
    add_words(parser, [0, 1, 2], ["data.labelled=named", "data.size=[160,160]"])
    parser.add_argument("--int8", action="store_true", help="quantize each student, and measure its builds")
    parser.add_argument("--looks", type=int, default=0, help="strips of so many test pictures, of the first seed")
    parser.add_argument("--night", type=Path, help="folder of real night photographs, to look at")
    return parser.parse_args(words)


def begun(wishes: Wishes, options: argparse.Namespace, command: str) -> NightFile:
    """The file without rows."""
    plan = wishes.plan(wishes.words(options.seeds[0]))
    assert plan.data.size is not None
    return NightFile(
        command=command, commit=wishes.commit, data_digest=data_digest(plan.data), split_digest=split_digest(plan.data),
        images=open_night(plan).names, definition=NightScorer.definition, size=plan.data.size,
        seeds=tuple(options.seeds), steps=wishes.steps, fingerprint=fingerprint(),
        versions={name: metadata.version(name) for name in PACKAGES},
    )  # fmt: skip


def rows(wishes: Wishes, options: argparse.Namespace, command: str) -> Iterator[NightFile]:
    """The file with more of its rows each time, and strips behind the last."""
    found, console = begun(wishes, options, command), make_console()
    source = open_night(wishes.plan(wishes.words(options.seeds[0])))
    found = found.model_copy(update={"fixed": tuple(classical(source))})
    yield found
    store = Store(options.store)
    for seed in options.seeds:
        console.say(f"seed {seed}")
        with console:
            run = trained(wishes, seed, store, console, options.out / "night")
            if options.int8:
                run = run.model_copy(update={"builds": built(wishes, seed, store, console)})
        found = found.model_copy(update={"runs": (*found.runs, run)})
        yield found
    look(wishes, options, console)


def look(wishes: Wishes, options: argparse.Namespace, console: RunConsole) -> None:
    """Write the strips that are asked for."""
    if not (options.looks or options.night):
        return
    with console:
        net = student_of(wishes, options.seeds[0], Store(options.store), console)
    plan, folder = wishes.plan(wishes.words(options.seeds[0])), options.out / "night"
    write_looks(net, plan, folder, options.looks)
    if options.night:
        write_night(net, plan, options.night, folder)


def main(words: list[str]) -> int:
    """Measure, print and write; 2 and more for a mistake."""
    options = settings(words)
    wishes = Wishes(options.root, options.steps, tuple(options.more), commit())
    return BENCH.run(rows(wishes, options, f"python benchmarks/night.py {shlex.join(words)}"), options, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
