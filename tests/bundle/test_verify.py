"""A sealed bundle is refused, with the file named, after any change."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compress.bundle.keys import Signer, developer_key_path, public_pem, resolve_key
from compress.bundle.manifest import to_bytes
from compress.bundle.pem import load_public
from compress.bundle.seal import Contents, seal
from compress.bundle.sign import sign_bytes, signature_holds
from compress.bundle.verify import verify_bundle
from compress.errors import SignatureError

FILES = {
    "builds/int8.onnx": bytes(range(256)) * 3,
    "contract.json": b"{}\n",
    "golden/000_input.png": b"\x89PNG",
    "README.md": b"hello\n",
}


def make_key(monkeypatch: pytest.MonkeyPatch, home: Path) -> Signer:
    monkeypatch.setenv("COMPRESS_HOME", str(home))
    return resolve_key(None)


def fill(folder: Path) -> Path:
    for path, data in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signer:
    return make_key(monkeypatch, tmp_path / "home")


@pytest.fixture
def public(tmp_path: Path, key: Signer) -> Path:
    path = tmp_path / "public.pem"
    path.write_text(public_pem(key))
    return path


@pytest.fixture
def bundle(tmp_path: Path, key: Signer) -> Path:
    folder = fill(tmp_path / "bundle")
    seal(folder, Contents(name="tiny", reasons=(), chain=()), key)
    return folder


def all_files(bundle: Path) -> list[Path]:
    return sorted(path for path in bundle.rglob("*") if path.is_file())


def test_sealed_bundle_verifies(bundle: Path, public: Path) -> None:
    found = verify_bundle(bundle, public)
    assert found.manifest.status == "RELEASE"
    assert set(found.manifest.files) == set(FILES) | {"SHA256SUMS"}


def test_reasons_make_a_draft(tmp_path: Path, key: Signer, public: Path) -> None:
    folder = fill(tmp_path / "draft")
    seal(folder, Contents(name="tiny", reasons=("verdict is fail",), chain=()), key)
    assert verify_bundle(folder, public).manifest.status == "DRAFT"


def test_sealing_twice_gives_the_same_bytes(tmp_path: Path, bundle: Path, key: Signer) -> None:
    again = fill(tmp_path / "again")
    seal(again, Contents(name="tiny", reasons=(), chain=()), key)
    one = {path.relative_to(bundle): path.read_bytes() for path in all_files(bundle)}
    assert one == {path.relative_to(again): path.read_bytes() for path in all_files(again)}


def test_a_changed_bit_in_any_file_is_refused_by_name(bundle: Path, public: Path) -> None:
    for path in all_files(bundle):
        good = path.read_bytes()
        for at in {0, len(good) // 2, len(good) - 1}:
            for bit in (0, 7):
                path.write_bytes(good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1 :])
                with pytest.raises(SignatureError, match=path.name.replace(".", r"\.")) as caught:
                    verify_bundle(bundle, public)
                assert "\n" not in str(caught.value)
        path.write_bytes(good)
    verify_bundle(bundle, public)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_random_edits_are_refused(bundle: Path, public: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(all_files(bundle)))
    good = path.read_bytes()
    start = data.draw(st.integers(0, len(good)))
    bad = good[:start] + data.draw(st.binary(max_size=8)) + good[data.draw(st.integers(start, len(good))) :]
    path.write_bytes(bad)
    try:
        if bad == good:
            verify_bundle(bundle, public)
        else:
            with pytest.raises(SignatureError, match=path.name.replace(".", r"\.")):
                verify_bundle(bundle, public)
    finally:
        path.write_bytes(good)


def refused(bundle: Path, public: Path, *parts: str) -> str:
    with pytest.raises(SignatureError) as caught:
        verify_bundle(bundle, public)
    text = str(caught.value)
    assert "\n" not in text
    for part in parts:
        assert part in text
    return text


def test_removed_file(bundle: Path, public: Path) -> None:
    (bundle / "contract.json").unlink()
    refused(bundle, public, "contract.json: missing")


def test_added_files_and_folders(bundle: Path, public: Path) -> None:
    (bundle / "builds" / "more.bin").write_bytes(b"")
    (bundle / "empty").mkdir()
    (bundle / "bad\nname").write_bytes(b"")
    refused(bundle, public, "builds/more.bin: extra file", "empty/: extra folder", "'bad\\nname': extra file")


def test_renamed_file_is_both_missing_and_extra(bundle: Path, public: Path) -> None:
    (bundle / "README.md").rename(bundle / "readme.md")
    refused(bundle, public, "README.md: missing", "readme.md: extra file")


def test_link_to_equal_content_is_refused(bundle: Path, public: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.onnx"
    (bundle / "builds" / "int8.onnx").rename(moved)
    (bundle / "builds" / "int8.onnx").symlink_to(moved)
    refused(bundle, public, "builds/int8.onnx: a symbolic link")


def test_linked_folder_is_refused(bundle: Path, public: Path, tmp_path: Path) -> None:
    (bundle / "golden").rename(tmp_path / "golden")
    (bundle / "golden").symlink_to(tmp_path / "golden")
    refused(bundle, public, "golden: a symbolic link", "golden/000_input.png: missing")


def test_folder_or_pipe_in_place_of_a_file(bundle: Path, public: Path) -> None:
    (bundle / "README.md").unlink()
    (bundle / "README.md").mkdir()
    (bundle / "contract.json").unlink()
    os.mkfifo(bundle / "contract.json")
    refused(bundle, public, "README.md/: extra folder", "contract.json: a special file")


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig", "model.sig"])
def test_linked_manifest_or_signature(bundle: Path, public: Path, tmp_path: Path, name: str) -> None:
    (bundle / name).rename(tmp_path / name)
    (bundle / name).symlink_to(tmp_path / name)
    refused(bundle, public, name, "a symbolic link")


def test_no_signature_wrong_key_broken_signature_differ(
    bundle: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(public_pem(make_key(monkeypatch, tmp_path / "second")))
    refused(bundle, other, "wrong key")
    signature = bundle / "manifest.sig"
    good = signature.read_bytes()
    for broken in (b"", b"noise", good[:-1], good[::-1], b"\0" * len(good)):
        signature.write_bytes(broken)
        assert "wrong key" not in refused(bundle, public, "broken signature")
    signature.unlink()
    refused(bundle, public, "no signature")
    shutil.rmtree(bundle)
    refused(bundle, public, "no such bundle folder")


def test_resigned_by_a_stranger_is_a_wrong_key(
    bundle: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bundle / "README.md").write_text("evil\n")
    for name in ("manifest.json", "manifest.sig", "model.sig", "SHA256SUMS"):
        (bundle / name).unlink()
    seal(bundle, Contents(name="tiny", reasons=(), chain=()), make_key(monkeypatch, tmp_path / "stranger"))
    refused(bundle, public, "wrong key")


def test_manifest_that_names_another_key_than_its_signer(bundle: Path, public: Path, key: Signer) -> None:
    lying = verify_bundle(bundle, public).manifest.model_copy(update={"key_id": "sha256:" + "0" * 64})
    (bundle / "manifest.json").write_bytes(to_bytes(lying))
    (bundle / "manifest.sig").write_bytes(sign_bytes(to_bytes(lying), key))
    refused(bundle, public, "names another key")


def test_signed_manifest_with_an_escaping_name_is_refused(bundle: Path, public: Path, key: Signer) -> None:
    data = (bundle / "manifest.json").read_bytes().replace(b'"README.md"', b'"../README.md"')
    (bundle / "manifest.json").write_bytes(data)
    (bundle / "manifest.sig").write_bytes(sign_bytes(data, key))
    refused(bundle, public, "../README.md", "leads out of the bundle")


def test_the_first_format_still_verifies_and_has_no_second_signature(bundle: Path, public: Path, key: Signer) -> None:
    old = verify_bundle(bundle, public).manifest.model_copy(update={"format": "compress-bundle/1"})
    (bundle / "manifest.json").write_bytes(to_bytes(old))
    (bundle / "manifest.sig").write_bytes(sign_bytes(to_bytes(old), key))
    refused(bundle, public, "model.sig: extra file")
    (bundle / "model.sig").unlink()
    assert verify_bundle(bundle, public).manifest.version == "1.0.0"


def test_what_else_is_wrong_with_an_extra_file_is_said(bundle: Path, public: Path) -> None:
    (bundle / "readme.MD").write_bytes(FILES["README.md"])
    (bundle / "builds" / "nul").write_bytes(b"")
    deep = bundle / ("d" * 110)
    deep.mkdir()
    (deep / ("f" * 110)).write_bytes(b"")
    refused(
        bundle, public, "readme.MD: extra file, differs only by case from README.md",
        "builds/nul: extra file, a device's", "f: extra file, too long a name",
    )  # fmt: skip


def test_sealing_refuses_links_and_odd_names(tmp_path: Path, key: Signer) -> None:
    folder = fill(tmp_path / "linked")
    (folder / "link").symlink_to("README.md")
    with pytest.raises(SignatureError, match="link: a symbolic link"):
        seal(folder, Contents(name="tiny", reasons=(), chain=()), key)
    (folder / "link").unlink()
    (folder / "with space").write_text("")
    with pytest.raises(SignatureError, match="not a plain name"):
        seal(folder, Contents(name="tiny", reasons=(), chain=()), key)


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_and_sha256sum_agree(bundle: Path, public: Path) -> None:
    command = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", "manifest.sig", "manifest.json"]
    assert subprocess.run(command, cwd=bundle, capture_output=True).returncode == 0
    sums = ["sha256sum", "-c", "--strict", "SHA256SUMS"]
    assert subprocess.run(sums, cwd=bundle, capture_output=True).returncode == 0
    (bundle / "README.md").write_text("changed")
    assert subprocess.run(sums, cwd=bundle, capture_output=True).returncode != 0
    with (bundle / "manifest.json").open("ab") as file:
        file.write(b" ")
    assert subprocess.run(command, cwd=bundle, capture_output=True).returncode != 0


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_we_accept_what_openssl_signed(tmp_path: Path, key: Signer, public: Path) -> None:
    private = developer_key_path()
    data = tmp_path / "data"
    data.write_bytes(b"signed elsewhere")
    subprocess.run(["openssl", "dgst", "-sha256", "-sign", private, "-out", tmp_path / "sig", data], check=True)
    assert signature_holds(data.read_bytes(), (tmp_path / "sig").read_bytes(), load_public(public))
    assert not signature_holds(data.read_bytes() + b" ", (tmp_path / "sig").read_bytes(), load_public(public))
