"""A repository in a folder, and the keys that it was made with."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop import Shop
from small_bundles import make_private, write_public

from compress.publish.repository import Keys, init
from compress.publish.signer import open_signer
from compress.publish.state import Lifetimes


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    root, release = (open_signer(str(make_private(tmp_path / f"{name}.pem"))) for name in ("root", "release"))
    return Keys((root,), open_signer(None), release)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))


@pytest.fixture
def shop(_home: None, keys: Keys, tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop", tmp_path, keys, write_public(tmp_path / "public.pem"))
    made.root = init(made.place, keys, 1, Lifetimes())
    return made
