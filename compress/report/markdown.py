"""The summary table in Markdown, for the README and the bundle."""

from __future__ import annotations

from compress.records import Check, VerdictRecord
from compress.report.backlight import BACKLIT_HEADINGS, TITLE, backlit_notes, backlit_rows
from compress.report.builds import absent_line, build_lines
from compress.report.metrics import metric_headings, metric_notes, metric_rows
from compress.report.reference import headings
from compress.report.rows import Results, cells, footnotes, gains, of_pictures, row_headings, summary_rows
from compress.report.sensitivity import markdown_rows, summary
from compress.report.slices import SLICE_HEADINGS, shipped_row, slice_rows


def markdown_table(results: Results) -> str:
    """The rows of ``summary_rows`` as a Markdown table, one line each, figures right-aligned."""
    names = row_headings(results.quality)
    lines = [_line(names), _line(["---", "---"] + ["---:"] * (len(names) - 2))]
    lines += [_line(cells(row)) for row in summary_rows(results)]
    return "\n".join(lines) + "\n"


def _line(texts: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in texts) + " |"


def check_cells(check: Check) -> tuple[str, ...]:
    """Budget, limit, measured, result, note of one check."""
    unit = f" {check.unit}" if check.unit else ""
    measured = "–" if check.measured is None else f"{check.measured:,.4g}{unit}"
    if check.measured is not None and (check.unit == "B" or check.measured == int(check.measured)):
        measured = f"{check.measured:,.0f}{unit}"
    if check.unit in ("dB", "ms", "FPS", "x") and check.measured is not None:
        measured = f"{check.measured:.3f}{unit}"
    origin = f"{check.origin}; " if check.origin else ""
    return check.name, f"{check.limit:,g}{unit}", measured, check.result, f"{origin}{check.note}".rstrip("; ")


CHECK_HEADINGS = ("budget", "limit", "figure", "result", "origin, note")


def markdown_report(title: str, results: Results, verdict: VerdictRecord) -> str:
    """A whole report: table, origins, what each step bought, the verdict with its checks, the builds."""
    parts = [f"# {title}\n", markdown_table(results), _bullets(footnotes(results))]
    parts += _metrics(results)
    bought = gains(results)
    if bought:
        parts.append("## What each step bought\n\n" + _bullets(bought))
    parts += _slices(results)
    if results.backlit:
        table = [_line(BACKLIT_HEADINGS), _line(["---", "---"] + ["---:"] * (len(BACKLIT_HEADINGS) - 2))]
        table += [_line(row) for row in backlit_rows(results.backlit)]
        parts += [f"## {TITLE}\n", "\n".join(table) + "\n", _bullets(backlit_notes(results.backlit))]
    if results.sensitivity:
        layers = "\n".join(markdown_rows(results.sensitivity))
        shown = f"![by layer](sensitivity.svg)\n\n{layers}\n" if results.sensitivity.rows else ""
        parts.append(f"## What int8 costs each layer\n\n{shown}")
        parts.append(_bullets(tuple(summary(results.sensitivity))))
    if results.kernel:
        parts.append("## The camera's kernel\n\n![taps, and how unsure they are](kernel.svg)\n")
        parts.append(_bullets((results.kernel.summary,)))
    parts.append(f"## Verdict: {verdict.result}\n")
    if verdict.checks:
        rows = [_line(CHECK_HEADINGS), _line(["---"] * len(CHECK_HEADINGS))]
        parts.append("\n".join([*rows, *(_line(check_cells(check)) for check in verdict.checks)]) + "\n")
    if verdict.reasons:
        parts.append(_bullets(verdict.reasons))
    parts += _builds(results)
    if results.speed.fingerprint:
        facts = [f"{name}: {value}" for name, value in sorted(results.speed.fingerprint.items())]
        parts.append(f"## Measured on {results.speed.device}\n\n" + _bullets(tuple(facts)))
    return "\n".join(parts)


def _metrics(results: Results) -> list[str]:
    """The metrics beside PSNR and SSIM; nothing where none was asked for."""
    headings = metric_headings(results)
    if not headings:
        return []
    table = [_line(headings), _line(["---", "---"] + ["---:"] * (len(headings) - 2))]
    table += [_line(row) for row in metric_rows(results)]
    title = "Other metrics" if of_pictures(results.quality) else "Metrics"
    return [f"## {title}\n", "\n".join(table) + "\n", _bullets(metric_notes(results))]


def _slices(results: Results) -> list[str]:
    """What ships, slice by slice; nothing where there are none."""
    shipped = shipped_row(results)
    if shipped is None:
        return []
    names = headings(results.quality, SLICE_HEADINGS)
    table = [_line(names), _line(["---"] + ["---:"] * (len(names) - 2) + ["---"])]
    table += [_line(cells) for cells in slice_rows(results.quality, shipped)]
    return [f"## By slice: INT8 through {shipped.runtime}\n", "\n".join(table) + "\n"]


def _builds(results: Results) -> list[str]:
    """What is known of each build; nothing where nothing is."""
    found = build_lines(results)
    absent = tuple(absent_line(each) for each in results.builds.not_built)
    if not found and not absent:
        return []
    parts = ["## The builds\n", *([_bullets(absent)] if absent else [])]
    return [*parts, *(f"### {title}\n\n{_bullets(lines)}" for title, lines in found)]


def _bullets(lines: tuple[str, ...]) -> str:
    return "".join(f"- {line}\n" for line in lines)
