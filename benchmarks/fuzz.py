"""Feeds everything that reads what others wrote with spoilt input: only an error of our own may come out, and soon.

    python benchmarks/fuzz.py [MOUTH...] --inputs 10000 [--seed 0]

Each mouth runs in a process of its own under atheris (libFuzzer, led by the branches of the reading modules); one that
crashes, hangs for longer than ``--limit-s`` or lets a traceback out leaves its input in ``tests/findings/MOUTH/``,
where ``tests/benchmarks/test_fuzz.py`` feeds it again for ever. Prints a row a mouth; ends with 1 where there
is a finding.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from fuzz_bench.mouths import MOUTHS, ROOT, seeds_of

FINDINGS = ROOT / "tests" / "findings"
FEEDER = (sys.executable, str(Path(__file__).resolve()), "--feed")
"""What runs libFuzzer in a process of its own; the mouth and libFuzzer's words follow."""
MEMORY_MIB = 8192
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mouths", nargs="*", metavar="MOUTH", help=f"of {', '.join(MOUTHS)}; none: all")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit-s", type=int, default=20, help="for one input")
    parser.add_argument("--findings", type=Path, default=FINDINGS)
    return parser.parse_args(words)


def feed(name: str, words: list[str]) -> None:
    """Run libFuzzer in this process, for one mouth; does not come back."""
    import atheris

    mouth = MOUTHS[name]
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=list(mouth.imports)):
        mouth.swallow(b"")
    atheris.Setup([sys.argv[0], *words], mouth.swallow)
    atheris.Fuzz()


def campaign(name: str, options: argparse.Namespace) -> tuple[int, float, list[Path]]:
    """Inputs that were fed, seconds, and what was found."""
    place = options.findings / name
    place.mkdir(parents=True, exist_ok=True)
    before = set(place.iterdir())
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as text, seeds_of(MOUTHS[name]) as seeds:
        for number, seed in enumerate(seeds):
            (Path(text) / f"seed{number}").write_bytes(seed)
        words = [
            text, f"-runs={options.inputs}", f"-seed={options.seed}", f"-timeout={options.limit_s}",
            f"-artifact_prefix={place}/", f"-rss_limit_mb={MEMORY_MIB}", "-print_final_stats=1", "-max_len=524288",
        ]  # fmt: skip
        done = subprocess.run(
            [*FEEDER, name, *words],
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    found = sorted(set(place.iterdir()) - before)
    if done.returncode != 0:
        print(done.stderr[-6000:], file=sys.stderr)
        if not found:
            raise SystemExit(f"{name}: ended with {done.returncode} and left no input")
    if not any(place.iterdir()):
        place.rmdir()
    told = _RUNS.search(done.stderr)
    return int(told[1]) if told else 0, time.perf_counter() - began, found


def main(words: list[str]) -> int:
    """One row a mouth."""
    if words[:1] == ["--feed"]:  # this process is the one that is fed
        sys.path.insert(0, str(ROOT / "tests"))
        feed(words[1], words[2:])
    options = settings(words)
    sys.path.insert(0, str(ROOT / "tests"))
    findings = 0
    print("| read | inputs | seconds | findings |\n| --- | ---: | ---: | --- |")
    for name in options.mouths or MOUTHS:
        fed, seconds, found = campaign(name, options)
        findings += len(found)
        print(f"| {name} | {fed:,} | {seconds:.0f} | {', '.join(path.name for path in found) or 'none'} |", flush=True)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
