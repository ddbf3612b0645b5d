"""Which picture is degraded how: not all that could be crossed, but every part of it equally often."""

from __future__ import annotations

import itertools
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
    """Round by round, with each picture once a round and by another seed, so that whatever was stopped has as many
    pictures as can be, and all seeds.

    Picture i is shrunk by kernel (i + 2 seed) mod 6, so that each kernel occurs equally often and each picture meets
    three of them; half of the pictures have the noise, at another seed the other half. In the first round every other
    picture is shrunk by the bicubic kernel as well, without noise, and ``ablated`` are enlarged without each term, too.
    """
    for turn, (number, picture) in itertools.product(range(len(seeds)), enumerate(pictures)):
        six, seed = number // len(KERNELS), seeds[(number // len(KERNELS) + turn) % len(seeds)]
        for scale in scales:
            kernel, noisy = (number + 2 * seed) % len(KERNELS), (number + six + seed) % 2 == 1
            more = ABLATIONS if turn == 0 and picture in ablated else ()
            yield Place(picture, scale, kernel, noise if noisy else 0.0, seed, METHODS + more)
            if turn == 0 and number % 2 == 0:
                yield Place(picture, scale, BICUBIC, 0.0, seed, BICUBIC_METHODS)
