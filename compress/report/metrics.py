"""The metrics beside PSNR and SSIM: a table of their own, with what each means and why one has no figures."""

from __future__ import annotations

from compress.records import MetricFacts, QualityRow
from compress.report.rows import LABELS, Results, label_of
from compress.report.verdict import mean

NOT_MEASURED = "not measured"


def metric_headings(results: Results) -> tuple[str, ...]:
    """Of the table's columns; empty where no further metric was asked for."""
    facts = results.quality.metrics
    names = (f"{each.heading} {each.unit}".strip() for each in facts)
    return ("network", "through", *names) if facts else ()


def metric_rows(results: Results) -> tuple[tuple[str, ...], ...]:
    """A row for each that PSNR was measured of, in the order of the chain: the means over the test pictures."""
    rows = sorted(results.quality.rows, key=lambda row: tuple(LABELS).index(row.variant))
    return tuple(
        (label_of(row.variant, results.quality), "–" if row.runtime == "none" else row.runtime)
        + tuple(_cell(row, each) for each in results.quality.metrics)
        for row in rows
    )  # fmt: skip


def metric_notes(results: Results) -> tuple[str, ...]:
    """A line for each: direction, definition, library, and why there are no figures."""
    return tuple(_note(each) for each in results.quality.metrics)


def _note(facts: MetricFacts) -> str:
    toward = "higher is better" if facts.higher_is_better else "lower is better"
    weights = f", weights {facts.weights_sha256[:12]}" if facts.weights_sha256 else ""
    absent = f"; {NOT_MEASURED}: {facts.not_measured}" if facts.not_measured else ""
    return f"{facts.heading}: {toward}; {facts.definition}; by {facts.library}{weights}{absent}."


def _cell(row: QualityRow, facts: MetricFacts) -> str:
    values = row.values(facts.name)
    if not values:
        return NOT_MEASURED
    mark = "" if row.origin == "measured" else f" ({row.origin[:3]}.)"
    return f"{mean(values):.{facts.decimals}f}{mark}"
