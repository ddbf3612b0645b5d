"""Which picture is degraded how: not all that could be crossed, but every part of it equally often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from real_sr_bench.measure import BICUBIC, KERNELS
from real_sr_bench.records import Method, Place

METHODS: tuple[Method, ...] = ("bicubic", "zssr", "projected", "undistilled", "ours", "known kernel")
BICUBIC_METHODS: tuple[Method, ...] = ("bicubic", "zssr", "ours")
ABLATIONS: tuple[Method, ...] = (
    "without taught", "without wanted", "without affinity", "without consistency", "without restored",
    "without variation", "without projections",
)  # fmt: skip


def design(
    pictures: Sequence[str], scales: Sequence[int], seeds: Sequence[int], noise: float, ablated: Sequence[str]
) -> Iterator[Place]:
    """Picture by picture, so that whatever was stopped has all scales and seeds of what it has.

    Picture i is shrunk by kernel (i + 2 seed) mod 6, so that each kernel occurs equally often and each picture meets
    three of them; half of the pictures have the noise, at another seed the other half. Every other picture is shrunk
    by the bicubic kernel as well, without noise, by the first seed. ``ablated`` are enlarged without each term, too, by
    the first seed.
    """
    for number, picture in enumerate(pictures):
        for seed, scale in ((seed, scale) for seed in seeds for scale in scales):
            kernel = (number + 2 * seed) % len(KERNELS)
            noisy = (number + number // len(KERNELS) + seed) % 2 == 1
            first = seed == seeds[0]
            more = ABLATIONS if first and picture in ablated else ()
            yield Place(picture, scale, kernel, noise if noisy else 0.0, seed, METHODS + more)
            if first and number % 2 == 0:
                yield Place(picture, scale, BICUBIC, 0.0, seed, BICUBIC_METHODS)
