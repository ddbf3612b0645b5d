"""Other keys, the same repository: readers follow from the root they have, old keys count no longer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from shop import Shop
from small_bundles import make_private

from compress.errors import Refused
from compress.publish.place import FolderPlace
from compress.publish.repository import Keys, rotate
from compress.publish.signer import KeySigner, open_signer
from compress.publish.state import Lifetimes


def _key(shop: Shop, name: str) -> KeySigner:
    return open_signer(str(make_private(shop.here / f"{name}.pem")))


def _rotate(
    shop: Shop, new: Keys, old: Keys | None = None, threshold: int = 1, place: FolderPlace | None = None
) -> None:
    rotate(place or shop.place, shop.root, old or shop.keys, new, threshold, Lifetimes())


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.publish(shop.bundle("1.0.0"))
    assert shop.fetch().published.version == "1.0.0"
    return shop


def test_readers_follow_and_the_old_keys_are_nobodys(stocked: Shop) -> None:
    old = stocked.keys
    new = Keys((_key(stocked, "new_root"),), _key(stocked, "new_publish"), _key(stocked, "new_release"))
    _rotate(stocked, new)
    for reader in ("got", "a new reader"):
        assert stocked.fetch(to=reader).published.version == "1.0.0"
    with pytest.raises(Refused, match="0 given"):
        stocked.publish(stocked.bundle("1.1.0"))
    stocked.keys = new
    stocked.publish(stocked.bundle("1.1.0"))
    assert stocked.fetch().published.version == "1.1.0"
    with pytest.raises(Refused, match="the new root wants 1 of the keys"):
        _rotate(stocked, old, old)  # the root key that was given up takes nothing back


def test_a_higher_threshold_counts_from_the_next_root_on(stocked: Shop) -> None:
    roots = (stocked.keys.root[0], _key(stocked, "second"))
    both = Keys(roots, stocked.keys.publish, stocked.keys.release)
    _rotate(stocked, both, threshold=2)
    assert stocked.fetch().published.version == "1.0.0"
    one = Keys(roots[:1], stocked.keys.publish, stocked.keys.release)
    with pytest.raises(Refused, match="wants 2 of the keys .* 1 given"):
        _rotate(stocked, one, one)
    _rotate(stocked, one, both)
    assert stocked.fetch().published.version == "1.0.0"


class Stopped(BaseException):
    """Not an error that anybody handles."""


class _Stops(FolderPlace):
    """Goes on until a file of this name is to be written."""

    def __init__(self, folder: Path, stop: str) -> None:
        super().__init__(folder)
        self._stop = stop

    def put_new(self, path: str, data: bytes | Path) -> None:
        if path.endswith(self._stop):
            raise Stopped
        super().put_new(path, data)


@pytest.mark.parametrize("stop", [".targets.json", ".snapshot.json", ".root.json"])
def test_a_rotation_that_was_cut_off_locks_nobody_out(stocked: Shop, stop: str) -> None:
    new = Keys((_key(stocked, "new_root"),), _key(stocked, "new_publish"), _key(stocked, "new_release"))
    with pytest.raises(Stopped):
        _rotate(stocked, new, place=_Stops(stocked.folder, stop))
    for reader in ("got", "a new reader"):
        assert stocked.fetch(to=reader).published.version == "1.0.0"
    _rotate(stocked, new)
    for reader in ("got", "another new reader"):
        assert stocked.fetch(to=reader).published.version == "1.0.0"
    stocked.keys = new
    stocked.publish(stocked.bundle("1.1.0"))
    assert stocked.fetch().published.version == "1.1.0"


def test_a_root_that_ends_soon_is_signed_anew_by_a_rotation_to_the_same_keys(stocked: Shop) -> None:
    later = Lifetimes(now=Lifetimes().now + timedelta(days=350))
    assert stocked.refresh(later) != ()
    rotate(stocked.place, stocked.root, stocked.keys, stocked.keys, 1, later)
    assert stocked.refresh(later) == ()
