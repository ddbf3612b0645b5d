"""Workers that answer, refuse, crash, hang and lose their parent: real processes, run by this Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import compress.toolchains.call as call
from compress.errors import BuildError, ToolchainError
from compress.records import Record
from compress.toolchains.call import Served, run_worker

ROOT = Path(__file__).resolve().parents[2]
Write = Callable[[str], str]


class Asked(Record):
    number: int
    folder: str = ""
    padding: str = ""


class Answered(Record):
    double: int
    place: str = ""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a worker's body; it has ``asked`` (the request) and ``answer(dict)``. Temporary files go below tmp_path."""
    scripts, temporary = tmp_path / "workers", tmp_path / "temporary"
    scripts.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(call, "WORKERS", scripts)
    monkeypatch.setattr(call, "python_of", lambda name: Path(sys.executable))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def write(body: str) -> str:
        head = """
            import json, os, signal, subprocess, sys, time
            asked = json.load(open(sys.argv[1]))
            def answer(told):
                with open(sys.argv[2], "w") as file: json.dump(told, file)
        """
        (scripts / "worker.py").write_text(textwrap.dedent(head) + textwrap.dedent(body), encoding="utf-8")
        return "worker"

    return write


def ask(worker: str, request: Asked, timeout_s: float = 60) -> Answered:
    return run_worker("rknn", worker, request, Answered, timeout_s)


def gone(pid: int, within_s: float = 10) -> bool:
    """Whether the process ends in time; a zombie has ended."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def written(path: Path, within_s: float = 30) -> int:
    """The number in a file that another process writes, once it is there."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if path.is_file() and path.read_text(encoding="ascii").strip():
            return int(path.read_text(encoding="ascii"))
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


CHILD = """
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with open(asked["folder"] + "/child.tmp", "w") as file: file.write(str(child.pid))
    os.rename(asked["folder"] + "/child.tmp", asked["folder"] + "/child")
"""


def test_a_worker_answers_and_leaves_nothing(worker: Write, tmp_path: Path) -> None:
    name = worker("""
        print("chatter of the SDK")
        open("dropped.onnx", "w").close()
        answer({"double": 2 * asked["number"], "place": os.getcwd()})
    """)
    answered = ask(name, Asked(number=21))
    assert answered.double == 42
    assert not Path(answered.place).exists()
    assert list((tmp_path / "temporary").iterdir()) == []


def test_what_an_ended_worker_left_running_is_killed(worker: Write, tmp_path: Path) -> None:
    name = worker(CHILD + "    answer({'double': 0})\n")
    ask(name, Asked(number=0, folder=str(tmp_path)))
    assert gone(written(tmp_path / "child"))


def test_a_refusal_is_its_text(worker: Write) -> None:
    with pytest.raises(BuildError, match=r"^toolchain rknn: no Resize by 1\.5$"):
        ask(worker("answer({'error': 'no Resize by 1.5\\n'})"), Asked(number=1))


def test_a_traceback_is_one_line_and_a_kept_log(worker: Write) -> None:
    with pytest.raises(BuildError) as caught:
        ask(worker("print('loading', flush=True)\nraise ValueError('bad scale')"), Asked(number=1))
    text = str(caught.value)
    assert text.count("\n") == 0
    assert "toolchain rknn: worker worker ended with exit code 1: " in text
    assert "ValueError: bad scale" in text
    kept = Path(text.rpartition("whole log: ")[2].rstrip(")"))
    assert kept.read_text(encoding="utf-8").startswith("loading\nTraceback")


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_crash_names_the_signal(worker: Write, name: str) -> None:
    body = f"print('I folding', flush=True)\nos.kill(os.getpid(), signal.{name})"
    with pytest.raises(BuildError, match=rf"was killed by {name}: I folding \(whole log"):
        ask(worker(body), Asked(number=1))


def test_a_hang_is_stopped_with_its_children(worker: Write, tmp_path: Path) -> None:
    name = worker(CHILD + "    time.sleep(600)\n")
    with pytest.raises(BuildError, match=r"was stopped after 3 s and said nothing"):
        ask(name, Asked(number=1, folder=str(tmp_path)), timeout_s=3)
    assert gone(written(tmp_path / "child"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pass", "ended without an answer and said nothing"),
        ("answer([1])", "answered with something else than Answered"),
        ("answer({'double': 'x'})", r"answered with something else than Answered \(double: "),
        ("answer({'double': 1, 'extra': 2})", r"\(extra: "),
        ("open(sys.argv[2], 'w').write('{')", "answered with something else than Answered"),
    ],
)
def test_no_answer_is_an_error(worker: Write, body: str, says: str) -> None:
    with pytest.raises(BuildError, match=says):
        ask(worker(body), Asked(number=1))


def test_no_environment_is_a_user_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESS_TOOLCHAINS", str(tmp_path))
    with pytest.raises(ToolchainError, match=r"toolchain rknn isn't set up in .*; run: compress setup rknn"):
        ask("worker", Asked(number=1))


PARENT = """
    import signal, sys, tempfile
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    from pathlib import Path
    sys.path[:0] = [{root!r}, {tests!r}]
    import compress.toolchains.call as call
    from test_call import Answered, Asked
    call.WORKERS, call.python_of = Path({scripts!r}), lambda name: Path(sys.executable)
    call.run_worker("rknn", "worker", Asked(number=1, folder={folder!r}), Answered, 600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_dead_parent_leaves_no_orphan(worker: Write, tmp_path: Path, number: signal.Signals) -> None:
    itself = "open(asked['folder'] + '/self', 'w').write(str(os.getpid()))\n"
    worker(itself + textwrap.dedent(CHILD) + "time.sleep(600)")
    code = textwrap.dedent(PARENT).format(
        root=str(ROOT), tests=str(Path(__file__).parent), scripts=str(tmp_path / "workers"), folder=str(tmp_path)
    )
    left = tmp_path / "left"
    left.mkdir()
    surroundings = {**os.environ, "TMPDIR": str(left)}
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL, env=surroundings)
    pids = written(tmp_path / "child"), written(tmp_path / "self")
    os.kill(parent.pid, number)
    parent.wait(30)
    assert all(gone(pid) for pid in pids)
    end = time.monotonic() + 10
    while list(left.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(left.iterdir()) == []


SERVING = """
    import json, os, signal, sys, time
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print("chatter", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        number = asked["number"]
        if number == 13: print(json.dumps({"error": "not thirteen"}), file=out)
        elif number == 99: time.sleep(600)
        elif number == 66: os.kill(os.getpid(), signal.SIGSEGV)
        elif number == 50: print("hello", file=out)
        elif number == 7: raise ValueError("seven")
        else: print(json.dumps({"double": 2 * number, "place": asked["padding"]}), file=out)
"""


@pytest.fixture
def server(worker: Write, tmp_path: Path) -> str:
    worker("")
    (tmp_path / "workers" / "worker.py").write_text(textwrap.dedent(SERVING), encoding="utf-8")
    return "worker"


def test_a_served_worker_answers_again_and_again(server: str) -> None:
    with Served("tflite", server) as served:
        folder = served.folder
        assert [served.ask(Asked(number=n), Answered, 60).double for n in (1, 2, 3)] == [2, 4, 6]
        with pytest.raises(BuildError, match="^toolchain tflite: not thirteen$"):
            served.ask(Asked(number=13), Answered, 60)
        long = "x" * 1_000_000  # more than a pipe holds
        assert served.ask(Asked(number=4, padding=long), Answered, 60) == Answered(double=8, place=long)
    assert not folder.exists()
    with pytest.raises(BuildError, match="was closed"):
        served.ask(Asked(number=1), Answered, 60)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (66, "was killed by SIGSEGV: chatter"),
        (7, "ended with exit code 1: .*ValueError: seven"),
        (99, "was stopped after 1 s: chatter"),
        (50, "answered with something else than Answered"),
    ],
)
def test_a_served_worker_that_fails_is_ended(server: str, number: int, says: str) -> None:
    with Served("tflite", server) as served:
        served.ask(Asked(number=1), Answered, 60)
        with pytest.raises(BuildError, match=says):
            served.ask(Asked(number=number), Answered, 1 if number == 99 else 60)
        with pytest.raises(BuildError, match="; open it again"):
            served.ask(Asked(number=1), Answered, 60)
        assert served._running.process.poll() is not None
