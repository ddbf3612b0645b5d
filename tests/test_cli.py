"""The command as a user meets it: output, exit codes, and one line for each mistake."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from compress.cli import execute
from compress.commands.completion import complete
from compress.commands.show import plan_lines
from compress.config.load import load_plans
from compress.config.names import listing
from compress.config.yaml_loader import parse_yaml
from compress.console import PlainConsole, show_size, show_time
from compress.schema.section import WHOLE

TOY = ("recipe=toy", "target=box")
pytestmark = pytest.mark.usefixtures("workplace", "toy_stages")
Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command in this process."""
    code = execute(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_help_names_every_command(capsys: Capture) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f"\n  {name} " in out for name in ("run", "show", "recipes", "targets", "store", "verify", "keys"))


def test_version(capsys: Capture) -> None:
    from compress import __version__

    assert run(capsys, "--version") == (0, f"compress, version {__version__}\n", "")


def test_no_command_shows_help_and_is_an_error(capsys: Capture) -> None:
    code, out, err = run(capsys)
    assert (code, out) == (2, "")
    assert "Commands:" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("rnu",), "No such command 'rnu'. Did you mean 'run'?"),
        (("run", "--stroe", "x", *TOY), "No such option '--stroe'. Did you mean '--store'?"),
        (("store", "lst"), "No such command 'lst'."),
        (("store", "gc", "--keep-runs", "0"), "Invalid value for '--keep-runs'"),
        (("run", "recipe=ty", "target=box"), "no recipe 'ty'. Did you mean 'toy'?"),
        (("run", *TOY, "student.widht=24"), "student.widht: no such key. Did you mean 'student.width'?"),
        (("show", *TOY, "student.width=wide"), "student.width: should be an integer, not 'wide'"),
        (("verify", "nowhere", "--on", "soon"), "'soon' is no day such as 2027-11-22"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(capsys: Capture, arguments: tuple[str, ...], says: str) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert says in err
    assert err.count("\n") == 1


def test_control_characters_stay_inside_their_line(capsys: Capture) -> None:
    code, _, err = run(capsys, "run", "recipe=a\nerror: b\x1b[2J", "target=box")
    assert code == 2
    assert err.count("\n") == 1
    assert "a\\nerror: b\\x1b[2J" in err


def test_every_problem_has_its_line(capsys: Capture) -> None:
    code, _, err = run(capsys, "run", "recipe=ty", "target=bx", "student.widht=24")
    assert code == 2
    assert [line.split(":")[0] for line in err.splitlines()] == ["error"] * 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("target=box",), 0),
        (("target=board",), 3),
        (("target=box", "target.budget.min_fps=2000"), 1),
        (("target=box,board",), 3),
        (("target=board", "target.budget.min_fps=200,2000,10"), 1),
        (("target=box", "stages=[teacher,distill]"), 0),
    ],
)
def test_exit_code_is_the_worst_verdict(capsys: Capture, words: tuple[str, ...], expected: int) -> None:
    code, out, _ = run(capsys, "run", "recipe=toy", *words)
    assert code == expected
    assert out


def test_progress_goes_to_stderr_and_a_second_run_reuses(capsys: Capture, workplace: Path) -> None:
    _, _, first = run(capsys, "run", *TOY)
    assert [line.split(" done in ")[0] for line in first.splitlines()] == [
        "[1/3] teacher   ", "[2/3] distill   ", "[3/3] gate      ",
    ]  # fmt: skip
    _, _, second = run(capsys, "run", *TOY)
    assert second.count(" reused") == 3
    _, _, third = run(capsys, "run", *TOY, "target.budget.min_fps=11")
    assert third.count(" reused") == 2
    assert (workplace / "artifacts/store").is_dir()


def test_the_store_can_lie_elsewhere(capsys: Capture, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(capsys, "run", *TOY, "--store", "one")[0] == 0
    monkeypatch.setenv("COMPRESS_STORE", "two/deep")
    assert run(capsys, "run", *TOY)[0] == 0
    assert (workplace / "one").is_dir()
    assert (workplace / "two/deep").is_dir()
    assert not (workplace / "artifacts/store").exists()


def test_a_mistake_in_a_sweep_leaves_no_trace(capsys: Capture, workplace: Path) -> None:
    assert run(capsys, "run", *TOY, "student.width=16,wide")[0] == 2
    assert not (workplace / "artifacts").exists()


def test_a_plan_that_cannot_go_on_does_not_keep_the_others_from_it(capsys: Capture) -> None:
    code, out, err = run(capsys, "run", *TOY, "student.width=16,668,24", "target.budget.min_fps=2000")
    assert code == 2 and out.count("Verdict: fail") == 2
    assert err.splitlines()[-1] == "error: plan 2 of 3: toy on box: no such width can be built"


def test_show_changes_nothing_and_tells_origins_and_cache(capsys: Capture, workplace: Path) -> None:
    code, out, _ = run(capsys, "show", *TOY, "student.width=24")
    assert code == 0
    assert not (workplace / "artifacts").exists()
    lines = {line.split("#")[0].strip(): line.rpartition("# ")[2] for line in out.splitlines()}
    assert lines["width: 24"] == "command line"
    assert lines["lr: 0.0003"] == "recipes/toy.yaml"
    assert lines["light_width: 10"] == "default"
    assert "teacher    to run, cost unknown, it never ran here" in out
    run(capsys, "run", *TOY)
    _, out, _ = run(capsys, "show", *TOY, "student.width=24")
    assert "teacher    cached, took" in out
    assert "distill    to run, cost 0" in out
    assert "gate       to run after the stage before it, cost 0" in out
    assert re.search(r"to do: 2 of 3 stages: about 0.* of memory \(.* free\), .* on disk \(.* free\)", out)


def test_shown_plan_reads_back_as_the_plan() -> None:
    (plan,) = load_plans((*TOY, "data.description='on: 1 # ü \U00010000 \"quoted\"'", "target.device.host=null"))
    shown = parse_yaml("\n".join(plan_lines(plan)), "show")
    whole = {"recipe": plan.recipe, "target": plan.target, "data": plan.data}
    assert shown == {name: model.model_dump(mode="json", context=WHOLE) for name, model in whole.items()}


@pytest.mark.parametrize("command", ["recipes", "targets"])
def test_lists_name_description_file_and_command(capsys: Capture, command: str) -> None:
    code, out, err = run(capsys, command)
    assert (code, err) == (0, "")
    names = listing("recipes" if command == "recipes" else "targets")
    assert all(f"{name} " in out for name in names)
    name = "toy" if command == "recipes" else "box"
    entry = next(block for block in out.split("\n\n") if block.startswith(name))
    assert f"{command}/{name}.yaml" in entry
    assert "compress run recipe=toy target=box" in entry or f"target={name}" in entry


def test_a_command_over_two_lines_is_shown_on_one(capsys: Capture, workplace: Path) -> None:
    head = "# A note.\n#   compress run recipe=two target=box \\\n#     data.size=[64,96]\n# Another note.\n"
    (workplace / "recipes/two.yaml").write_text(head + "stages: [teacher]\n")
    assert "compress run recipe=two target=box data.size=[64,96]\n" in run(capsys, "recipes")[1]


def test_a_broken_file_is_listed_with_its_fault(capsys: Capture, workplace: Path) -> None:
    (workplace / "targets/bad.yaml").write_text("descripton: x\n")
    code, out, _ = run(capsys, "targets")
    assert code == 0
    assert "bad    " in out.replace("bad     ", "bad    ")
    assert "can't be used: target.descripton: no such key. Did you mean 'target.description'?" in out


def test_store_commands(capsys: Capture, workplace: Path) -> None:
    run(capsys, "run", *TOY)
    code, out, err = run(capsys, "store", "ls")
    assert code == 0
    assert sorted(line.split()[0] for line in out.splitlines()) == ["distill", "gate", "teacher"]
    assert err.startswith("3 artefacts, ")
    assert run(capsys, "store", "verify") == (0, "3 artefacts, all as they were sealed\n", "")
    assert run(capsys, "store", "gc")[0] == 0
    (weights,) = (workplace / "artifacts/store").glob("teacher-*/net.safetensors")
    weights.write_bytes(b"changed")
    code, _, err = run(capsys, "store", "verify")
    assert code == 2
    assert "net.safetensors" in err
    code, _, err = run(capsys, "run", *TOY)
    assert code == 2
    assert "net.safetensors" in err
    assert err.splitlines()[-1].startswith("error: ")


def test_a_disk_that_fails_elsewhere_is_no_bug(toy_stages: None, capsys: Capture) -> None:
    code, _, err = run(capsys, "run", *TOY, "student.width=669")
    line = err.splitlines()[-1]
    assert code == 2 and line.startswith("error: /tmp/tmpfolder: Read-only file system; ") and "TMPDIR" in line


def test_a_bug_is_one_line_with_a_crash_log(capsys: Capture) -> None:
    code, _, err = run(capsys, "run", *TOY, "student.width=666")
    assert code == 70
    line = err.splitlines()[-1]
    assert "Traceback" not in err
    assert line.startswith("error: this is a bug in compress (RuntimeError: a bug on two lines); the details are in ")
    log = Path(line.rpartition(" ")[2])
    text = log.read_text(encoding="utf-8")
    log.unlink()
    assert "Traceback" in text
    assert "student.width=666" in text


def test_debug_shows_the_traceback(capsys: Capture) -> None:
    _, _, err = run(capsys, "run", *TOY, "student.widht=6", "--debug")
    assert "Traceback" in err


def test_ctrl_c_says_that_the_run_goes_on(capsys: Capture) -> None:
    code, _, err = run(capsys, "run", *TOY, "student.width=667")
    assert code == 130
    assert err.endswith("stopped; the same command goes on from here\n")
    assert "Traceback" not in err
    assert " reused" in run(capsys, "run", *TOY)[2]


@pytest.mark.parametrize(
    ("before", "incomplete", "expected"),
    [
        ((), "student.dep", ["student.depth="]),
        ((), "student.sou", [f"student.source.{key}=" for key in ("network", "weights", "entry", "prefix", "trust")]),
        ((), "rec", ["recipe="]),
        ((), "target=bo", ["target=board", "target=box"]),
        ((), "target=box,bo", ["target=box,board"]),
        (("target", "="), "rk35", ["rk3566", "rk3576", "rk3588"]),
        (
            ("target",),
            "=",
            [
                "board",
                "box",
                "imx8mp",
                "jetson",
                "rk3566",
                "rk3576",
                "rk3588",
                "rv1106",
                "rv1126b",
                "x86_bf16",
                "x86_edge",
            ],
        ),  # fmt: skip
        (("recipe=toy", "target", "="), "bo", ["board", "box"]),
        (("recipe", "=", "toy", "target", "="), "box", ["box"]),
        ((), "distill.control=", ["distill.control=true", "distill.control=false"]),
        (("target.device.kind", "="), "s", ["ssh"]),
        ((), "student.width=", []),
        ((), "nothing.here=", []),
    ],
)
def test_completion(before: tuple[str, ...], incomplete: str, expected: list[str]) -> None:
    assert complete(before, incomplete) == expected


@pytest.mark.parametrize(("words", "index"), [("compress run target = bo", 4), ("compress run target=bo", 2)])
def test_completion_through_the_shell_protocol(words: str, index: int, workplace: Path) -> None:
    done = command_line(env={"COMP_WORDS": words, "COMP_CWORD": str(index), "_COMPRESS_COMPLETE": "bash_complete"})
    found = [line.partition(",")[2] for line in done.stdout.splitlines()]
    assert found in (["board", "box"], ["target=board", "target=box"])
    assert found[0].startswith("target=") == ("=b" in words)


def command_line(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The real command in a process of its own."""
    root = Path(__file__).resolve().parent.parent
    whole = {**os.environ, "PYTHONPATH": str(root), "PYTHONWARNINGS": "error", **(env or {})}
    code = "import sys; sys.argv[0] = 'compress'; from compress.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=whole, timeout=120, check=False
    )


def test_a_real_process_ends_with_the_exit_code() -> None:
    done = command_line("run", "recipe=ty", "target=box")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no recipe 'ty'. Did you mean 'toy'?")
    assert done.stderr.count("\n") == 1


def test_a_closed_pipe_is_no_error() -> None:
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m compress targets | head -c 1"],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("store", "--help")])
def test_help_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    done = command_line(*arguments, env={"PYTHONPROFILEIMPORTTIME": "1"})
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert "click" in imported
    assert not imported & {"torch", "numpy", "pydantic", "rich", "yaml", "nncf", "openvino", "onnx", "skimage", "PIL"}


def test_plain_progress_comes_now_and_then_with_the_time_left() -> None:
    now, lines = [0.0], []
    progress = PlainConsole(lines.append, lambda: now[0]).started("distill", 2, 8)
    for second in range(41):
        now[0] = float(second)
        progress.update(50 + second, 100, "loss 0.1")  # resumed half way
    assert lines == [
        "[2/8] distill     55 %, 45 s left  loss 0.1",
        "[2/8] distill     70 %, 30 s left  loss 0.1",
        "[2/8] distill     85 %, 15 s left  loss 0.1",
    ]


def test_times_and_sizes_are_readable() -> None:
    assert [show_time(s) for s in (0.04, 9.9, 9.97, 59.4, 61, 3599.6, 7500)] == [
        "0.0 s", "9.9 s", "10 s", "59 s", "1 min 1 s", "1 h 0 min", "2 h 5 min",
    ]  # fmt: skip
    assert [show_size(n) for n in (0, 999, 1000, 12_345, 4_000_000)] == ["0 B", "999 B", "1.0 KB", "12.3 KB", "4.0 MB"]


def test_verdict_is_also_in_the_store_as_json(capsys: Capture, workplace: Path) -> None:
    run(capsys, "run", *TOY)
    (verdict,) = (workplace / "artifacts/store").glob("gate-*/verdict.json")
    assert json.loads(verdict.read_text())["result"] == "pass"
