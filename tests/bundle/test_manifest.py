"""The manifest has one spelling; anything else is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from compress.bundle.manifest import FileEntry, LinkEntry, Manifest, check_path, from_bytes, to_bytes
from compress.errors import SignatureError

DIGEST = "ab" * 32
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
names = st.from_regex(r"[a-z0-9_][a-z0-9._+-]{0,11}\Z", fullmatch=True)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
entries = st.builds(FileEntry, sha256=digests, size_bytes=st.integers(0, 2**40))
links = st.builds(LinkEntry, stage=names, key=digests, digest=digests, sources_digest=digests)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    files: dict[str, FileEntry] = {}
    for index, (path, entry) in enumerate(draw(st.lists(st.tuples(paths, entries), max_size=6))):
        files[f"d{index}/{path}"] = entry  # folders of their own: no file is another's folder
    reasons = tuple(draw(st.lists(st.text(max_size=30), max_size=3)))
    version = draw(st.sampled_from([None, "1.0.0", "0.0.1", "12.3.45"]))
    age = {"format": "compress-bundle/1"} if version is None else {"version": version}
    return Manifest(
        **age, name=draw(st.text(max_size=20)), status="DRAFT" if reasons else "RELEASE", reasons=reasons,
        key_id="sha256:" + draw(digests), chain=tuple(draw(st.lists(links, max_size=3))), files=files,
    )  # fmt: skip


def small(**changes: object) -> dict[str, object]:
    made = Manifest(
        name="m", status="RELEASE", reasons=(), key_id="sha256:" + DIGEST, chain=(),
        files={"a/b.onnx": FileEntry(sha256=DIGEST, size_bytes=3)},
    )  # fmt: skip
    return {**json.loads(to_bytes(made)), **changes}


def spelled(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@given(manifests())
def test_what_is_written_is_read_back(manifest: Manifest) -> None:
    data = to_bytes(manifest)
    assert from_bytes(data) == manifest
    assert data.isascii() and data.endswith(b"}\n")


@given(manifests(), st.data())
def test_any_other_byte_string_is_another_manifest_or_refused(manifest: Manifest, data: st.DataObject) -> None:
    good = to_bytes(manifest)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([good[at] ^ (1 << data.draw(st.integers(0, 7)))]) + good[at + 1 :]
    try:
        other = from_bytes(bad)
    except SignatureError as error:
        assert "\n" not in str(error)
    else:
        assert other != manifest


@given(st.binary(max_size=200))
def test_noise_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(SignatureError) as caught:
        from_bytes(data)
    assert "\n" not in str(caught.value)


def test_order_of_files_changes_no_byte() -> None:
    content = small(files={"b": {"sha256": DIGEST, "size_bytes": 1}, "a": {"sha256": DIGEST, "size_bytes": 2}})
    one = Manifest.model_validate_json(spelled(content))
    other = one.model_copy(update={"files": dict(reversed(one.files.items()))})
    assert to_bytes(one) == to_bytes(other)


@pytest.mark.parametrize(
    "data",
    [
        spelled(small())[:-1],
        spelled(small()) + b"\n",
        json.dumps(small(), sort_keys=True).encode() + b"\n",
        spelled(small()).replace(b'"name":"m"', b'"name":"m","name":"m"'),
        spelled(small()).replace(b'"name":"m"', b'"name":"\\u006d"'),
    ],
)
def test_other_spellings_are_refused(data: bytes) -> None:
    with pytest.raises(SignatureError, match="canonical"):
        from_bytes(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "compress-bundle/3"},
        {"format": "compress-bundle/1"},
        {"version": "1.0"},
        {"version": "1.0.0-rc1"},
        {"version": "01.0.0"},
        {"version": "1.0.0\n"},
        {"version": 1},
        {"version": None},
        {"version": "1.0.1234567"},
        {"status": "DRAFT"},
        {"reasons": ["verdict is fail"]},
        {"key_id": DIGEST},
        {"extra": 1},
        {"files": {"a": {"sha256": DIGEST, "size_bytes": -1}}},
        {"files": {"a": {"sha256": DIGEST.upper(), "size_bytes": 1}}},
        {"files": {"a": {"sha256": DIGEST + "\n", "size_bytes": 1}}},
        {"files": {"a": {"sha256": DIGEST, "size_bytes": 1.0}}},
        {"files": {"a": {"sha256": DIGEST, "size_bytes": True}}},
        {"files": {"manifest.json": {"sha256": DIGEST, "size_bytes": 1}}},
        {"files": {"Model.sig": {"sha256": DIGEST, "size_bytes": 1}}},
        {"files": {"a": {"sha256": DIGEST, "size_bytes": 1}, "A": {"sha256": DIGEST, "size_bytes": 1}}},
        {"files": {"a": {"sha256": DIGEST, "size_bytes": 1}, "a/b": {"sha256": DIGEST, "size_bytes": 1}}},
    ],
)
def test_wrong_contents_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SignatureError):
        from_bytes(spelled(small(**changes)))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "absolute"), ("C:/x", "absolute"), ("c:x", "absolute"), ("\\\\host\\x", "absolute"),
        ("../x", "out of the bundle"), ("a/../../x", "out of the bundle"), ("a/..", "out of the bundle"),
        ("", "plain"), ("a//b", "plain"), ("./a", "plain"), ("a/", "plain"), ("a\\b", "plain"), ("a b", "plain"),
        ("a\nb", "plain"), ("a\n", "plain"), (".hidden", "plain"), ("-rf", "plain"), ("é", "plain"), ("a\0", "plain"),
        ("x" * 201, "too long"), ("a/" * 100 + "b", "too long"), ("con", "device"),
        ("a/NUL.txt", "device"), ("Lpt1", "device"),
    ],
)  # fmt: skip
def test_paths_that_no_bundle_has(path: str, why: str) -> None:
    assert why in (check_path(path) or "")
    with pytest.raises(ValidationError):
        Manifest.model_validate(small(files={path: {"sha256": DIGEST, "size_bytes": 1}}))


def test_plain_paths_are_fine() -> None:
    for path in ("builds/int8_400x600.onnx", "README.md", "golden/000_input.png", "SHA256SUMS", "a+b/c-d"):
        assert check_path(path) is None


def test_the_first_format_is_still_read_in_its_own_spelling() -> None:
    old = {name: value for name, value in small().items() if name != "version"} | {"format": "compress-bundle/1"}
    data = spelled(old)
    found = from_bytes(data)
    assert (found.format, found.version) == ("compress-bundle/1", "1.0.0") and to_bytes(found) == data
    assert "model.sig" not in found.unlisted and "model.sig" in Manifest.model_validate(small()).unlisted
    with pytest.raises(SignatureError, match="no version"):
        from_bytes(spelled({**old, "version": "1.0.1"}))
    with pytest.raises(SignatureError, match="canonical"):
        from_bytes(spelled({**old, "version": "1.0.0"}))
    with pytest.raises(SignatureError, match="canonical"):
        from_bytes(spelled({name: value for name, value in small().items() if name != "version"}))
