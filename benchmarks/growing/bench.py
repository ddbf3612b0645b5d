"""Run, write, keep: a file that is written after each row, and rows of earlier runs that stay beside the new ones.

Hours of training are spread over many runs, on machines that keep no store between them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from compress.errors import CompressError
from compress.records import Record
from growing.commit import ROOT

Found = TypeVar("Found", bound=Record)
Row = TypeVar("Row", bound=Record)

RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Bench(Generic[Found]):
    """One benchmark's file, ``name``.json.

    ``measured_on``: what two files must share for their rows to stand in one. ``joined``: the first with those rows of
    the second that it has none of. ``table``: as Markdown. ``plot``: as SVG, written beside it; None: nothing to draw.
    """

    name: str
    kind: type[Found]
    measured_on: Callable[[Found], tuple[object, ...]]
    joined: Callable[[Found, Found], Found]
    table: Callable[[Found], str]
    plot: Callable[[Found], str | None] = lambda _: None

    @property
    def file(self) -> str:
        return f"{self.name}.json"

    def write(self, found: Found, folder: Path) -> None:
        """The file and what is drawn of it."""
        folder.mkdir(parents=True, exist_ok=True)
        found.write(folder / self.file)
        if picture := self.plot(found):
            (folder / f"{self.name}.svg").write_text(picture, encoding="utf-8")

    def beside(self, found: Found, path: Path) -> Found:
        """``found`` with the rows of ``path`` that it has none of; as it is without such a file or with other
        pictures."""
        if not path.is_file():
            return found
        kept = self.kind.read(path)
        return self.joined(found, kept) if self.measured_on(kept) == self.measured_on(found) else found

    def keep(self, found: Found, results: Path = RESULTS) -> Found:
        """Put the run's rows beside those of ``results``, which stay; both together are given back."""
        whole = self.beside(found, results / self.file)
        self.write(whole, results)
        return whole

    def run(self, growing: Iterator[Found], options: argparse.Namespace, kept: Callable[[Found], None] | None) -> int:
        """Write each file of ``growing`` to ``options.out``, print the last, and keep it where that is asked for.

        ``kept``: is told what lies in the results then. Gives the exit code, 2 and more for a mistake.
        """
        options.out.mkdir(parents=True, exist_ok=True)
        found: Found | None = None
        try:
            for found in growing:
                self.write(found, options.out)
        except CompressError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        assert found is not None, "a benchmark without a file"
        print(self.table(found))
        if options.keep:
            whole = self.keep(found)
            if kept is not None:
                kept(whole)
        return 0


def joined_rows(kept: Iterable[Row], found: Iterable[Row], key: Callable[[Row], Hashable]) -> tuple[Row, ...]:
    """Rows of both in the order that they were made in; of one key, the one of ``found`` stands where the kept did."""
    return tuple({key(row): row for row in (*kept, *found)}.values())


def add_words(parser: argparse.ArgumentParser, seeds: list[int], more: list[str]) -> None:
    """The words that all such benchmarks take; ``seeds`` and ``more``: what is taken without them."""
    parser.add_argument("--seeds", nargs="+", type=int, default=seeds)
    parser.add_argument("--steps", type=int, help="of each training, at most")
    parser.add_argument("--with", nargs="*", default=more, dest="more", metavar="WORD", help="words for every chain")
    default = Path(os.environ.get("COMPRESS_STORE", "artifacts/store"))
    parser.add_argument("--store", type=Path, default=default, help="folder of the finished stages")
    parser.add_argument("--out", type=Path, default=Path("artifacts/benchmarks"))
    parser.add_argument("--keep", action="store_true", help="put the rows beside those that are committed")
