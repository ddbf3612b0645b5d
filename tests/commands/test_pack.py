"""``compress pack``, and ``compress verify`` of what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.bundle.keys import public_pem, resolve_key
from compress.bundle.seal import Contents, seal
from compress.cli import execute


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "bundle"
    (folder / "builds").mkdir(parents=True)
    (folder / "builds" / "int8.onnx").write_bytes(b"a build")
    seal(folder, Contents(name="tiny", reasons=(), chain=()), resolve_key(None))
    (tmp_path / "public.pem").write_text(public_pem(resolve_key(None)))
    return folder


@pytest.mark.parametrize("zstd", [False, True])
def test_the_file_verifies_as_it_is(bundle: Path, capsys: pytest.CaptureFixture[str], zstd: bool) -> None:
    if zstd:
        pytest.importorskip("zstandard", reason="needs the zstandard library")
    made = bundle.with_name("bundle.tar.zst" if zstd else "bundle.tar")
    assert execute(["pack", str(bundle), *(["--zstd"] if zstd else [])]) == 0
    assert capsys.readouterr().out == f"{made}: {made.stat().st_size:,} bytes\n"
    assert execute(["verify", str(made), "--key", str(bundle.parent / "public.pem")]) == 0
    assert "signatures and 2 files hold" in capsys.readouterr().out


def test_a_changed_file_is_named_below_the_archive(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (bundle / "builds" / "int8.onnx").write_bytes(b"a Build")
    made = bundle.with_name("other.tar")
    assert execute(["pack", str(bundle), "-o", str(made)]) == 0
    code = execute(["verify", str(made), "--key", str(bundle.parent / "public.pem")])
    error = capsys.readouterr().err
    assert (
        code != 0
        and f"{made} is not what was signed: builds/int8.onnx: changed" in error
        and "/tmp/compress" not in error
    )


def test_an_archive_of_another_tool_is_refused(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = bundle.with_name("other.tar")
    made.write_bytes(b"PK\x03\x04" + bytes(2000))
    code = execute(["verify", str(made), "--key", str(bundle.parent / "public.pem")])
    error = capsys.readouterr().err
    assert code != 0 and error.startswith(f"error: {made}: not a tar that compress wrote") and error.count("\n") == 1
