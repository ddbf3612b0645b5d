"""The path of docs/handoff without Python: its own script, over a repository as ``compress publish`` leaves it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from shop import Shop

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "handoff" / "README.md"

needs_tools = pytest.mark.skipif(
    not all(shutil.which(tool) for tool in ("sh", "openssl", "xxd", "sed", "sha256sum")), reason="needs openssl and xxd"
)


def _script() -> str:
    (script,) = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return str(script)


def _run(shop: Shop) -> subprocess.CompletedProcess[str]:
    for name, signer in (("publish", shop.keys.publish), ("release", shop.keys.release)):
        assert signer is not None
        (shop.folder / f"{name}.pub.pem").write_text(signer.public_key.keyval["public"], encoding="ascii")
    return subprocess.run(["sh", "-c", _script()], cwd=shop.folder, capture_output=True, text=True, timeout=60)


@needs_tools
def test_openssl_and_sha256sum_accept_what_was_published(shop: Shop) -> None:
    for version in ("1.0.0", "1.1.0"):
        shop.publish(shop.bundle(version))
    done = _run(shop)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Verified OK") == 3 and done.stdout.count(": OK") == 3  # two archives and their list
    assert "holds until 20" in done.stdout


@needs_tools
@pytest.mark.parametrize(
    "pattern", ["metadata/timestamp.json", "metadata/3.release.json", "targets/release/*1.1.0.tar"]
)
def test_and_refuse_what_was_changed(shop: Shop, pattern: str) -> None:
    for version in ("1.0.0", "1.1.0"):
        shop.publish(shop.bundle(version))
    path = sorted(shop.folder.glob(pattern))[-1]
    data = bytearray(path.read_bytes())
    place = data.rindex(b"expires") + 12 if path.suffix == ".json" else len(data) // 2
    data[place] ^= 1
    path.write_bytes(data)
    assert _run(shop).returncode != 0
