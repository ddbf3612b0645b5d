"""Whether two clean checkouts make the same bundle of the same inputs, byte for byte.

The commit at hand is cloned twice, into folders of different names, each with a store of its own, and ``recipe=tiny``
runs in both. Times are measured anew in each, so the bundles may differ where times stand, and nowhere else; this is
the first table. Then the second checkout is given the first one's measurements (the sealed artefact of ``validate``),
judges and packages again: now the inputs are the same, and every file but the signatures has to be. Both folders are
then packed, and the tars compared too. Exit code 1 where a byte differs that should not.
``python benchmarks/two_checkouts.py [--words target=x86_edge ...] [--keep FOLDER]``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = ("recipe=tiny", "target=x86_edge", "data.size=[64,96]", "data.copies=2", "target.export.size=[64,96]")
SIGNATURES = {"manifest.sig", "model.sig"}
REPEATABLE = ("teacher", "distill", "prune", "quantize", "export")
TIMED = {
    "report/speed.json", "report/verdict.json", "report/report.md", "report/report.html",
    "provenance.json", "README.md", "SHA256SUMS", "manifest.json", *SIGNATURES,
}  # fmt: skip
"""Where a measured time shows, or the digest of a file in which it does, or the verdict on it."""


class Checkout:
    """A clone of the commit at hand, with a store of its own; the signing key is the caller's."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder)], check=True)

    def run(self, words: tuple[str, ...]) -> Path:
        """Run the chain; gives the bundle."""
        self.command("run", *words, accepted=(0, 1, 3))
        (bundle,) = (self.folder / "artifacts" / "store").glob("package-*/bundle")
        return bundle

    def command(self, *words: str, accepted: tuple[int, ...] = (0,)) -> None:
        environment = {
            **os.environ, "PYTHONPATH": str(self.folder), "COMPRESS_HOME": str(self.home),
            "COMPRESS_CACHE": str(self.folder / "cache"),
        }  # fmt: skip
        ended = subprocess.run(
            [sys.executable, "-m", "compress", *words], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        if ended.returncode not in accepted:
            sys.exit(f"compress {' '.join(words)} in {self.folder}: exit code {ended.returncode}\n{ended.stderr}")

    def artefact(self, stage: str) -> Path:
        (found,) = (self.folder / "artifacts" / "store").glob(f"{stage}-*")
        return found


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file, by its path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file()
    }  # fmt: skip


def differences(one: Path, other: Path) -> set[str]:
    """Paths of files that are not the same in both, or not in both."""
    first, second = digests(one), digests(other)
    return {path for path in first.keys() | second.keys() if first.get(path) != second.get(path)}


def main() -> int:
    """Print both tables; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", nargs="+", default=WORDS)
    parser.add_argument("--keep", type=Path, help="leave the checkouts in this folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="two-checkouts-") as text:
        place = asked.keep or Path(text)
        place.mkdir(parents=True, exist_ok=True)
        one, other = (Checkout(place / name, place / "home") for name in ("one", "a-second-checkout"))
        return compare(one, other, tuple(asked.words))


def compare(one: Checkout, other: Checkout, words: tuple[str, ...]) -> int:
    """Run, compare, hand the measurements over, compare again."""
    first, second = one.run(words), other.run(words)
    early = {stage: digest_of(one, stage) == digest_of(other, stage) for stage in REPEATABLE}
    print("artefacts made twice: " + ", ".join(f"{stage} {'same' if ok else 'DIFFERS'}" for stage, ok in early.items()))
    apart = differences(first, second)
    print(f"own measurements: {len(digests(first))} files, {len(apart)} differ: {', '.join(sorted(apart))}")
    wrong = sorted(apart - TIMED) + [stage for stage, same in early.items() if not same]
    validated = other.artefact("validate")
    for stage in ("validate", "gate", "package"):
        shutil.rmtree(other.artefact(stage))
    shutil.copytree(one.artefact("validate"), validated)
    second = other.run(words)
    apart = differences(first, second)
    print(f"the same measurements: {len(digests(first))} files, {len(apart)} differ: {', '.join(sorted(apart)) or '-'}")
    wrong += sorted(apart - SIGNATURES)
    for checkout, bundle in ((one, first), (other, second)):
        for name in SIGNATURES if apart else ():
            (bundle / name).unlink(missing_ok=True)
        checkout.command("pack", str(bundle), "--output", str(checkout.folder / "bundle.tar"))
    tars = [hashlib.sha256((each.folder / "bundle.tar").read_bytes()).hexdigest() for each in (one, other)]
    print(f"as one file{', without signatures' if apart else ''}: {'same' if tars[0] == tars[1] else 'DIFFERS'}, "
          f"sha256 {tars[0]}")  # fmt: skip
    wrong += [] if tars[0] == tars[1] else ["bundle.tar"]
    print("result: " + (f"WRONG: {', '.join(wrong)}" if wrong else "the same inputs gave the same bytes"))
    return 1 if wrong else 0


def digest_of(checkout: Checkout, stage: str) -> str:
    """The digest that the store sealed the stage's artefact with."""
    return str(json.loads((checkout.artefact(stage) / "manifest.json").read_text(encoding="utf-8"))["digest"])


if __name__ == "__main__":
    sys.exit(main())
