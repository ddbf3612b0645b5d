"""Marks in a merge request: GitHub's workflow commands, and GitLab's code quality report.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions (error, warning),
https://docs.gitlab.com/ci/testing/code_quality (the report's JSON).
"""

from __future__ import annotations

import hashlib
import json

from compress.regression.ci import sentence
from compress.regression.records import Difference, RegressionReport

_COMMANDS = {"fail": "error", "incomplete": "warning"}
_SEVERITIES = {"fail": "critical", "incomplete": "major"}


def github(report: RegressionReport, file: str) -> str:
    """A line for each difference that does not pass, for the job's output; shown beside ``file``."""
    return "".join(
        f"::{_COMMANDS[each.result]} file={_property(file)},line=1,title={_property(f'compress gate: {each.name}')}::"
        f"{_data(sentence(each))}\n"
        for each in report.differences if each.result in _COMMANDS
    )  # fmt: skip


def gitlab(report: RegressionReport, file: str) -> str:
    """The same as a code quality report; an empty list where everything passes."""
    return (
        json.dumps([_issue(each, file) for each in report.differences if each.result in _SEVERITIES], indent=1) + "\n"
    )


def _issue(each: Difference, file: str) -> dict[str, object]:
    return {
        "description": f"{each.name}: {sentence(each)}",
        "check_name": "compress gate",
        "fingerprint": hashlib.sha256(f"compress gate {each.name} {each.result}".encode()).hexdigest(),
        "severity": _SEVERITIES[each.result],
        "location": {"path": file, "lines": {"begin": 1}},
    }


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
