"""Zero-shot super-resolution on photographs degraded by known kernels: bicubic, ZSSR, the known kernel, ours.

    python benchmarks/real_sr.py --root ../shared/data/sr --scales 2 4 --seeds 0 1 2

Set5 and Set14 as ``ROOT/set5/hr`` and ``ROOT/set14/hr``, and the embedded photographs. Six anisotropic Gaussian kernels
and the bicubic one, with and without noise. "zssr" is our student alone, trained on bicubic pairs; "known kernel" the
same on pairs by the true kernel; "undistilled" ours without a teacher. PSNR and SSIM on RGB and on Y, without 2 x scale
pixels of border. Each cell is written as it is done; a run that is stopped goes on. Nothing is copied from ``ROOT``.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
from real_sr_bench.measure import BICUBIC, KERNELS, Picture, measure
from real_sr_bench.records import RealSr
from real_sr_bench.table import METHODS, table

from compress.data.embedded import embedded_files
from compress.data.pictures import read_picture
from compress.errors import DataError
from compress.schema import DataSpec
from compress.store.sources import git_commit

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Measure what is asked for and not there yet, and print the table of all."""
    asked = _arguments()
    result = RealSr(commit=git_commit(HERE) or "unknown", steps=asked.steps, largest_px=asked.largest_px, cells=())
    if asked.json.is_file():
        before = RealSr.read(asked.json)
        if (before.steps, before.largest_px) != (result.steps, result.largest_px):
            raise SystemExit(f"{asked.json}: of {before.steps} steps and {before.largest_px} px; name another file")
        result = result.model_copy(update={"cells": before.cells})
    end = time.monotonic() + 60 * asked.minutes
    numbers = asked.kernels if asked.kernels else (*range(len(KERNELS)), BICUBIC)
    pictures = _pictures(asked.root, asked.pictures)
    for seed, number, scale, noise, name in itertools.product(
        asked.seeds, numbers, asked.scales, asked.noises, pictures
    ):  # fmt: skip
        for method in asked.methods:
            if time.monotonic() > end:
                break
            if result.has((name, scale, number, noise, seed, method)):
                continue
            truth = _cut(read_picture(pictures[name]), asked.largest_px, 4 * scale)
            try:
                cell = measure(name, truth, scale, number, noise, seed, method, asked.steps)
            except DataError as error:
                print(f"{name} x{scale}: left out by {method}: {error}", flush=True)
                continue
            result = result.model_copy(update={"cells": (*result.cells, cell)})
            result.write(asked.json)
            print(f"{name} x{scale} kernel {number} noise {noise:g} seed {seed} {method}: {cell.score.psnr_db:.2f} dB, "
                  f"{cell.wall_s:.0f} s", flush=True)  # fmt: skip
    print(table(result))


def _pictures(root: Path | None, wanted: list[str]) -> dict[str, Path]:
    """By name, like set5-003 or coffee; those wanted, else all."""
    found = dict(embedded_files(DataSpec(licence="each its own", kind="embedded")))
    for part in ("set5", "set14") if root else ():
        found |= {f"{part}-{path.stem}": path for path in sorted((root or Path()).glob(f"{part}/hr/*.png"))}
    unknown = set(wanted) - set(found)
    if unknown:
        raise SystemExit(f"--pictures: no {', '.join(sorted(unknown))}; there are: {', '.join(found)}")
    return {name: path for name, path in found.items() if not wanted or name in wanted}


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
    parser.add_argument("--kernels", type=int, nargs="*", default=[], help=f"0 to {len(KERNELS) - 1}; -1: bicubic")
    parser.add_argument("--noises", type=float, nargs="+", default=[0.0, 0.02])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--largest-px", type=int, default=512, dest="largest_px")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin nothing new after so long")
    parser.add_argument("--json", type=Path, default=HERE / "results" / "real_sr.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
