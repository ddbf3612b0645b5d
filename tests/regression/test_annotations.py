"""Annotations: GitHub's commands keep to a line whatever a name holds, GitLab's list has what it asks for."""

from __future__ import annotations

import json

from compress.regression.annotations import github, gitlab
from compress.regression.records import Difference, RegressionReport

FAILS = Difference(name="a: b, c\n", unit="dB", limit=-0.005, figure=-0.5, low=-0.6, high=-0.4, result="fail",
                   note="100 % of 7.png\nlost")  # fmt: skip
LACKS = Difference(name="slowdown", unit="", limit=0.1, figure=None, result="incomplete", note="gone")
PASSES = LACKS.model_copy(update={"result": "pass", "figure": 0.0})
REPORT = RegressionReport(candidate="new", baseline="old", result="fail", differences=(FAILS, PASSES, LACKS))


def test_github_gets_a_line_for_each_that_does_not_pass() -> None:
    first, second = github(REPORT, "a,b.json").splitlines()
    assert first == (
        "::error file=a%2Cb.json,line=1,title=compress gate%3A a%3A b%2C c%0A::"
        "-0.500 dB (-0.600 dB to -0.400 dB), limit -0.005 dB; 100 %25 of 7.png%0Alost"
    )
    assert second == "::warning file=a%2Cb.json,line=1,title=compress gate%3A slowdown::nothing compared; gone"


def test_gitlab_gets_a_code_quality_report() -> None:
    issues = json.loads(gitlab(REPORT, "compress-baseline.json"))
    assert [issue["severity"] for issue in issues] == ["critical", "major"]
    for issue, each in zip(issues, (FAILS, LACKS), strict=True):
        assert issue["description"].startswith(f"{each.name}: ") and issue["check_name"] == "compress gate"
        assert issue["location"] == {"path": "compress-baseline.json", "lines": {"begin": 1}}
    assert len({issue["fingerprint"] for issue in issues}) == 2


def test_where_all_passes_there_is_nothing_to_mark() -> None:
    good = REPORT.model_copy(update={"result": "pass", "differences": (PASSES,)})
    assert github(good, "x") == "" and json.loads(gitlab(good, "x")) == []
