"""Zero-shot super-resolution on photographs degraded by known kernels: bicubic, ZSSR, the known kernel, ours.

    python benchmarks/real_sr.py --root ../shared/data/sr
    python benchmarks/real_sr.py --root ../shared/data/sr --keep      # into benchmarks/results and docs/real-sr.md
    python benchmarks/real_sr.py --table                              # docs/real-sr.md of what lies in the results

Set5 and Set14 as ``ROOT/set5/hr`` and ``ROOT/set14/hr``, and the embedded photographs. Six anisotropic Gaussian
kernels, half of the pictures with noise, x2 and x4, three seeds. That is not crossed in full, which would take days:
``real_sr_bench/design.py`` says which picture meets which kernel, each equally often. What is given is 128 px a side at
most: of the truth the middle 256 px are taken at x2, 512 px at x4. Networks are trained for 400 / scale steps; settings
were chosen on three photographs of the vehicles' set, none of them in the table. "zssr" is the student alone as ZSSR
trains it, from bicubic pairs; "projected" is back-projection by the found kernel without a network; "undistilled" ours
without a teacher; "known kernel" is the student alone by the true kernel and noise, all that it adds: the upper bound.
PSNR and SSIM on RGB and on Y, without 2 x scale pixels of border. Each cell is written as it is done; a run that is
stopped goes on. Nothing is copied from ``ROOT``.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from itertools import zip_longest
from pathlib import Path

import numpy as np
from real_sr_bench.design import design
from real_sr_bench.measure import Picture, measure
from real_sr_bench.records import Place, RealSr
from real_sr_bench.table import markdown, write_page

from compress.data.embedded import embedded_files
from compress.data.pictures import read_picture
from compress.devices.runner.fingerprint import device_name
from compress.errors import DataError
from compress.schema import DataSpec

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "real_sr.json", HERE.parent / "docs" / "real-sr.md"
ABLATED = ("set5-003", "set5-005", "coffee", "chelsea")


def main() -> None:
    """Measure what is asked for and not there yet, and print the tables of all."""
    asked = _arguments()
    if asked.table:
        write_page(PAGE, markdown(RealSr.read(RESULTS)), "tables")
        return
    result = _begun(asked)
    end = time.monotonic() + 60 * asked.minutes
    pictures = _pictures(asked.root, asked.pictures)
    for place in design(tuple(pictures), asked.scales, asked.seeds, asked.noise, asked.ablate):
        if time.monotonic() > end:
            break
        truth = _cut(read_picture(pictures[place.picture]), place.scale * asked.given_px, 4 * place.scale)
        result = _measured(result, place, truth, asked.json)
    print(markdown(result))
    if asked.keep:
        result.write(RESULTS)
        write_page(PAGE, markdown(result), "tables")


def _begun(asked: argparse.Namespace) -> RealSr:
    """The file without cells, or with those that lie there."""
    result = RealSr(
        command=f"python benchmarks/real_sr.py {shlex.join(sys.argv[1:])}".strip(), machine=device_name(),
        steps=asked.steps, given_px=asked.given_px, cells=(),
    )  # fmt: skip
    if not asked.json.is_file():
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        return result
    before = RealSr.read(asked.json)
    if (before.steps, before.given_px) != (result.steps, result.given_px):
        raise SystemExit(f"{asked.json}: of other steps or sizes; name another file with --json")
    return result.model_copy(update={"cells": before.cells})


def _measured(result: RealSr, place: Place, truth: Picture, file: Path) -> RealSr:
    """With all methods of ``place``; ``file`` is written after each."""
    for method in place.methods:
        if result.has(place, method):
            continue
        try:
            cell = measure(
                place.picture, truth, place.scale, place.kernel, place.noise, place.seed, method,
                result.steps // place.scale,
            )  # fmt: skip
        except DataError as error:
            print(f"{place.picture} x{place.scale}: left out by {method}: {error}", flush=True)
            continue
        result = result.model_copy(update={"cells": (*result.cells, cell)})
        result.write(file)
        print(f"{place.picture} x{place.scale} kernel {place.kernel} noise {place.noise:g} seed {place.seed} "
              f"{method}: {cell.score.psnr_db:.2f} dB, {cell.wall_s:.0f} s", flush=True)  # fmt: skip
    return result


def _pictures(root: Path | None, wanted: list[str]) -> dict[str, Path]:
    """By name, like set5-003 or coffee; those wanted, else all: Set5, then Set14 and the embedded ones in turn, so that
    a run that is stopped has some of each."""
    found, others = _of_set(root, "set5"), _of_set(root, "set14").items()
    own = embedded_files(DataSpec(licence="each its own", kind="embedded")).items()
    found |= dict(each for both in zip_longest(others, own) for each in both if each is not None)
    unknown = set(wanted) - set(found)
    if unknown:
        raise SystemExit(f"--pictures: no {', '.join(sorted(unknown))}; there are: {', '.join(found)}")
    return {name: path for name, path in found.items() if not wanted or name in wanted}


def _of_set(root: Path | None, part: str) -> dict[str, Path]:
    paths = sorted(root.glob(f"{part}/hr/*.png")) if root else []
    return {f"{part}-{path.stem}": path for path in paths}


def _cut(picture: Picture, largest_px: int, multiple: int) -> Picture:
    """Its middle, of at most ``largest_px`` a side, with sides that are multiples."""
    height, width = (min(side, largest_px) // multiple * multiple for side in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="folder with set5/hr and set14/hr; none: embedded photographs only")
    parser.add_argument("--pictures", nargs="*", default=[], help="names; none: all")
    parser.add_argument("--scales", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--noise", type=float, default=0.02, help="deviation, of half of the pictures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ablate", nargs="*", default=list(ABLATED), help="names; each term is left out of these")
    parser.add_argument("--steps", type=int, default=400, help="of each network, times the scale")
    parser.add_argument("--given-px", type=int, default=128, dest="given_px")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no other picture after so long")
    parser.add_argument("--json", type=Path, default=Path("artifacts/benchmarks/real_sr.json"))
    parser.add_argument("--keep", action="store_true", help="put figures and tables where they are committed")
    parser.add_argument("--table", action="store_true", help="only make the page's tables of the kept file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
