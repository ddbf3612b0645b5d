"""What goes into a channel, what is refused, and that it comes out as it went in."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from repository_server import serving
from shop import Shop
from small_bundles import make_private, sealed, write_public

from compress.errors import Busy, PublishError, Refused, SignatureError
from compress.publish.place import AUTHORIZATION, HttpPlace
from compress.publish.prepare import prepared
from compress.publish.repository import Keys, init, publish
from compress.publish.signer import open_signer
from compress.publish.state import Lifetimes, load


def test_the_newest_version_comes_out_as_it_went_in(shop: Shop) -> None:
    one, two = shop.bundle("1.0.0"), shop.bundle("1.10.0")
    shop.publish(one)
    assert shop.fetch().published.version == "1.0.0"
    shop.publish(two)
    got = shop.fetch()
    assert (got.published.version, got.new) == ("1.10.0", True)
    files = sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(got.folder) for path in got.folder.rglob("*") if path.is_file())
    assert all((two / path).read_bytes() == (got.folder / path).read_bytes() for path in files)
    assert shop.fetch().new is False
    assert shop.fetch(version="1.0.0").published.version == "1.0.0"


def test_what_a_target_says_of_itself(shop: Shop) -> None:
    shop.publish(shop.bundle("2.0.0"), channel="candidate")
    role = load(shop.place, shop.root).channels["candidate"].signed
    custom = role.targets["candidate/tiny-on-bench-2.0.0.tar"].custom
    assert (custom["name"], custom["version"], custom["channel"]) == ("tiny on bench", "2.0.0", "candidate")
    assert (custom["status"], custom["target"]) == ("RELEASE", "bench") and custom["key_id"].startswith("sha256:")
    path = next((shop.folder / "targets/candidate").glob("*.index.json"))
    assert json.loads(path.read_bytes())["bundles"] == [custom]


def test_a_draft_stays_out_of_release_and_is_said_elsewhere(shop: Shop) -> None:
    draft = shop.bundle("1.0.0", reasons=("not measured",))
    with pytest.raises(Refused, match="is a DRAFT; channel release takes no draft"):
        shop.publish(draft)
    shop.publish(draft, channel="dev")
    with pytest.raises(Refused, match="is a DRAFT; add --allow-draft"):
        shop.fetch(channel="dev")
    assert shop.fetch(channel="dev", allow_draft=True).manifest.status == "DRAFT"


@pytest.mark.parametrize("version", ["1.2.0", "1.1.9", "0.9.9"])
def test_a_version_that_is_not_above_is_refused(shop: Shop, version: str) -> None:
    shop.publish(shop.bundle("1.2.0"))
    before = shop.metadata("timestamp.json").read_bytes()
    with pytest.raises(Refused, match=r"is not above 1\.2\.0|another bundle"):
        shop.publish(shop.bundle(version, weights=b"x"))
    assert shop.metadata("timestamp.json").read_bytes() == before


def test_a_version_means_one_bundle_in_all_channels(shop: Shop) -> None:
    bundle = shop.bundle("1.0.0")
    shop.publish(bundle, channel="dev")
    with pytest.raises(Refused, match="is another bundle in channel dev"):
        shop.publish(shop.bundle("1.0.0", weights=b"other"), channel="candidate")
    shop.publish(bundle, channel="candidate")
    shop.publish(bundle)
    assert shop.fetch().published.channel == "release"


def test_several_bundles_at_once_and_one_of_them_by_name(shop: Shop) -> None:
    shop.publish(shop.bundle(name="one on bench"), shop.bundle(name="two on bench"))
    with pytest.raises(PublishError, match="has one on bench, two on bench; choose one with --name"):
        shop.fetch()
    assert shop.fetch(name="two on bench").manifest.name == "two on bench"
    assert shop.fetch(name="one-on-bench").manifest.name == "one on bench"
    with pytest.raises(PublishError, match="has no three; it has one on bench, two on bench"):
        shop.fetch(name="three")
    with pytest.raises(Refused, match="two bundles would have this name"):
        shop.publish(shop.bundle("2.0.0", name="a b"), shop.bundle("2.0.0", name="a-b"))


def test_an_empty_channel_says_so(shop: Shop) -> None:
    with pytest.raises(PublishError, match="channel candidate is empty"):
        shop.fetch(channel="candidate")


def test_a_bundle_that_does_not_hold_is_not_published(shop: Shop, tmp_path: Path) -> None:
    bundle = shop.bundle()
    (bundle / "builds/int8-onnx.onnx").write_bytes(b"changed")
    with pytest.raises(SignatureError, match="changed"):
        shop.publish(bundle)
    other = sealed(tmp_path / "other", key=str(make_private(tmp_path / "other.pem")))
    with pytest.raises(SignatureError, match="wrong key"):
        shop.publish(other)


def test_the_channel_release_has_a_key_of_its_own(shop: Shop) -> None:
    stranger = Keys((), shop.keys.publish, None)
    mine, shop.keys = shop.keys, stranger
    shop.publish(shop.bundle("1.0.0"), channel="dev")
    with pytest.raises(Refused, match="release wants 1 of the keys .*; 0 given"):
        shop.publish(shop.bundle("1.1.0"))
    shop.keys = mine
    shop.publish(shop.bundle("1.1.0"))


def test_a_root_of_two_keys_needs_both(shop: Shop, tmp_path: Path) -> None:
    roots = tuple(open_signer(str(make_private(tmp_path / f"root{number}.pem"))) for number in range(2))
    place = type(shop.place)(tmp_path / "second")
    with pytest.raises(PublishError, match="can't have a threshold of 3"):
        init(place, Keys(roots, shop.keys.publish), 3, Lifetimes())
    root = init(place, Keys(roots, shop.keys.publish), 2, Lifetimes())
    assert len(json.loads(root)["signatures"]) == 2
    with pytest.raises(PublishError, match="there is a repository already"):
        init(place, Keys(roots, shop.keys.publish), 2, Lifetimes())


def test_a_server_that_takes_put_holds_a_repository(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "store") as server:
        server.authorization = "Bearer secret"
        with pytest.raises(PublishError, match="answers 401 to PUT"):
            init(HttpPlace(server.url), shop.keys, 1, Lifetimes())
        monkeypatch.setenv(AUTHORIZATION, "Bearer secret")
        place = HttpPlace(server.url)
        root = init(place, shop.keys, 1, Lifetimes())
        for version in ("1.0.0", "1.1.0"):
            with prepared((shop.bundle(version),), "release", shop.trust) as ready:
                publish(place, root, ready, "release", shop.keys, Lifetimes())
        puts = [path for method, path in server.log if method == "PUT"]
        assert puts[-1] == "metadata/timestamp.json"
        monkeypatch.delenv(AUTHORIZATION)
        assert shop.fetch(server.url, root=root).published.version == "1.1.0"


def test_a_secret_is_not_sent_in_the_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(AUTHORIZATION, "Bearer secret")
    with pytest.raises(PublishError, match="only sent over https") as caught:
        HttpPlace("http://artefacts.example/repo")
    assert "secret" not in str(caught.value)


def test_of_two_who_publish_at_once_the_second_is_told(shop: Shop) -> None:
    """The other one comes in between reading and writing of the first."""
    one, two = shop.bundle("1.0.0"), shop.bundle("1.1.0")
    with serving(shop.folder) as server:
        place = HttpPlace(server.url)

        def other(path: str) -> None:
            if path == "metadata/timestamp.json":
                server.before_put = lambda path: None
                shop.publish(two)

        server.before_put = other
        with prepared((one,), "release", shop.trust) as ready, pytest.raises(Busy, match="somebody else published"):
            publish(place, shop.root, ready, "release", shop.keys, Lifetimes())
    assert shop.fetch().published.version == "1.1.0"
    with shop.place.locked(), pytest.raises(Busy, match="somebody else publishes there"):
        shop.publish(shop.bundle("1.2.0"))


def test_a_refresh_signs_what_ends_soon_and_names_what_it_has_no_key_for(shop: Shop) -> None:
    shop.publish(shop.bundle())
    later = Lifetimes(now=Lifetimes().now + timedelta(days=350))
    left = shop.refresh(later)
    assert [line.split()[0] for line in left] == ["root"]
    state = load(shop.place, shop.root)
    assert all(part.signed.expires > later.until(300) for part in (state.targets, *state.channels.values()))
    shop.keys = Keys((), shop.keys.publish, None)
    assert [line.split()[0] for line in shop.refresh(Lifetimes(now=later.now + timedelta(days=350)))] == [
        "root", "targets", "release",
    ]  # fmt: skip


def test_what_lies_under_the_digest_of_a_bundle_and_is_not_it_is_named(shop: Shop) -> None:
    bundle = shop.bundle()
    shop.publish(bundle, channel="dev")
    (archive,) = (shop.folder / "targets/dev").glob("*.tar")
    broken = shop.folder / "targets/release" / archive.name
    broken.parent.mkdir()
    broken.write_bytes(b"half")
    with pytest.raises(PublishError, match="is there and is something else"):
        shop.publish(bundle)
    broken.unlink()
    shop.publish(bundle)


def test_nothing_of_a_repository_is_closed_to_a_web_server(shop: Shop) -> None:
    shop.publish(shop.bundle())
    files = [path for path in shop.folder.rglob("*.*") if path.is_file() and path.name != ".publish.lock"]
    assert files and all(os.stat(path).st_mode & 0o777 == 0o644 for path in files)


def test_the_public_key_of_another_is_refused_by_the_reader(shop: Shop, tmp_path: Path) -> None:
    shop.publish(shop.bundle())
    other = write_public(tmp_path / "other_public.pem", str(make_private(tmp_path / "other.pem")))
    with pytest.raises(SignatureError, match="wrong key"):
        shop.fetch(keys=(other,))
    assert shop.fetch(keys=(shop.public,)).new
