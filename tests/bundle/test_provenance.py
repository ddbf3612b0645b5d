"""What makes a bundle a draft, and what its provenance leaves out."""

from __future__ import annotations

import pytest

from compress.bundle.provenance import current_sources, draft_reasons, link_entries, stage_provenance
from compress.records import Check, VerdictRecord
from compress.stage import Link
from compress.stages import STAGES

PASS = VerdictRecord(result="pass", checks=())


def link(stage: str, sources: str, wall_s: float = 1.0) -> Link:
    return Link(stage, "k" * 64, "d" * 64, sources, wall_s, {"torch": "2", "numpy": "1"}, None)


def sources(stage: str) -> str:
    return {"distill": "one", "gate": "two"}[stage]


def test_passed_and_unchanged_is_a_release() -> None:
    assert draft_reasons(PASS, (link("distill", "one"), link("gate", "two")), sources) == ()


@pytest.mark.parametrize("result", ["fail", "incomplete"])
def test_verdict_is_named_with_its_open_checks(result: str) -> None:
    checks = tuple(
        Check(name=name, limit=1, measured=None, unit="", origin=None, result=outcome)
        for name, outcome in (("min_fps", result), ("min_ssim", "pass"))
    )
    verdict = VerdictRecord(result=result, checks=checks, reasons=("tensorrt build wanted",))
    (reason,) = draft_reasons(verdict, (link("distill", "one"),), sources)
    assert result in reason and "min_fps" in reason and "min_ssim" not in reason and "tensorrt" in reason


def test_changed_or_foreign_code_is_named() -> None:
    reasons = draft_reasons(PASS, (link("distill", "old"), link("gate", "two"), link("mine", "x")), sources)
    assert len(reasons) == 2 and "distill" in reasons[0] and "mine" in reasons[1]


def test_unrecorded_chain_is_a_draft() -> None:
    assert draft_reasons(PASS, (), sources)


def test_current_sources_are_those_of_the_stages_module() -> None:
    assert "gate" in STAGES
    assert len(current_sources("gate")) == 64
    assert draft_reasons(PASS, (link("gate", current_sources("gate")),)) == ()
    assert draft_reasons(PASS, (link("gate", "0" * 64),))


def test_run_time_leaves_no_trace() -> None:
    fast, slow = (link("distill", "one", 1.0),), (link("distill", "one", 99.0),)
    assert stage_provenance(fast) == stage_provenance(slow)
    assert link_entries(fast) == link_entries(slow)
