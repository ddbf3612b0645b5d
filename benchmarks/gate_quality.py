"""How often ``compress gate`` calls equally good builds worse by quality, and what it catches, by number of pictures.

Simulated, the same every time. *Equal*: candidate and baseline could change places; a picture's PSNR differs by a
normal or a heavy-tailed (t with 3 degrees) draw of .16 dB (what two of our own runs differed by on LOL's 15 pictures
where they were alike) or 1.2 dB (where the student was trained otherwise); SSIM goes with it (correlation .8), a second
runtime differs from the first by .02 dB. All mean checks of both runtimes count: PSNR, SSIM, three slices. The limit
for single pictures does not: it says that a picture lost more than is allowed, whatever the others did.
``python benchmarks/gate_quality.py [--gates 2000]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from compress.records import QualityReport, QualityRow, RuntimeName, Slice
from compress.regression.judge import judge_quality
from compress.regression.records import Allowance

COUNTS = (8, 15, 50)
CAUGHT = 200
RUNTIMES: tuple[RuntimeName, ...] = ("onnx", "openvino")
Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]


def report(psnr: tuple[Values, ...], ssim: Values) -> QualityReport:
    """One row a runtime, and thirds."""
    names = tuple(f"{number:03d}" for number in range(len(ssim)))
    rows = tuple(
        QualityRow(
            variant="int8", runtime=runtime, psnr_db=tuple(values.tolist()), ssim=tuple(ssim.tolist()),
            psnr_gtmean_db=(),
        )
        for runtime, values in zip(RUNTIMES, psnr, strict=True)
    )  # fmt: skip
    thirds = tuple(
        Slice(name=name, rule="third", images=names[place::3]) for place, name in enumerate(("dark", "mid", "bright"))
    )
    return QualityReport(
        definition="", decoder="", data_digest="", data_kind="paired", images=names, rows=rows, slices=thirds
    )


def worse(psnr: tuple[Values, ...], ssim: Values) -> bool:
    """Whether any mean fails against a baseline of 20 dB and .8."""
    flat = np.full(len(ssim), 20.0)
    candidate, baseline = report(psnr, 0.8 + ssim), report((flat, flat), np.full(len(ssim), 0.8))
    found = [each for name in RUNTIMES for each in judge_quality(candidate, baseline, name, Allowance())]
    return any(each.result == "fail" for each in found if "lost most" not in each.name)


def equal(draw: Draw, scatter_db: float) -> Callable[[np.random.Generator, int], bool]:
    """A gate of equally good builds."""

    def gate(rng: np.random.Generator, count: int) -> bool:
        shared = draw(rng, count)
        ssim = 0.01 * scatter_db * (0.8 * shared + 0.6 * draw(rng, count))
        first = 20 + scatter_db * shared
        return worse((first, first + 0.02 * rng.standard_normal(count)), ssim)

    return gate


def lost(each_db: float, share: float, noise_db: float) -> Callable[[np.random.Generator, int], bool]:
    """A gate of a build that lost ``each_db`` on a ``share`` of the pictures, drawn anew each time."""

    def gate(rng: np.random.Generator, count: int) -> bool:
        losers = rng.permutation(count) < round(share * count)
        psnr = 20 - each_db * losers + noise_db * rng.standard_normal(count)
        return worse((psnr, psnr), np.zeros(count))

    return gate


def normal(rng: np.random.Generator, count: int) -> Values:
    """Deviation 1."""
    return rng.standard_normal(count)


def heavy(rng: np.random.Generator, count: int) -> Values:
    """Deviation 1."""
    return rng.standard_t(3, count) / 3**0.5


KINDS = {
    "equal, normal, .16 dB": equal(normal, 0.16),
    "equal, normal, 1.2 dB": equal(normal, 1.2),
    "equal, heavy tails, .16 dB": equal(heavy, 0.16),
    "equal, heavy tails, 1.2 dB": equal(heavy, 1.2),
    ".1 dB lost on half": lost(0.1, 0.5, 0.0),
    ".1 dB lost on half, .03 dB of noise": lost(0.1, 0.5, 0.03),
    "1e-4 dB lost on all": lost(1e-4, 1.0, 0.0),
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gates", type=int, default=2000)
    gates = parser.parse_args().gates
    print(
        f"share of {gates} simulated gates ({CAUGHT} of builds that differ) that call the candidate worse, by pictures"
    )
    print(f"{'pictures':<38}" + "".join(f"{count:>8}" for count in COUNTS))
    for name, gate in KINDS.items():
        drawn = gates if name.startswith("equal") else min(gates, CAUGHT)
        shares = (sum(gate(np.random.default_rng([seed, n]), n) for seed in range(drawn)) / drawn for n in COUNTS)
        print(f"{name:<38}" + "".join(f"{share:>8.1%}" for share in shares))


if __name__ == "__main__":
    main()
