"""Environments really made, of one tiny wheel: made once, made anew, killed, raced for, and refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tiny_toolchain import TINY, Told, write_lock, write_wheel

from compress.errors import ToolchainError
from compress.records import Record
from compress.toolchains import call
from compress.toolchains.call import run_worker
from compress.toolchains.environment import MARKER, Ready, state
from compress.toolchains.lock import read_lock
from compress.toolchains.making import make
from compress.toolchains.pip import PipRun, lock_arguments, run_pip

ROOT = Path(__file__).resolve().parents[2]


class Nothing(Record):
    pass


class Works(Record):
    works: bool
    prefix: str


def test_made_used_and_made_anew_from_another_lock(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    assert make("tensorrt", told, tmp_path / "wheels").sdk_version == "1.0"
    assert told.notes[0] == "making a virtual environment" and told.shares[-1] == 1
    marker = Ready.read(tiny / MARKER)
    assert marker.versions["tiny-sdk"] == "1.0" and marker.size_bytes > 1_000_000
    assert {path.name for path in tiny.parent.iterdir()} == {"tensorrt", ".tensorrt.lock"}

    monkeypatch.setattr(call, "WORKERS", tmp_path)
    told_back = "{'works': tiny_sdk.WORKS, 'prefix': sys.prefix}"
    script = f"import json, sys, tiny_sdk\njson.dump({told_back}, open(sys.argv[2], 'w'))"
    (tmp_path / "look.py").write_text(script, encoding="utf-8")
    answered = run_worker("tensorrt", "look", Nothing(), Works, 60)  # after the rename, by bin/python
    assert answered == Works(works=True, prefix=str(tiny))

    write_lock(tmp_path, "2.0", write_wheel(tmp_path / "wheels", "2.0"))
    assert state("tensorrt").reason == "made from another lock"
    assert make("tensorrt", told, tmp_path / "wheels").sdk_version == "2.0"
    assert {path.name for path in tiny.parent.iterdir()} == {"tensorrt", ".tensorrt.lock"}


def test_an_sdk_that_cannot_be_imported_leaves_no_environment(tiny: Path, tmp_path: Path) -> None:
    write_lock(tmp_path, "1.0", write_wheel(tmp_path / "wheels", "1.0", works=False))
    with pytest.raises(ToolchainError, match=r"importing it ended with exit code 1: AssertionError \(log: ") as caught:
        make("tensorrt", Told(), tmp_path / "wheels")
    assert {path.name for path in tiny.parent.iterdir()} == {"tensorrt.setup.log", ".tensorrt.lock"}
    assert str(tiny.parent / "tensorrt.setup.log") in str(caught.value)
    assert state("tensorrt").kind == "absent"


MAKER = """
    import sys
    from pathlib import Path
    sys.path[:0] = [{root!r}, {tests!r}]
    import compress.toolchains.lock as lock
    from compress.toolchains import TOOLCHAINS
    from compress.toolchains.making import make
    from tiny_toolchain import TINY
    TOOLCHAINS["tensorrt"], lock.LOCKS = TINY, Path({place!r}) / "locks"
    class Prints:
        def update(self, done, total, note=""): print(note, flush=True)
        def say(self, line): print(line, flush=True)
    print(make("tensorrt", Prints(), Path({place!r}) / "wheels").kind)
"""


def start_maker(tmp_path: Path) -> subprocess.Popen[str]:
    code = MAKER.format(root=str(ROOT), tests=str(ROOT / "tests"), place=str(tmp_path))
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)


def running_below(folder: Path) -> list[str]:
    """Command lines of living processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += [line] if str(folder) in line and int(path.parent.name) != os.getpid() else []
    return found


def test_a_killed_maker_leaves_no_process_and_the_next_goes_on(tiny: Path, tmp_path: Path) -> None:
    with start_maker(tmp_path) as killed:
        end = time.monotonic() + 60
        while not list(tiny.parent.glob(".tensorrt.making-*/pyvenv.cfg")):
            assert time.monotonic() < end
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while running_below(tiny.parent) and time.monotonic() < end:
        time.sleep(0.05)
    assert running_below(tiny.parent) == []
    assert state("tensorrt").kind == "absent"
    told = Told()
    assert make("tensorrt", told, tmp_path / "wheels").kind == "ready"
    assert "left half made" in told.notes[0]
    assert list(tiny.parent.glob(".tensorrt.making-*")) == []


def test_two_makers_make_one(tiny: Path, tmp_path: Path) -> None:
    with start_maker(tmp_path) as one, start_maker(tmp_path) as other:
        said = [one.communicate(timeout=200)[0], other.communicate(timeout=200)[0]]
    assert [text.splitlines()[-1] for text in said] == ["ready", "ready"]
    assert sum("making a virtual environment" in text for text in said) == 1


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-I", "-m", "venv", str(folder)], check=True, timeout=200)
    return folder


def install(venv: Path, tmp_path: Path, wheels: Path | None) -> None:
    run = PipRun("tensorrt", venv / "bin/python", venv, tmp_path / "log", Told(), frozenset({"tiny-sdk"}))
    run_pip(run, lock_arguments(read_lock(TINY), wheels))


@pytest.mark.usefixtures("tiny")
def test_a_wheel_that_is_not_the_locked_one_is_refused(venv: Path, tmp_path: Path) -> None:
    write_lock(tmp_path, "1.0", "0" * 64)
    with pytest.raises(ToolchainError, match=r"another tiny-sdk==1\.0 than the lock names \(its hash differs\)"):
        install(venv, tmp_path, tmp_path / "wheels")


@pytest.mark.usefixtures("tiny")
def test_a_missing_wheel_is_named(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(ToolchainError, match=r"could not fetch tiny-sdk==1\.0; .*setup tensorrt --wheels FOLDER"):
        install(venv, tmp_path, tmp_path / "none")


@pytest.mark.usefixtures("tiny")
def test_without_network_the_package_is_named(venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody listens
    with pytest.raises(ToolchainError, match=r"could not fetch tiny-sdk==1\.0, the package index can't be reached; "):
        install(venv, tmp_path, None)
