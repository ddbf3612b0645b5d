"""A key in a PKCS#11 device, with SoftHSM in place of one: both signatures, PIN and key nowhere to be seen."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from sealed import sealed_bundle

from compress.bundle.keys import public_pem, resolve_key
from compress.bundle.verify import verify_bundle
from compress.errors import SignatureError

PIN = "98765432"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
MODULE = next((path for path in MODULES if Path(path).is_file()), "")

pytestmark = [
    pytest.mark.skipif(not (MODULE and shutil.which("softhsm2-util")), reason="needs softhsm2"),
    pytest.mark.skipif(importlib.util.find_spec("PyKCS11") is None, reason="needs pykcs11"),
]

# In a process of its own: the device's library holds its state for as long as a process lives.
MAKE = """
import sys, PyKCS11 as P
lib = P.PyKCS11Lib(); lib.load(sys.argv[1])
slot = [each for each in lib.getSlotList() if lib.getTokenInfo(each).label.strip() == "bench"][0]
session = lib.openSession(slot, P.CKF_RW_SESSION | P.CKF_SERIAL_SESSION); session.login(sys.argv[2])
for label, curve, end in (("good", "06082a8648ce3d030107", None), ("dated", "06082a8648ce3d030107", b"20200131"),
                          ("p384", "06052b81040022", None)):
    common = [(P.CKA_TOKEN, P.CK_TRUE), (P.CKA_LABEL, label), (P.CKA_ID, label.encode())]
    public = [*common, (P.CKA_EC_PARAMS, bytes.fromhex(curve)), (P.CKA_VERIFY, P.CK_TRUE)]
    public += [(P.CKA_END_DATE, end)] if end else []
    private = [*common, (P.CKA_SIGN, P.CK_TRUE), (P.CKA_PRIVATE, P.CK_TRUE), (P.CKA_SENSITIVE, P.CK_TRUE)]
    session.generateKeyPair(public, private, mecha=P.Mechanism(P.CKM_EC_KEY_PAIR_GEN, None))
"""


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a device called bench with keys called good, dated (it has expired) and p384."""
    folder = tmp_path_factory.mktemp("device")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    (folder / "pin").write_text(PIN + "\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(folder / "conf")}
    make = ["softhsm2-util", "--init-token", "--free", "--label", "bench", "--so-pin", "1234", "--pin", PIN]
    subprocess.run(make, env=environment, check=True, capture_output=True)
    subprocess.run([sys.executable, "-c", MAKE, MODULE, PIN], env=environment, check=True)
    return folder


@pytest.fixture
def plugged(device: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTHSM2_CONF", str(device / "conf"))
    monkeypatch.setenv("COMPRESS_PKCS11_PIN", PIN)
    return device


def uri(label: str, **query: str) -> str:
    return f"pkcs11:token=bench;object={label}?module-path={MODULE}" + "".join(f"&{k}={v}" for k, v in query.items())


def test_both_signatures_are_made_in_the_device(plugged: Path, tmp_path: Path) -> None:
    signer = resolve_key(uri("good"))
    bundle, public = sealed_bundle(tmp_path / "bundle", signer), tmp_path / "public.pem"
    public.write_text(public_pem(signer))
    assert verify_bundle(bundle, public).manifest.key_id == signer.public.id
    if shutil.which("openssl"):
        command = ["openssl", "dgst", "-sha256", "-verify", public, "-signature", "manifest.sig", "manifest.json"]
        subprocess.run(command, cwd=bundle, check=True, capture_output=True)
    standard = [sys.executable, "-m", "model_signing", "verify", "key", "--public_key", public]
    subprocess.run([*standard, "--signature", "model.sig", "."], cwd=bundle, check=True, capture_output=True)
    for path in bundle.rglob("*"):
        assert path.is_dir() or PIN.encode() not in path.read_bytes()
    assert PIN not in repr(signer)


def test_pin_from_a_file_and_key_by_its_id(plugged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_label = resolve_key(uri("good")).public.id
    monkeypatch.setenv("COMPRESS_PKCS11_PIN", "wrong")
    source = f"pin-source=file:{plugged}/pin"
    assert resolve_key(f"pkcs11:token=bench;id=good?module-path={MODULE}&{source}").public.id == by_label


def test_the_last_day_is_the_devices(plugged: Path) -> None:
    assert resolve_key(uri("good")).public.expires is None
    assert resolve_key(uri("dated")).public.expires == date(2020, 1, 31)


@pytest.mark.parametrize(
    ("source", "pin", "says"),
    [
        (uri("absent"), PIN, "no private keys match"),
        (uri("p384"), PIN, "not a P-256 key"),
        (uri("good"), "4711471147", "CKR_PIN_INCORRECT"),
        (uri("good"), "47114711é", "beyond ASCII"),
        (uri("good").replace("bench", "stolen"), PIN, "Could not find a token"),
        (uri("good").replace(MODULE, "/nowhere.so"), PIN, "can't be opened"),
        (uri("good", **{"pin-source": "file:/nowhere"}), PIN, "can't read the PIN file /nowhere"),
        ("pkcs11:token", PIN, "malformed path attribute"),
        ("pkcs11:token=bench", PIN, "Neither 'id' nor 'object'"),
    ],
)
def test_what_does_not_work_is_one_line_without_the_pin(
    plugged: Path, monkeypatch: pytest.MonkeyPatch, source: str, pin: str, says: str
) -> None:
    monkeypatch.setenv("COMPRESS_PKCS11_PIN", pin)
    with pytest.raises(SignatureError, match=says) as caught:
        resolve_key(source)
    assert pin not in str(caught.value) and "\n" not in str(caught.value)
