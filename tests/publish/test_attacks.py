"""What a reader must refuse, though the server, or somebody on the way, hands it out."""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from repository_server import serving
from sealed import key_pair
from shop import Shop
from small_bundles import make_private
from tuf.api.metadata import TargetFile

from compress.bundle.pem import today
from compress.bundle.revoked import Revocation, revoke
from compress.errors import PublishError, Refused, RevokedKey
from compress.publish import fetcher, repository
from compress.publish.prepare import Prepared, prepared
from compress.publish.reader import SEEN
from compress.publish.repository import Keys, init
from compress.publish.signer import open_signer
from compress.publish.state import Lifetimes, load

LONG_AGO = Lifetimes(now=Lifetimes().now - timedelta(days=10))


def _copy(shop: Shop, name: str) -> Path:
    return shutil.copytree(shop.folder, shop.here / name)


def _put_back(shop: Shop, copy: Path) -> None:
    shutil.rmtree(shop.folder)
    shutil.copytree(copy, shop.folder)


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Two versions in ``release``, fetched by a reader; the state with one is kept as ``earlier``."""
    shop.publish(shop.bundle("1.0.0"))
    _copy(shop, "earlier")
    shop.publish(shop.bundle("1.1.0"))
    assert shop.fetch().published.version == "1.1.0"
    return shop


def test_rollback_to_an_earlier_index(stocked: Shop) -> None:
    _put_back(stocked, stocked.here / "earlier")
    with pytest.raises(Refused, match="does not verify: New timestamp version 2 must be >= 3"):
        stocked.fetch()
    assert stocked.fetch(to="a new reader").published.version == "1.0.0"  # it can't know; expiry is what protects it
    shutil.rmtree(stocked.here / "got" / SEEN)
    assert stocked.fetch().published.version == "1.0.0"


def test_freeze_of_an_index_that_was_true_once(shop: Shop) -> None:
    shop.publish(shop.bundle("1.0.0"), times=LONG_AGO)
    for reader in ("one", "another"):
        with pytest.raises(Refused, match="timestamp.json is expired: old, or held back"):
            shop.fetch(to=reader)
    shop.refresh()
    assert shop.fetch(to="one").published.version == "1.0.0"


def test_a_reader_that_has_seen_an_index_does_not_believe_it_for_ever(shop: Shop) -> None:
    """What it saw is signed with its end: no later answer of the same server moves that."""
    shop.publish(shop.bundle("1.0.0"))
    shop.fetch()
    (seen,) = (shop.here / "got" / SEEN).glob("*/timestamp.json")
    shop.refresh(LONG_AGO)
    with pytest.raises(Refused, match="expired"):
        shop.fetch()
    assert seen.read_bytes() != shop.metadata("timestamp.json").read_bytes()


def test_mix_and_match_of_parts_that_were_all_signed_once(stocked: Shop) -> None:
    snapshots = sorted(path.name for path in stocked.metadata("").glob("*.snapshot.json"))
    shutil.copy(stocked.metadata(snapshots[-2]), stocked.metadata(snapshots[-1]))
    with pytest.raises(Refused, match="does not verify"):
        stocked.fetch(to="a new reader")


@pytest.mark.parametrize("other", ["2.release.json", "1.candidate.json"])
def test_a_channel_in_the_place_of_another_or_of_its_own_past(stocked: Shop, other: str) -> None:
    shutil.copy(stocked.metadata(other), stocked.metadata("3.release.json"))
    with pytest.raises(Refused, match="does not verify"):
        stocked.fetch(to="a new reader")


@pytest.mark.parametrize("pattern", ["release/*1.1.0.tar", "release/*.index.json"])
def test_a_target_with_one_bit_changed(stocked: Shop, pattern: str) -> None:
    for target in (stocked.folder / "targets").glob(pattern):
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 4
        target.write_bytes(data)
    with pytest.raises(Refused, match="does not verify"):
        stocked.fetch(to="a new reader")
    assert not list((stocked.here / "a new reader").glob("tiny*"))


@pytest.mark.parametrize("name", ["timestamp.json", "3.snapshot.json", "1.targets.json", "3.release.json"])
def test_metadata_with_one_bit_changed(stocked: Shop, name: str) -> None:
    data = stocked.metadata(name).read_bytes()
    for place in (len(data) // 3, len(data) - 40):
        stocked.metadata(name).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(Refused, match="does not verify"):
            stocked.fetch(to=f"reader {place}")
        with pytest.raises(Refused, match="does not verify"):  # nor does the publisher build on it
            stocked.publish(stocked.bundle(f"2.{place}.0"))


def test_the_root_of_somebody_else(stocked: Shop, tmp_path: Path) -> None:
    keys = Keys((open_signer(str(make_private(tmp_path / "evil.pem"))),), stocked.keys.publish)
    root = init(type(stocked.place)(tmp_path / "theirs"), keys, 1, Lifetimes())
    for bad in (root, b"{}", b"no root", stocked.metadata("timestamp.json").read_bytes()):
        with pytest.raises(Refused):
            stocked.fetch(to="another", root=bad)
        with pytest.raises(Refused):
            stocked.fetch(root=bad)


def test_a_root_that_has_ended(shop: Shop) -> None:
    old = Lifetimes(now=Lifetimes().now - timedelta(days=400))
    place = type(shop.place)(shop.here / "old")
    root = init(place, shop.keys, 1, old)
    with pytest.raises(Refused, match="root.json is expired"):
        shop.fetch(place.url, root=root)


@pytest.mark.parametrize("ending", ["timestamp.json", "snapshot.json", "1.1.0.tar"])
def test_data_without_end(stocked: Shop, ending: str) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for chunk in itertools.repeat(b" " * 65536):
            sent += len(chunk)
            yield chunk

    with serving(stocked.folder) as server:
        server.answer = lambda path: (endless(), None) if path.endswith(ending) else None
        with pytest.raises(Refused, match="does not verify: .*exceeding the maximum"):
            stocked.fetch(server.url, to="a new reader")
    assert sent < 64 * 2**20  # what the sockets hold, not what the disk does


def test_data_that_comes_drop_by_drop(stocked: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "GRACE_S", 0.2)

    def drops() -> Iterator[bytes]:
        for _ in range(200):
            time.sleep(0.05)
            yield b" "

    with serving(stocked.folder) as server:
        server.answer = lambda path: (drops(), None) if path.endswith("1.1.0.tar") else None
        with pytest.raises(PublishError, match="not fetched whole: . bytes in 0 s"):
            stocked.fetch(server.url, to="a new reader")


@pytest.mark.parametrize("claimed", [True, False])
def test_data_that_is_cut(stocked: Shop, claimed: bool) -> None:
    (archive,) = (stocked.folder / "targets/release").glob("*1.1.0.tar")
    data = archive.read_bytes()

    def cut(path: str) -> tuple[Iterator[bytes], int | None] | None:
        return (iter([data[:5000]]), len(data) if claimed else 5000) if path.endswith("1.1.0.tar") else None

    with serving(stocked.folder) as server:
        server.answer = cut
        with pytest.raises(PublishError):
            stocked.fetch(server.url, to="a new reader")
    assert sorted(path.name for path in (stocked.here / "a new reader").iterdir()) == [SEEN]


def test_a_server_that_is_not_there(stocked: Shop) -> None:
    with serving(stocked.folder) as server:
        url = server.url
    with pytest.raises(PublishError, match="not fetched whole"):
        stocked.fetch(url)
    with pytest.raises(PublishError, match="is there a repository"):
        stocked.fetch(str(stocked.here / "nowhere"))


def test_a_draft_that_got_into_release_all_the_same(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "_check", lambda bundle, channel, state: None)
    shop.publish(shop.bundle("1.0.0", reasons=("not measured",)))
    for allowed in (False, True):
        with pytest.raises(Refused, match="in channel release is a DRAFT$"):
            shop.fetch(allow_draft=allowed)


def test_a_bundle_that_is_not_what_the_channel_says(shop: Shop) -> None:
    with prepared((shop.bundle("1.0.0"),), "release", shop.trust) as (ready,):
        lie = ready.published.model_copy(update={"version": "9.0.0"})
        repository.publish(shop.place, shop.root, [Prepared(lie, ready.archive)], "release", shop.keys, Lifetimes())
    with pytest.raises(Refused, match="the bundle is tiny on bench 1.0.0, not what the channel says"):
        shop.fetch()


def test_the_key_of_dev_says_nothing_about_release(shop: Shop) -> None:
    """Who has the publishing key alone lists a bundle under release's paths, in dev's own metadata."""
    shop.publish(shop.bundle("1.0.0"))
    bundle = shop.bundle("9.0.0")
    with prepared((bundle,), "release", shop.trust) as (ready,):
        state = load(shop.place, shop.root)
        path = ready.published.path
        target = TargetFile.from_file(path, str(ready.archive), ["sha256"])
        target.unrecognized_fields["custom"] = ready.published.model_dump(mode="json")
        state.channels["dev"].signed.targets[path] = target
        index: dict[str, Any] = {
            "format": "compress-channel/1", "channel": "release", "bundles": [target.custom],
        }  # fmt: skip
        listing = json.dumps(index).encode()
        state.channels["dev"].signed.targets["release/index.json"] = TargetFile.from_data(
            "release/index.json", listing, ["sha256"]
        )
        publisher = Keys((), shop.keys.publish)
        repository._put_target(shop.place, target, ready)
        repository._commit(shop.place, state, [state.root.signed], ["dev"], publisher.all, Lifetimes())
    assert shop.fetch().published.version == "1.0.0"


def test_a_bundle_of_a_key_that_was_taken_back(shop: Shop) -> None:
    shop.publish(shop.bundle("1.0.0"))
    by, public = key_pair(shop.here / "other.pem")
    entry = Revocation(key_id=shop.trust.keys[0].id, since=today().isoformat(), reason="lost")
    revoke(shop.here / "revoked.json", entry, by, today(), ())
    with pytest.raises(RevokedKey):
        shop.fetch(revoked=shop.here / "revoked.json", revoked_by=(public,))
    assert not list((shop.here / "got").glob("tiny*"))
    assert shop.fetch().new
