"""The story that docs/ci tells, by the commands of its own workflow: accepted, worse, red, mended, green."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from compress.cli import execute

WORKFLOW = Path(__file__).resolve().parents[2] / "docs" / "ci" / "github.yml"
TRAINED = "distill.train.phases=[{epochs: 30, batch: 4, downscale: 2}]"
TOO_FAST = "distill.train.lr=0.1"
SMALL = ["data.size=[64,96]", "data.copies=2", "target.export.size=[64,96]", "target.export.dynamic=false"]
SMALL += ["validation.max_images=16"]  # of two pictures, no mean says anything


def _steps() -> dict[str, list[str]]:
    """The workflow's ``compress`` commands by name, as words after ``compress``."""
    steps = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["gate"]["steps"]
    commands = {step["name"]: shlex.split(step["run"]) for step in steps if "run" in step}
    assert all(words[0] == "compress" for name, words in commands.items() if name != "summary")
    return {name: words[1:] for name, words in commands.items() if name != "summary"}


def _gitlab_steps() -> list[list[str]]:
    script = yaml.safe_load((WORKFLOW.parent / "gitlab.yml").read_text(encoding="utf-8"))["compress"]["script"]
    return [shlex.split(line)[1:] for line in script]


def test_the_guide_shows_the_workflows_own_commands() -> None:
    guide = (WORKFLOW.parent / "README.md").read_text(encoding="utf-8")
    shown = [shlex.split(line, comments=True)[1:] for line in re.findall(r"^compress .*$", guide, re.MULTILINE)]
    assert all(words in shown for words in (*_steps().values(), *_gitlab_steps()))


def test_a_worse_student_is_stopped_and_a_mended_one_goes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "keys"))
    build, gate = (_steps()[name] for name in ("build", "gate"))
    # Tiny nets miss budgets of x86_edge: here only what was better before is looked at.
    assert execute([*build, *SMALL, TRAINED]) in (0, 1)
    (made,) = Path("artifacts/store").glob("package-*/bundle")
    shutil.copytree(made, "accepted")
    assert execute(["baseline", "set", "accepted"]) == 0
    verdict = _gate(gate)
    assert verdict["int8 through openvino, PSNR"] == "pass"
    assert execute([*build, *SMALL, TRAINED, TOO_FAST]) in (0, 1)  # the change
    capsys.readouterr()
    red = _gate(gate)
    assert red["int8 through openvino, PSNR"] == "failure"
    shown = capsys.readouterr().out
    assert re.search(r"lost most: \S+ -\d", shown)  # by name
    title = "compress gate%3A int8 through openvino%2C PSNR"
    assert f"::error file=compress-baseline.json,line=1,title={title}::" in shown
    build_too, gitlab = _gitlab_steps()
    again = _gate(gitlab)  # speeds are timed anew, so only quality must be the same
    assert build_too == build and {n: k for n, k in again.items() if "PSNR" in n} == {
        n: k for n, k in red.items() if "PSNR" in n
    }
    issues = json.loads(Path("gate-quality.json").read_text(encoding="utf-8"))
    critical = [issue for issue in issues if issue["severity"] == "critical"]
    assert len(critical) == sum(kind == "failure" for kind in again.values())
    summary = Path("gate.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((\S+/report/looks/\S+)\)", summary)
    assert summary.startswith("## Gate: ❌ fail") and links and all(Path(link).is_file() for link in links)
    assert Path("gate.html").read_text(encoding="utf-8").count("data:image/png") >= 7  # crops of both
    assert execute([*build, *SMALL, TRAINED]) in (0, 1)  # the fix
    green = _gate(gate)
    assert green["int8 through openvino, PSNR"] == "pass" and green == verdict


def _gate(words: list[str]) -> dict[str, str]:
    """What the JUnit file says of each difference; the exit code must be the same verdict."""
    code = execute(words)
    suite = ElementTree.parse("gate.xml").getroot()
    found = {
        str(case.get("name")): next((kind for kind in ("failure", "error") if case.find(kind) is not None), "pass")
        for case in suite
    }
    assert code == (1 if "failure" in found.values() else 3 if "error" in found.values() else 0)
    return found
