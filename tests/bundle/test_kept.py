"""Bundles of earlier versions, kept in tests/golden, verify for ever: by the command and without Python."""

from __future__ import annotations

from pathlib import Path

import pytest
from bundle_flips import KEPT, Accepts, verifiers

from compress.bundle.verify import verify_bundle
from compress.cli import execute

BUNDLES = sorted(path for path in KEPT.iterdir() if path.is_dir())


def public_of(bundle: Path) -> Path:
    return KEPT / f"{bundle.name.split('_')[0]}_public.pem"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Accepts]:
    return verifiers(tmp_path_factory.mktemp("asked"))


def test_a_release_of_each_format_and_a_draft_are_kept() -> None:
    statuses = {path.name: verify_bundle(path, public_of(path)).manifest for path in BUNDLES}
    assert {name: (found.format, found.status) for name, found in statuses.items()}.items() >= {
        "format1_release": ("compress-bundle/1", "RELEASE"), "format1_draft": ("compress-bundle/1", "DRAFT"),
        "format2_release": ("compress-bundle/2", "RELEASE"),
    }.items()  # fmt: skip


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_every_verifier_takes_a_kept_bundle(bundle: Path, asked: dict[str, Accepts]) -> None:
    assert {name: accepts(bundle, public_of(bundle)) for name, accepts in asked.items()} == dict.fromkeys(asked, True)
    code = execute(["verify", str(bundle), "--key", str(public_of(bundle))])
    assert code == (1 if bundle.name.endswith("_draft") else 0)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_builds_of_a_kept_bundle_still_answer(bundle: Path) -> None:
    assert execute(["selftest", str(bundle), "--threads", "1"]) == 0
