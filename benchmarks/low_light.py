"""Low-light enhancement side by side: classical methods, the teacher, students of recipes with controls over seeds.

Students run through the project's own chain and store, each with the same student trained as long without a teacher;
then the distillation of one recipe without each part of its loss. So whatever was stopped goes on where it was, and
what the store has is not made again. Prints tables, and writes ``low_light.json`` and ``low_light.svg`` (dB against ms)
into ``--out`` after each row. Test pictures choose nothing; parts of the loss are compared on validation pictures.

``python benchmarks/low_light.py [--root LOL] [--recipes kd_int8 kang_rir] [--seeds 0 1 2] [--ablate kang_rir]``; no
recipes (``--recipes --ablate``) leave the classical methods and the teacher, ``"kang_rir student.width=32"`` is one as
well. ``--steps 20`` is for a try: no training takes more steps. Words behind ``--with`` go to every chain. ``--keep``
puts both files into ``benchmarks/results``, beside the rows there that this run does not make, and the tables into the
README; ``--readme`` does the latter alone, of the file that lies there.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from growing.bench import RESULTS, Bench, add_words
from growing.commit import ROOT, commit
from low_light_bench.chains import ablated, parts_of, trained
from low_light_bench.fixed import Course, measured, methods
from low_light_bench.kept import joined, measured_on
from low_light_bench.plot import pareto_svg
from low_light_bench.readme import write_table
from low_light_bench.records import LowLightFile
from low_light_bench.table import markdown
from low_light_bench.words import Asked, named

from compress.console import make_console
from compress.data.source import data_digest, open_data
from compress.data.split import split_digest
from compress.devices.runner.fingerprint import fingerprint
from compress.store.store import Store

BENCH = Bench("low_light", LowLightFile, measured_on, joined, markdown, pareto_svg)
PACKAGES = ("torch", "nncf", "openvino", "scikit-image", "scipy", "numpy", "pillow")


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder of LOL's pairs; without, the embedded photographs")
    parser.add_argument("--recipes", nargs="*", default=["kd_int8", "kang_rir"])
    parser.add_argument("--ablate", nargs="*", default=["kang_rir"], help="recipes whose loss is taken apart")
    parser.add_argument(
        "--runs", type=int, default=60, help="timed runs of the teacher; 0: neither it nor methods are timed"
    )
    add_words(parser, [0, 1, 2], [])
    parser.add_argument("--readme", action="store_true", help="only make the README's tables of the kept file")
    return parser.parse_args(words)


def begun(asked: Asked, options: argparse.Namespace, command: str) -> tuple[LowLightFile, Course]:
    """The file without rows, and what rows are measured on."""
    plan = asked.plan(("recipe=teach_low_light",))
    source, digest = open_data(plan.data, "test"), data_digest(plan.data)
    size, threads = plan.target.export.size, plan.target.device.threads
    found = LowLightFile(
        command=command, commit=asked.commit, data=plan.data_name, data_digest=digest,
        split_digest=split_digest(plan.data), images=source.names, size=size, seeds=tuple(options.seeds),
        threads=threads, fingerprint=fingerprint(), versions={name: metadata.version(name) for name in PACKAGES},
    )  # fmt: skip
    return found, Course(source, digest, size, options.runs, threads)


def rows(asked: Asked, options: argparse.Namespace, command: str) -> Iterator[LowLightFile]:
    """The file with one row more each time."""
    found, course = begun(asked, options, command)
    for method in methods():
        row = measured(method, course, options.out / "low_light")
        found = found.model_copy(update={"fixed": (*found.fixed, row)})
        yield found
    store, console = Store(options.store), make_console()
    for recipe in options.recipes:
        for seed in options.seeds:
            console.say(f"{recipe}, seed {seed}")
            with console:
                run = trained(asked, recipe, seed, store, console)
            found = found.model_copy(update={"trained": (*found.trained, run)})
            yield found
    for recipe in options.ablate:
        parts = parts_of(asked.plan(named(recipe)).recipe.distill)
        for without in ("", *parts):
            for seed in options.seeds:
                console.say(f"{recipe}, seed {seed}, without {without or 'nothing'}")
                with console:
                    part = ablated(asked, recipe, seed, without, store, console)
                found = found.model_copy(update={"ablated": (*found.ablated, part)})
                yield found


def main(words: list[str]) -> int:
    """Measure, print and write; 2 and more for a mistake."""
    options = settings(words)
    if options.readme:
        write_table(ROOT / "README.md", BENCH.kind.read(RESULTS / BENCH.file))
        return 0
    asked = Asked(options.root, options.steps, tuple(options.more), commit())
    growing = rows(asked, options, f"python benchmarks/low_light.py {shlex.join(words)}".strip())
    return BENCH.run(growing, options, lambda whole: write_table(ROOT / "README.md", whole))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
