"""A regression report for CI: JUnit XML that every CI server draws, and a Markdown summary for the merge request."""

from __future__ import annotations

from xml.etree import ElementTree

from compress.regression.interval import CONFIDENCE
from compress.regression.records import Difference, RegressionReport

_SIGNS = {"pass": "✅", "fail": "❌", "incomplete": "⚠️"}


def figures(each: Difference) -> tuple[str, str, str]:
    """Limit, difference and interval as text; a dash where there is no figure."""
    if each.figure is None:
        return "–", "–", "–"

    def text(value: float) -> str:
        if "slowdown" in each.name:
            return f"{value:+.1%}"
        return f"{value:+.3f} {each.unit}" if each.unit else f"{value:+.4f}"

    interval = "–" if each.low is None or each.high is None else f"{text(each.low)} to {text(each.high)}"
    if each.confidence != CONFIDENCE and interval != "–":
        interval += f" ({each.confidence:.2%})"
    return text(each.limit), text(each.figure), interval


def junit(report: RegressionReport) -> str:
    """One test case a difference: ``fail`` is a failure, ``incomplete`` an error, for it is no pass either."""
    counts = {kind: sum(each.result == kind for each in report.differences) for kind in ("fail", "incomplete")}
    suite = ElementTree.Element(
        "testsuite", name="compress gate", tests=str(len(report.differences)), failures=str(counts["fail"]),
        errors=str(counts["incomplete"]),
    )  # fmt: skip
    for each in report.differences:
        case = ElementTree.SubElement(suite, "testcase", classname="compress.gate", name=each.name)
        said = sentence(each)
        if each.result == "pass":
            ElementTree.SubElement(case, "system-out").text = said
        else:
            ElementTree.SubElement(case, "failure" if each.result == "fail" else "error", message=said)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def markdown(report: RegressionReport) -> str:
    """A heading with the verdict and a table of all differences."""
    lines = [
        f"## Gate: {_SIGNS[report.result]} {report.result}", "",
        f"`{report.candidate}` against `{report.baseline}`", "",
        "| what | limit | difference | interval (99 % or as said) | result | note |",
        "| --- | ---: | ---: | ---: | --- | --- |",
    ]  # fmt: skip
    for each in report.differences:
        cells = (each.name, *figures(each), f"{_SIGNS[each.result]} {each.result}", each.note)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    devices = timed_on(report)
    return "\n".join((*lines, *(("", *devices) if devices else ()))) + "\n"


def timed_on(report: RegressionReport) -> tuple[str, ...]:
    """A line for each device that builds were timed on; its whole fingerprint is in the JSON."""
    return tuple(dict.fromkeys(f"Timed on {each.device}." for each in report.sessions))


def sentence(each: Difference) -> str:
    """What was measured and what is said of it, in a line."""
    limit, figure, interval = figures(each)
    measured = f"{figure} ({interval}), limit {limit}" if each.figure is not None else "nothing compared"
    return f"{measured}; {each.note}" if each.note else measured
