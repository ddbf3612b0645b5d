"""``model.sig``: the standard command accepts a good bundle and refuses changed ones; we are stricter still."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealed import key_pair, sealed_bundle

from compress.bundle.keys import Signer
from compress.bundle.model_signature import check_model_signature, model_signature
from compress.bundle.pem import load_public
from compress.bundle.verify import verify_bundle
from compress.errors import BrokenSignature, NoSignature

DIGESTS = {"a/b.onnx": "ab" * 32, "manifest.json": "cd" * 32}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Signer, Path]:
    return key_pair(tmp_path / "key.pem")


def standard(bundle: Path, public: Path) -> subprocess.CompletedProcess[str]:
    """The command as the bundle's README has it."""
    command = [sys.executable, "-m", "model_signing", "verify", "key", "--public_key", str(public)]
    command += ["--signature", "model.sig", "--no-ignore-git-paths", "."]
    return subprocess.run(command, cwd=bundle, capture_output=True, text=True)


def changes(bundle: Path) -> Iterator[str]:
    """One change of the bundle at a time, undone when the next is asked for."""
    for path in ("builds/int8.onnx", "manifest.json", "manifest.sig", "SHA256SUMS"):
        good = (bundle / path).read_bytes()
        (bundle / path).write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        yield f"changed {path}"
        (bundle / path).write_bytes(good)
    (bundle / ".gitignore").write_text("")
    yield "added .gitignore"
    (bundle / ".gitignore").unlink()
    (bundle / "README.md").rename(bundle / "readme.md")
    yield "renamed README.md"
    (bundle / "readme.md").rename(bundle / "README.md")


def test_the_standard_command_accepts_a_good_bundle_and_refuses_others(
    tmp_path: Path, pair: tuple[Signer, Path]
) -> None:
    signer, public = pair
    bundle = sealed_bundle(tmp_path / "bundle", signer)
    done = standard(bundle, public)
    assert done.returncode == 0 and "Verification succeeded" in done.stdout, done.stderr
    for change in changes(bundle):
        done = standard(bundle, public)
        assert done.returncode == 1 and "Verification failed" in done.stderr, change
    _, other = key_pair(tmp_path / "other.pem")
    assert standard(bundle, other).returncode == 1
    assert standard(bundle, public).returncode == 0


def test_the_same_files_give_the_same_bytes_in_any_process(pair: tuple[Signer, Path]) -> None:
    signer, public = pair
    code = (
        "import sys, json; from compress.bundle.keys import resolve_key; from compress.bundle.model_signature import "
        "model_signature; key = resolve_key(sys.argv[1]); files = json.loads(sys.argv[2]); "
        "sys.stdout.buffer.write(model_signature('tiny', files, key))"
    )
    made = {model_signature("tiny", DIGESTS, signer)}
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, signer.public.name, json.dumps(dict(reversed(DIGESTS.items())))]
        done = subprocess.run(command, capture_output=True, env={"PYTHONHASHSEED": seed, "PYTHONPATH": sys.path[0]})
        assert not done.stderr
        made.add(done.stdout)
    assert len(made) == 1
    check_model_signature(made.pop(), DIGESTS, load_public(public))


def test_every_changed_bit_is_refused(pair: tuple[Signer, Path]) -> None:
    signer, public = pair
    good, key = model_signature("tiny", DIGESTS, signer), load_public(public)
    for at in range(0, len(good), 3):  # spelling too: unused bits of base64, names of fields, spaces
        with pytest.raises(BrokenSignature):
            check_model_signature(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :], DIGESTS, key)
    check_model_signature(good, DIGESTS, key)


def test_the_library_alone_refuses_every_changed_bit_of_it(tmp_path: Path, pair: tuple[Signer, Path]) -> None:
    from model_signing._signing import sign_ec_key, sign_sigstore_pb

    signer, public = pair
    library = sign_ec_key.Verifier(public)
    file = tmp_path / "model.sig"
    for name in ("tiny", "tiny1", "tiny12"):  # three lengths of the statement
        good = model_signature(name, DIGESTS, signer)
        envelope = json.loads(good)["dsseEnvelope"]
        pieces = [envelope["payload"].encode(), envelope["signatures"][0]["sig"].encode()]
        for piece in pieces:
            last = good.index(piece) + len(piece) - 1
            for at in range(last - 5, last + 1):
                for bit in range(8):
                    file.write_bytes(good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1 :])
                    with pytest.raises(Exception):  # noqa: B017  the library raises what it likes
                        library.verify(sign_sigstore_pb.Signature.read(file))
        file.write_bytes(good)
        library.verify(sign_sigstore_pb.Signature.read(file))


def test_a_signature_over_other_files_names_them(tmp_path: Path, pair: tuple[Signer, Path]) -> None:
    signer, public = pair
    key, good = load_public(public), model_signature("tiny", DIGESTS, signer)
    for other in ({"a/b.onnx": "ab" * 32}, {**DIGESTS, "c": "00" * 32}, {**DIGESTS, "a/b.onnx": "00" * 32}):
        with pytest.raises(BrokenSignature, match="over other files: "):
            check_model_signature(good, other, key)
    stranger, _ = key_pair(tmp_path / "stranger.pem")
    for bad in (model_signature("tiny", DIGESTS, stranger), b"", b"{}", b"[1]", b"\xff", good[:-1]):
        with pytest.raises(BrokenSignature, match="none by this key"):
            check_model_signature(bad, DIGESTS, key)
    # without a hint of the key the library would print a warning and go on
    without = json.loads(good)
    del without["verificationMaterial"]["publicKey"]["hint"]
    with pytest.raises(BrokenSignature):
        check_model_signature(json.dumps(without).encode(), DIGESTS, key)
    assert base64.b64decode(json.loads(good)["dsseEnvelope"]["payload"]).startswith(b"{")


def test_the_bundle_needs_its_own(tmp_path: Path, pair: tuple[Signer, Path]) -> None:
    signer, public = pair
    bundle = sealed_bundle(tmp_path / "bundle", signer)
    other = sealed_bundle(tmp_path / "draft", signer, ("a draft",))
    good = (bundle / "model.sig").read_bytes()
    (bundle / "model.sig").write_bytes((other / "model.sig").read_bytes())
    with pytest.raises(BrokenSignature, match=r"other files: manifest\.json, manifest\.sig"):
        verify_bundle(bundle, public)
    (bundle / "model.sig").unlink()
    with pytest.raises(NoSignature, match=r"model\.sig is missing"):
        verify_bundle(bundle, public)
    (bundle / "model.sig").write_bytes(good)
    verify_bundle(bundle, public)
