"""Four verifiers, two of them without Python, agree on what a bundle may be, and say why with the same exit code."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from bundle_flips import C_FLAGS, README, STANDARD, TOOLS, by_model_signing, by_readme, can_compile, compiled, tally
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compress.bundle import revoked
from compress.bundle.keys import resolve_key
from compress.bundle.manifest import from_bytes, to_bytes
from compress.bundle.pem import make_key
from compress.bundle.seal import Contents, seal
from compress.bundle.sign import sign_bytes
from compress.cli import execute

needs_openssl = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("sha256sum")), reason="needs openssl and sha256sum"
)
needs_c = pytest.mark.skipif(not can_compile(), reason="needs a C compiler (cc) and the headers of libcrypto")
SHELLS = [
    pytest.param(
        name.split(), id=name, marks=pytest.mark.skipif(not shutil.which(name.split()[0]), reason=f"no {name}")
    )
    for name in ("sh", "dash", "busybox sh", "bash --posix")
]
FILES = {"builds/int8.onnx": bytes(range(256)) * 3, "contract.json": b"{}\n", "README.md": b"hello\n"}


@dataclass(frozen=True)
class Place:
    """Two bundles by one key, a third by another one; each in its folder, its key's public half beside it."""

    folder: Path

    def bundle(self, name: str) -> Path:
        return self.folder / name

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.pub.pem"


def make_bundle(folder: Path, key: Path, text: str, reasons: tuple[str, ...] = ()) -> None:
    for path, data in (*FILES.items(), ("golden/1.txt", text.encode())):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    seal(folder, Contents(name='tiny "one"', reasons=reasons, chain=()), resolve_key(str(key)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("made")
    for name in ("ours", "theirs"):
        make_key(folder / f"{name}.pem")
    make_bundle(folder / "now", folder / "ours.pem", "new")
    make_bundle(folder / "before", folder / "ours.pem", "old")
    make_bundle(folder / "draft", folder / "ours.pem", "new", ('a "reason", {a} \\ and\n\x7f ünï 🜁',))
    make_bundle(folder / "stranger", folder / "theirs.pem", "new")
    return Place(folder)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("program"), "-g", "-fsanitize=address,undefined")


@pytest.fixture
def place(made: Place, tmp_path: Path) -> Place:
    """A copy that a test may spoil."""
    return Place(Path(shutil.copytree(made.folder, tmp_path / "made")))


def by_shell(words: list[str]) -> Callable[..., int]:
    return lambda *asked: run([*words, str(TOOLS / "verify.sh")], *asked)


def run(program: list[str], *asked: str | Path) -> int:
    done = subprocess.run([*program, *map(str, asked)], capture_output=True, text=True, timeout=60)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert (done.returncode == 0) or "error: " in done.stderr
    return done.returncode


def by_command(bundle: Path, key: Path, *more: str | Path) -> int:
    return execute(["verify", str(bundle), "--key", str(key), *map(str, more)])


def codes(program: Path, bundle: Path, key: Path, *more: str | Path) -> set[int]:
    """What the three that have exit codes say: one code, when they agree."""
    return {
        by_command(bundle, key, *more), by_shell(["sh"])(bundle, key, *more), run([str(program)], bundle, key, *more)
    }  # fmt: skip


def _move(one: Path, other: Path) -> None:
    one.rename(other)


def _append(path: Path, more: bytes) -> None:
    path.write_bytes(path.read_bytes() + more)


def _swap(place: Place, name: str) -> None:
    shutil.copyfile(place.bundle("before") / name, place.bundle("now") / name)


def _two(place: Place, *names: str) -> None:
    for name in names:
        _swap(place, name)


def _resign(place: Place, change: Callable[[bytes], bytes]) -> None:
    """Sign another manifest with the right key: what is in it must be refused all the same."""
    bundle, key = place.bundle("now"), resolve_key(str(place.folder / "ours.pem"))
    data = change((bundle / "manifest.json").read_bytes())
    (bundle / "manifest.json").write_bytes(data)
    (bundle / "manifest.sig").write_bytes(sign_bytes(data, key))


def _instead_of(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


TAMPERINGS: dict[str, tuple[int, Callable[[Place, Path], object]]] = {
    "appended": (16, lambda p, b: _append(b / "README.md", b"x")),
    "emptied": (16, lambda p, b: (b / "README.md").write_text("")),
    "extra file": (16, lambda p, b: (b / "more.txt").write_text("")),
    "extra file with a line feed": (16, lambda p, b: (b / "README.md\n.").mkdir()),
    "extra file with a blank": (16, lambda p, b: (b / "a b").write_text("")),
    "extra hidden file": (16, lambda p, b: (b / ".hidden").write_text("")),
    "extra file like an option": (16, lambda p, b: (b / "-n").write_text("")),
    "extra bytes that are no text": (16, lambda p, b: Path(os.fsdecode(bytes(b) + b"/\xff")).write_text("")),
    "extra folder": (16, lambda p, b: (b / "golden" / "more").mkdir()),
    "case twin": (16, lambda p, b: (b / "readme.md").write_text("hello\n")),
    "over-long": (16, lambda p, b: (b / ("x" * 201)).write_text("")),
    "linked": (16, lambda p, b: _instead_of(b / "README.md", lambda at: at.symlink_to("/etc/hostname"))),
    "linked to its own content": (16, lambda p, b: (_move(b / "README.md", p.folder / "r"),
                                                     (b / "README.md").symlink_to(p.folder / "r"))),
    "linked folder": (16, lambda p, b: (_move(b / "golden", p.folder / "g"),
                                        (b / "golden").symlink_to(p.folder / "g"))),
    "pipe": (16, lambda p, b: _instead_of(b / "README.md", os.mkfifo)),
    "extra pipe": (16, lambda p, b: os.mkfifo(b / "pipe")),
    "folder for a file": (16, lambda p, b: _instead_of(b / "README.md", Path.mkdir)),
    "linked manifest": (16, lambda p, b: (_move(b / "manifest.json", p.folder / "m"),
                                          (b / "manifest.json").symlink_to(p.folder / "m"))),
    "linked signature": (16, lambda p, b: (_move(b / "manifest.sig", p.folder / "m"),
                                           (b / "manifest.sig").symlink_to(p.folder / "m"))),
    "no manifest": (2, lambda p, b: (b / "manifest.json").unlink()),
    "no signature": (12, lambda p, b: (b / "manifest.sig").unlink()),
    "no second signature": (12, lambda p, b: (b / "model.sig").unlink()),
    "signature and a byte": (13, lambda p, b: _append(b / "manifest.sig", b"\0")),
    "second signature and a line feed": (13, lambda p, b: _append(b / "model.sig", b"\n")),
    "empty signature": (13, lambda p, b: (b / "manifest.sig").write_bytes(b"")),
    "another bundle's signature": (13, lambda p, b: _swap(p, "manifest.sig")),
    "another bundle's second signature": (13, lambda p, b: _swap(p, "model.sig")),
    "older manifest": (13, lambda p, b: _swap(p, "manifest.json")),
    "older manifest and signature": (13, lambda p, b: _two(p, "manifest.json", "manifest.sig")),
    "older manifest, both signatures": (16, lambda p, b: _two(p, "manifest.json", "manifest.sig", "model.sig")),
    "the same and its sums": (16, lambda p, b: _two(p, "manifest.json", "manifest.sig", "model.sig", "SHA256SUMS")),
    "another format": (17, lambda p, b: _resign(p, lambda d: d.replace(b"compress-bundle/2", b"compress-bundle/3"))),
    "escaping name": (17, lambda p, b: _resign(p, lambda d: d.replace(b'"README.md"', b'"../README.md"'))),
    "absolute name": (17, lambda p, b: _resign(p, lambda d: d.replace(b'"README.md"', b'"/README.md"'))),
    "name with a blank": (17, lambda p, b: _resign(p, lambda d: d.replace(b'"README.md"', b'"READ ME.md"'))),
    "case twins listed": (17, lambda p, b: _resign(p, lambda d: d.replace(b'"golden/1.txt"', b'"readme.md"'))),
    "manifest lists itself": (17, lambda p, b: _resign(p, lambda d: d.replace(b'"golden/1.txt"', b'"manifest.json"'))),
}  # fmt: skip


@needs_openssl
@needs_c
@pytest.mark.parametrize("name", TAMPERINGS)
def test_all_refuse_with_the_same_code(place: Place, program: Path, name: str) -> None:
    code, tamper = TAMPERINGS[name]
    bundle, key = place.bundle("now"), place.key("ours")
    tamper(place, bundle)
    assert codes(program, bundle, key) == {code}
    # Neither knows a manifest's rules; folders and what is linked to its own content is nothing to them.
    if code == 16 and "folder" not in name and "line feed" not in name and "own content" not in name:
        if "linked" not in name and "pipe" not in name:
            assert not by_model_signing(bundle, key)
        if "linked" not in name and name != "pipe":
            assert not by_readme(bundle, key)


@needs_openssl
@needs_c
def test_each_file_removed_renamed_or_swapped_is_refused_by_all(place: Place, program: Path) -> None:
    bundle, key, other = place.bundle("now"), place.key("ours"), place.bundle("stranger")
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    assert by_readme(bundle, key) and by_model_signing(bundle, key) and codes(program, bundle, key) == {0}
    for path in files:
        good, name = path.read_bytes(), path.relative_to(bundle).as_posix()
        theirs = (other / name).read_bytes()
        for change in ("removed", "renamed", "swapped") if theirs != good else ("removed", "renamed"):
            if change == "renamed":
                path.rename(path.with_name(f"{path.name}2"))
            elif change == "removed":
                path.unlink()
            else:
                path.write_bytes(theirs)
            found = codes(program, bundle, key)
            assert len(found) == 1 and found < {2, 11, 12, 13, 16}, (name, change, found)
            assert not by_model_signing(bundle, key), (name, change)
            assert name == "model.sig" or not by_readme(bundle, key), (name, change)
            path.with_name(f"{path.name}2").unlink(missing_ok=True)
            path.write_bytes(good)


@needs_openssl
@needs_c
def test_drafts_keys_and_words(place: Place, program: Path) -> None:
    ours, theirs, now = place.key("ours"), place.key("theirs"), place.bundle("now")
    assert codes(program, place.bundle("draft"), ours) == {1}
    assert codes(program, place.bundle("draft"), ours, "--allow-draft") == {0}
    assert codes(program, now, theirs) == {11}
    for file, text in {"no_key": "hello\n", "private": (place.folder / "ours.pem").read_text()}.items():
        (place.folder / file).write_text(text)
        assert codes(program, now, place.folder / file) == {10}
    assert codes(program, now, place.folder / "absent") == {10}
    assert codes(program, place.folder / "nowhere", ours) == {2}
    assert codes(program, now, ours, "--what") == {2}


@needs_openssl
@needs_c
def test_expired_and_revoked_keys(place: Place, program: Path) -> None:
    today, now, ours = date.today(), place.bundle("now"), place.key("ours")
    pem = ours.read_text()
    for days, code in ((-2, 15), (2, 0)):
        ours.write_text(f"expires: {(today + timedelta(days)).isoformat()}\n{pem}")
        assert codes(program, now, ours) == {code}
    ours.write_text(pem)
    listed, theirs = place.folder / "revoked.json", place.key("theirs")
    signer = resolve_key(str(place.folder / "theirs.pem"))
    asked = ("--revoked", listed, "--revoked-by", theirs)
    assert codes(program, now, ours, *asked) == {18}
    other = revoked.Revocation(key_id="sha256:" + "0" * 64, since="2026-01-01", reason='lost, {"key_id":"x"}')
    revoked.revoke(listed, other, signer, today - timedelta(2), ())
    assert codes(program, now, ours, *asked) == {0}
    assert codes(program, now, ours, "--revoked", listed) == {18}  # not signed by the bundle's own key
    ours_id = resolve_key(str(place.folder / "ours.pem")).public.id
    entry = revoked.Revocation(key_id=ours_id, since="2026-01-01", reason="stolen")
    revoked.revoke(listed, entry, signer, today - timedelta(1), ())
    assert codes(program, now, ours, *asked) == {14}
    good = listed.read_bytes()
    listed.write_bytes(good.replace(ours_id.encode(), b"sha256:" + b"1" * 64))
    assert codes(program, now, ours, *asked) == {18}
    future = good.replace((today - timedelta(1)).isoformat().encode(), (today + timedelta(9)).isoformat().encode())
    own = good.replace(b"sha256:" + b"0" * 64, signer.public.id.encode())
    for text in (future, own, good + b" ", good.replace(b",", b", ", 1)):
        listed.write_bytes(text)
        listed.with_name("revoked.json.sig").write_bytes(sign_bytes(text, signer))
        if text is not own or sorted((signer.public.id, ours_id)) == [signer.public.id, ours_id]:
            assert codes(program, now, ours, *asked) == {18}


@needs_openssl
@pytest.mark.parametrize("words", SHELLS)
def test_the_script_runs_in_every_shell(place: Place, words: list[str]) -> None:
    verify, now, ours = by_shell(words), place.bundle("now"), place.key("ours")
    assert (verify(now, ours), verify(place.bundle("draft"), ours)) == (0, 1)
    (now / "README.md").write_text("x")
    assert verify(now, ours) == 16
    (now / "a\nb").write_text("x")
    assert verify(now, ours) == 16


@needs_c
def test_the_program_prints_the_contract_only_when_all_holds(place: Place, program: Path) -> None:
    asked = [str(program), str(place.bundle("now")), str(place.key("ours")), "--contract"]
    assert subprocess.run(asked, capture_output=True, check=True).stdout == FILES["contract.json"]
    (place.bundle("now") / "README.md").write_text("x")
    assert subprocess.run(asked, capture_output=True).stdout == b""


def _spellings(good: bytes) -> Iterator[bytes]:
    """Other ways to write what may be the same manifest; signed, each must be refused."""
    yield good[:-1]
    yield good + b"\n"
    yield b" " + good
    yield good.replace(b":", b": ", 1)
    yield good.replace(b"tiny", b"\\u0074iny")
    yield good.replace(b"tiny", b"t\\/iny")
    yield good.replace(b"tiny", b"t\\u00FCny")
    yield good.replace(b"tiny", b"t\\ud800y")
    yield good.replace(b"tiny", b"t\\u000ay")
    yield good.replace(b"tiny", b"t\xc3\xbcny")
    yield good.replace(b'"size_bytes":6', b'"size_bytes":06')
    yield good.replace(b'"size_bytes":6', b'"size_bytes":6.0')
    yield good.replace(b'"size_bytes":6', b'"size_bytes":-6')
    yield good.replace(b'"version":"1.0.0"', b'"version":"1.0"')
    yield good.replace(b'"version":"1.0.0"', b'"version":"01.0.0"')
    yield good.replace(b',"version":"1.0.0"', b"")
    yield good.replace(b'"status":"RELEASE"', b'"status":"DRAFT"')
    yield good.replace(b'"status":"RELEASE"', b'"status":"RELEASE","status":"RELEASE"')
    yield good.replace(b'"reasons":[]', b'"reasons":["x"]')
    yield good.replace(b'"chain":[]', b'"chain":[{}]')
    yield good.replace(b'"name":', b'"more":1,"name":')


@needs_c
def test_the_program_reads_one_spelling(place: Place, program: Path) -> None:
    bundle, key = place.bundle("now"), place.key("ours")
    good = (bundle / "manifest.json").read_bytes()
    texts = from_bytes(good).model_copy(update={"name": 'ü"\\/\b\f\n\r\t\x01\x7f🜁 \ud7ff\ue000'})
    _resign(place, lambda data: to_bytes(texts))
    assert run([str(program)], bundle, key) == 13  # the manifest was taken; model.sig is over another one
    spellings = list(_spellings(good))
    assert good not in spellings
    for text in spellings:
        _resign(place, lambda data, text=text: text)  # type: ignore[misc]
        assert (run([str(program)], bundle, key), by_command(bundle, key)) == (17, 17), text


_PIECES = [
    b'"',
    b"\\",
    b"\\u00",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b"9",
    b"/",
    b".",
    b"-",
    b"a",
    b"A",
    b"\x7f",
    b" ",
]


@needs_c
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_program_and_command_read_any_signed_manifest_alike(made: Place, program: Path, data: st.DataObject) -> None:
    bundle, key = made.bundle("edited"), made.key("ours")
    if not bundle.exists():
        shutil.copytree(made.bundle("now"), bundle)
    good = (made.bundle("now") / "manifest.json").read_bytes()
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 3)))
    edited = good[:start] + b"".join(data.draw(st.lists(st.sampled_from(_PIECES), max_size=3))) + good[end:]
    (bundle / "manifest.json").write_bytes(edited)
    (bundle / "manifest.sig").write_bytes(sign_bytes(edited, resolve_key(str(made.folder / "ours.pem"))))
    assert run([str(program)], bundle, key) == by_command(bundle, key), edited


@needs_openssl
@needs_c
def test_flipped_bits_are_refused_by_all(made: Place) -> None:
    """Random ones; ``python benchmarks/bundle_flips.py --flips 10000`` is the long version."""
    found = tally(made.bundle("now"), made.key("ours"), 300, 1, ("verify.sh (busybox sh)",))
    assert {README, STANDARD, "compress verify", "verify.c", "verify.sh (sh)"} <= {each.verifier for each in found}
    assert [each for each in found if not each.good or each.accepted] == []


@needs_c
def test_the_program_compiles_without_a_warning_as_it_says(tmp_path: Path) -> None:
    assert C_FLAGS == ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
    assert " ".join(C_FLAGS) in (TOOLS / "verify.c").read_text()
    compiled(tmp_path, "-O2")


def test_digests_of_the_tools_are_those_of_the_files() -> None:
    from compress.bundle.toolbox import DIGESTS, SOURCES

    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SOURCES.iterdir() if path.is_file()}
    assert found == DIGESTS, "copy these into compress/bundle/toolbox.py"
