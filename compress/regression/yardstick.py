"""Whether two measurements of quality are of the same thing: pictures, definition, and what they are compared with."""

from __future__ import annotations

from compress.records import QualityReport


def why_not_comparable(candidate: QualityReport, baseline: QualityReport) -> str:
    """Why their figures can't be set side by side; empty where they can."""
    if (candidate.fidelity is None) != (baseline.fidelity is None):
        named = candidate.fidelity or baseline.fidelity
        assert named is not None
        truth, other = ("the baseline", "the candidate") if candidate.fidelity else ("the candidate", "the baseline")
        return f"{truth} is measured against ground truth, {other} is {named.name}"
    if candidate.fidelity and baseline.fidelity and candidate.fidelity.to != baseline.fidelity.to:
        return f"the candidate is {candidate.fidelity.name}, the baseline {baseline.fidelity.name}"
    if (candidate.definition, candidate.data_digest) != (baseline.definition, baseline.data_digest):
        return "measured on other pictures, or by another definition"
    if candidate.fidelity and baseline.fidelity and candidate.fidelity.digest != baseline.fidelity.digest:
        return f"fidelity to different {candidate.fidelity.to}s"
    return ""
