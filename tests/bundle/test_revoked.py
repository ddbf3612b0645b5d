"""The revocation list: one spelling, signed by a key that is not on it, never older than the one known."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sealed import key_pair

from compress.bundle.keys import Signer
from compress.bundle.pem import load_public
from compress.bundle.revoked import Revocation, RevocationList, from_bytes, read_list, revoke, to_bytes
from compress.bundle.sign import sign_bytes
from compress.errors import BadRevocationList, RevokedKey, SignatureError

DAY = date(2026, 11, 22)
STRANGER = "sha256:" + "ab" * 32
entries = st.builds(
    Revocation, key_id=st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:".__add__),
    since=st.dates().map(date.isoformat), reason=st.text(max_size=20),
)  # fmt: skip
lists = st.builds(
    lambda issued, found: RevocationList(
        issued=issued.isoformat(), revoked=tuple(sorted(found, key=lambda entry: entry.key_id))
    ),
    st.dates(), st.lists(entries, max_size=3, unique_by=lambda entry: entry.key_id),
)  # fmt: skip


@given(lists)
def test_what_is_written_is_read_back(listed: RevocationList) -> None:
    assert from_bytes(to_bytes(listed), "x") == listed and to_bytes(listed).isascii()


@given(lists, st.data())
def test_any_other_byte_string_is_another_list_or_refused(listed: RevocationList, data: st.DataObject) -> None:
    good = to_bytes(listed)
    at = data.draw(st.integers(0, len(good) - 1))
    try:
        other = from_bytes(good[:at] + data.draw(st.binary(max_size=3)) + good[at + 1 :], "x")
    except BadRevocationList as error:
        assert "\n" not in str(error)
    else:
        assert to_bytes(other) != good or other == listed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('revoked/1"', 'revoked/2"'), ("2026-11-22", "2026-11-31"), ("2026-11-22", "22.11.2026"), ("sha256:", "md5:"),
        ('"reason":"lost"', '"reason":1'), ('"reason":"lost"', '"reason":"lost","more":1'), ('"issued"', '"Issued"'),
    ],
)  # fmt: skip
def test_wrong_contents_are_refused(old: str, new: str) -> None:
    entry = Revocation(key_id=STRANGER, since="2026-11-22", reason="lost")
    good = to_bytes(RevocationList(issued="2026-11-22", revoked=(entry,))).decode()
    assert old in good
    with pytest.raises(BadRevocationList):
        from_bytes(good.replace(old, new).encode(), "x")
    with pytest.raises(BadRevocationList):  # twice the same key
        item = good[good.index("[") + 1 : good.index("]")]
        from_bytes(good.replace(item, f"{item},{item}").encode(), "x")


def lost(key_id: str) -> Revocation:
    return Revocation(key_id=key_id, since="2026-11-01", reason="lost laptop")


@pytest.fixture
def office(tmp_path: Path) -> tuple[Signer, Path]:
    """The key that signs the list."""
    return key_pair(tmp_path / "office.pem")


def test_keys_are_added_and_the_list_signed_anew(tmp_path: Path, office: tuple[Signer, Path]) -> None:
    signer, public = office
    path, (_, first), (_, second) = (
        tmp_path / "revoked.json",
        key_pair(tmp_path / "1.pem"),
        key_pair(tmp_path / "2.pem"),
    )
    revoke(path, lost(load_public(first).id), signer, DAY, ())
    revoke(path, lost(load_public(second).id), signer, date(2026, 12, 1), ())
    listed = read_list(path, (load_public(public),), date(2026, 12, 2), not_before=date(2026, 12, 1))
    assert {entry.key_id for entry in listed.revoked} == {load_public(first).id, load_public(second).id}
    with pytest.raises(RevokedKey, match="revoked key; .*list of 2026-12-01, since 2026-11-01.*lost laptop"):
        listed.check_not_revoked(load_public(first))
    listed.check_not_revoked(load_public(public))
    assert sorted(each.name for each in tmp_path.glob("revoked*")) == ["revoked.json", "revoked.json.sig"]


def test_no_key_revokes_itself_or_clears_itself(tmp_path: Path, office: tuple[Signer, Path]) -> None:
    signer, public = office
    path = tmp_path / "revoked.json"
    with pytest.raises(SignatureError, match="can't be signed by a key that is on it"):
        revoke(path, lost(signer.public.id), signer, DAY, ())
    assert not path.exists()
    thief, stolen = key_pair(tmp_path / "stolen.pem")
    revoke(path, lost(thief.public.id), signer, DAY, ())
    before = path.read_bytes()
    with pytest.raises(BadRevocationList):  # the thief can't add to a list that another key signed
        revoke(path, lost(STRANGER), thief, DAY, ())
    assert path.read_bytes() == before
    path.with_name("revoked.json.sig").write_bytes(sign_bytes(before, thief))
    with pytest.raises(BadRevocationList, match="on the list itself"):
        read_list(path, (load_public(public), load_public(stolen)), DAY)


def test_a_list_is_taken_over_by_the_next_key(tmp_path: Path, office: tuple[Signer, Path]) -> None:
    signer, public = office
    path, (heir, heirs) = tmp_path / "revoked.json", key_pair(tmp_path / "heir.pem")
    revoke(path, lost(STRANGER), signer, DAY, ())
    revoke(path, lost(signer.public.id), heir, DAY, (load_public(public),))
    assert len(read_list(path, (load_public(heirs),), DAY).revoked) == 2


def test_lists_that_can_not_be_trusted(tmp_path: Path, office: tuple[Signer, Path]) -> None:
    signer, public = office
    path, trusted = tmp_path / "revoked.json", (load_public(public),)
    beside = path.with_name("revoked.json.sig")
    with pytest.raises(BadRevocationList, match="no such revocation list"):
        read_list(path, trusted, DAY)
    revoke(path, lost(STRANGER), signer, DAY, ())
    with pytest.raises(BadRevocationList, match="later than today"):
        read_list(path, trusted, date(2026, 11, 21))
    with pytest.raises(BadRevocationList, match="an older list.*2026-11-23 is known"):
        read_list(path, trusted, date(2026, 11, 30), not_before=date(2026, 11, 23))
    _, other = key_pair(tmp_path / "other.pem")
    with pytest.raises(BadRevocationList, match="none of the keys"):
        read_list(path, (load_public(other),), DAY)
    good = path.read_bytes()
    path.write_bytes(good.replace(b"lost", b"lose"))
    with pytest.raises(BadRevocationList, match="was changed"):
        read_list(path, trusted, DAY)
    path.write_bytes(good)
    read_list(path, trusted, DAY)
    beside.unlink()
    with pytest.raises(BadRevocationList, match=r"revoked\.json\.sig is missing"):
        read_list(path, trusted, DAY)
    short, shorts = key_pair(tmp_path / "short.pem", DAY)
    path.unlink()
    revoke(path, lost(STRANGER), short, DAY, ())
    with pytest.raises(BadRevocationList, match="expired on 2026-11-22"):
        read_list(path, (load_public(shorts),), date(2026, 11, 23))
