"""Do 100,000 pairs stream with flat memory, and what of a training step is reading?

Makes two sets of small pairs, no two alike, each in folders and in shards, 100 pairs to test on beside them. For each a
first process, which knows nothing of it, works out its digest and opens it; a second one does so again and trains.
Prints a table and writes ``artifacts/benchmarks/big_data.json``; ``--keep`` puts both into ``benchmarks/results/`` and
``docs/big-data.md``. Ends with 1 where memory is not flat, or folders and shards have not one digest.

``python benchmarks/big_data.py [--pairs 1000 100000] [--steps 200] [--folder FOLDER] [--keep]``; the sets of 100,000
pairs need 1.6 GB in ``--folder`` (a temporary one, removed at the end), where they are found again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from big_data_bench.pictures import LAYOUTS, SIDE, Layout, make_set, spec_of
from big_data_bench.records import FLAT, BigDataFile, Cell, Session
from big_data_bench.table import table
from growing.commit import commit

from compress.devices.runner.fingerprint import fingerprint

ROOT = Path(__file__).resolve().parent.parent
FILE = "big_data.json"
MARK = "<!-- big data -->"


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--memory-mib", type=int, default=16, help="for decoded pictures; both sets fill it")
    parser.add_argument("--folder", type=Path, help="keeps the sets")
    parser.add_argument("--keep", action="store_true", help="the figures, in benchmarks/results and docs")
    parser.add_argument("--as-session", choices=LAYOUTS, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def measured(root: Path, layout: Layout, pairs: int, options: argparse.Namespace) -> Cell:
    """Two processes with a memory of their own, which is empty at first."""
    with tempfile.TemporaryDirectory() as cache:
        first, second = (_session(root, layout, steps, options.memory_mib, cache) for steps in (0, options.steps))
    return Cell(layout=layout, pairs=pairs, first=first, second=second)


def _session(root: Path, layout: Layout, steps: int, memory_mib: int, cache: str) -> Session:
    words = ("--as-session", layout, "--folder", str(root), "--steps", str(steps), "--memory-mib", str(memory_mib))
    environment = {**os.environ, "COMPRESS_CACHE": cache}
    done = subprocess.run(
        [sys.executable, __file__, *words], stdout=subprocess.PIPE, check=True, text=True, env=environment
    )
    return Session.model_validate_json(done.stdout)


@contextmanager
def place(folder: Path | None) -> Iterator[Path]:
    """Where the sets lie."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def keep(found: BigDataFile, results: Path, page: Path) -> None:
    """Write the figures beside the others, and their table between the marks of the page."""
    found.write(results / FILE)
    before, _, rest = page.read_text(encoding="utf-8").partition(MARK)
    _, _, after = rest.partition(MARK)
    page.write_text(f"{before}{MARK}\n{table(found)}{MARK}{after}", encoding="utf-8")


def main(words: list[str]) -> int:
    """Measure, print, write."""
    options = settings(words)
    if options.as_session:
        from big_data_bench.session import session

        print(session(spec_of(options.folder, options.as_session, options.memory_mib), options.steps).text())
        return 0
    machine, before = fingerprint(), os.getloadavg()[0]
    cells = []
    with place(options.folder) as folder:
        for pairs in sorted(options.pairs):
            root = make_set(folder / str(pairs), pairs)
            for layout in LAYOUTS:
                cells.append(measured(root, layout, pairs, options))
                print(f"{pairs} pairs in {layout}: measured", file=sys.stderr, flush=True)
    found = BigDataFile(
        command=" ".join(("python benchmarks/big_data.py", *words)), commit=commit(),
        machine=f"{machine['cpu']}, {machine['cores']} cores", load_before=before, load_after=os.getloadavg()[0],
        side=SIDE, batch=16, memory_mib=options.memory_mib, cells=tuple(cells),
    )  # fmt: skip
    print(table(found))
    out = Path("artifacts/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    found.write(out / FILE)
    if options.keep:
        keep(found, ROOT / "benchmarks" / "results", ROOT / "docs" / "big-data.md")
    one_digest = all(len({cell.second.digest for cell in cells if cell.pairs == pairs}) == 1 for pairs in options.pairs)
    return 0 if one_digest and all(found.growth(layout) <= FLAT for layout in LAYOUTS) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
