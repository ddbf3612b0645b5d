"""ISP-CNN trained without pairs, without its third stage, and a student of it, through the project's own chain.

``python benchmarks/isp_cnn.py --root ../shared/data/lol_v1`` measures on LOL's eval15; without ``--root`` on the
embedded photographs. Chains run over the store, so whatever was stopped goes on where it was. Prints a table with the
paper's Table III beside it, and writes ``isp_cnn.json`` into ``--out`` after each chain; ``--keep`` puts its chains
into ``benchmarks/results``, beside those there that this run does not make. ``--clip FOLDER``: CLIP scores, with
weights from there; without, the critic, which is not CLIP. ``--steps 20`` is for a try: no training takes more steps.
Words behind ``--with`` go to every chain.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from growing.bench import Bench, add_words
from growing.commit import commit
from isp_bench.chains import RECIPES, measured
from isp_bench.kept import joined, measured_on
from isp_bench.plain import best_exponent, curve, plain_row
from isp_bench.records import IspFile
from isp_bench.table import markdown
from low_light_bench.words import Asked

from compress.console import make_console
from compress.data.source import data_digest, open_data
from compress.devices.runner.fingerprint import fingerprint
from compress.store.store import Store

BENCH = Bench("isp_cnn", IspFile, measured_on, joined, markdown)


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder of LOL's pairs; without, the embedded photographs")
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--clip", metavar="FOLDER", help="config.json and model.safetensors of a CLIPModel")
    add_words(parser, [0], [])
    return parser.parse_args(words)


def files(asked: Asked, options: argparse.Namespace, command: str) -> Iterator[IspFile]:
    """The file, with one chain more each time."""
    plan = asked.plan((f"recipe={RECIPES[0]}",))
    test, train = open_data(plan.data, "test"), open_data(plan.data, "train")
    exponent = best_exponent(train)
    found = IspFile(
        command=command, commit=asked.commit, data=plan.data_name, data_digest=data_digest(plan.data),
        images=test.names, size=plan.target.export.size, gamma=exponent, notes=(), fingerprint=fingerprint(),
        plain=(
            plain_row("dark input", test, lambda low: low),
            plain_row(f"gamma {exponent:g}", test, curve(exponent)),
        ),
    )  # fmt: skip
    yield found
    store, console = Store(options.store), make_console()
    scorer = f" unpaired.scorer.kind=clip unpaired.scorer.weights={options.clip}" if options.clip else ""
    for recipe in options.recipes:
        for seed in options.seeds:
            console.say(f"{recipe}, seed {seed}")
            with console:
                chain, notes = measured(asked, recipe + scorer, seed, store, console)
            notes = tuple(dict.fromkeys((*found.notes, *notes)))
            found = found.model_copy(update={"chains": (*found.chains, chain), "notes": notes})
            yield found


def main(words: list[str]) -> int:
    """Measure, print and write; 2 and more for a mistake."""
    options = settings(words)
    asked = Asked(options.root, options.steps, tuple(options.more), commit())
    growing = files(asked, options, f"python benchmarks/isp_cnn.py {shlex.join(words)}".strip())
    return BENCH.run(growing, options, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
