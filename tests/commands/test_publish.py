"""The commands from making a repository to fetching from it, with their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_bundles import make_private, sealed, write_public

from compress.cli import execute

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("rootkey", "release"):
        make_private(tmp_path / f"{name}.pem")
    return tmp_path


INIT = ("channels", "init", "--to", "shop", "--root-key", "rootkey.pem", "--release-key", "release.pem")
PUBLISH = ("publish", "--to", "shop", "--release-key", "release.pem")


def test_from_init_to_fetch(here: Path, capsys: Capture) -> None:
    assert execute(INIT) == 0 and (here / "root.json").is_file()
    sealed(here / "one", "1.0.0")
    assert execute([*PUBLISH, "one", "--channel", "release"]) == 0
    assert execute(["fetch", "shop", "--channel", "release"]) == 0
    shown = capsys.readouterr().out
    assert "bundles/tiny-on-bench-1.0.0: tiny on bench 1.0.0, RELEASE, for bench" in shown
    assert execute(["publish", "--refresh", "--to", "shop"]) == 0
    assert execute(["channels", "list", "shop"]) == 0
    shown = capsys.readouterr().out
    assert "release: 1 bundles\n  tiny on bench 1.0.0  RELEASE" in shown and "dev: 0 bundles" in shown
    assert execute(["verify", "bundles/tiny-on-bench-1.0.0", "--key", str(write_public(here / "public.pem"))]) == 0


def test_what_is_refused_ends_with_1_and_what_can_be_mended_with_2(here: Path, capsys: Capture) -> None:
    assert execute(INIT) == 0 and execute(INIT) == 2
    sealed(here / "draft", "1.0.0", ("not measured",))
    assert execute([*PUBLISH, "draft", "--channel", "release"]) == 1
    assert execute([*PUBLISH, "draft", "--channel", "dev"]) == 0
    assert execute([*PUBLISH, "draft", "--channel", "dev"]) == 1
    assert execute(["fetch", "shop", "--channel", "dev"]) == 1
    assert execute(["fetch", "shop", "--channel", "dev", "--allow-draft"]) == 0
    assert execute(["fetch", "shop", "--channel", "release"]) == 2  # empty
    assert execute(["fetch", "shop", "--channel", "release", "--root", "nowhere.json"]) == 2
    assert execute([*PUBLISH, "--channel", "release"]) == 2
    assert execute([*PUBLISH, "draft"]) == 2
    assert execute([*PUBLISH, "draft", "--refresh"]) == 2
    assert execute(["publish", "draft", "--channel", "dev", "--to", "s3://bucket"]) == 2
    assert execute([*PUBLISH, "nowhere", "--channel", "dev"]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("made a developer key")]
    assert all(line.startswith("error: ") for line in lines)


def test_rotation_and_readers_with_the_old_root(here: Path) -> None:
    assert execute(INIT) == 0
    old = (here / "root.json").read_bytes()
    sealed(here / "one", "1.0.0")
    make_private(here / "new.pem")
    rotate = ["channels", "rotate", "--to", "shop", "--root-key", "rootkey.pem", "--release-key", "release.pem"]
    assert execute([*rotate, "--new-key", "new.pem"]) == 0
    assert json.loads((here / "root.json").read_bytes())["signed"]["version"] == 2
    assert execute([*PUBLISH, "one", "--channel", "release"]) == 1
    public = str(write_public(here / "public.pem"))
    assert execute([*PUBLISH, "one", "--channel", "release", "--key", "new.pem", "--bundle-key", public]) == 0
    (here / "root.json").write_bytes(old)
    assert execute(["fetch", "shop", "--channel", "release"]) == 0
