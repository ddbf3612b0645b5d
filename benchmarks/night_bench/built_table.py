"""INT8 against float, runtime by runtime, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from low_light_bench.records import mean

from night_bench.records import Built, Run


def int8_rows(runs: Sequence[Run]) -> Iterator[str]:
    """Means over the seeds that have builds; the difference of mAP in points, with the worst seed's behind it."""
    with_builds = [run for run in runs if run.builds]
    yield f"INT8 against the float network, over {len(with_builds)} seed(s):\n"
    yield "| INT8 through | float mAP50 | INT8 mAP50 | points (worst seed) | float dB | INT8 dB | dB |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    names = {row.through: row.origin for run in with_builds for row in run.builds if row.variant == "int8"}
    for name, origin in names.items():
        pairs = [_pair(run.builds, name) for run in with_builds]
        before, after = (mean([pair[place].map50 for pair in pairs]) for place in (0, 1))
        points = [100 * (pair[1].map50 - pair[0].map50) for pair in pairs]
        dbs = [mean([mean(pair[place].psnr_db) for pair in pairs]) for place in (0, 1)]
        where = name if origin == "measured" else f"{name}, {origin}"
        yield (
            f"| {where} | {before:.3f} | {after:.3f} | {mean(points):+.2f} ({min(points):+.2f}) | {dbs[0]:.2f} | "
            f"{dbs[1]:.2f} | {dbs[1] - dbs[0]:+.2f} |"
        )


def _pair(builds: Sequence[Built], name: str) -> tuple[Built, Built]:
    """The float student, through the same runtime where that ran it, and the INT8 one."""
    floats = {row.through: row for row in builds if row.variant == "student"}
    before = floats.get(name) or next(iter(floats.values()))
    return before, next(row for row in builds if row.variant == "int8" and row.through == name)
