"""``compress publish``, ``compress fetch``, ``compress channels``: bundles into a repository and out of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.errors import EXIT_PASS, PublishError, UserError

if TYPE_CHECKING:
    from compress.bundle.trust import Trust
    from compress.commands.bundles import Given
    from compress.publish.reader import Wanted
    from compress.publish.records import Channel
    from compress.publish.repository import Keys
    from compress.publish.state import State


@dataclass(frozen=True)
class KeyWords:
    """Keys as they were named: files, or what else ``package.key`` takes. ``publish``: None for the developer key."""

    root: tuple[str, ...] = ()
    publish: str | None = None
    release: str | None = None


def publish(
    bundles: tuple[Path, ...],
    to: str,
    channel: Channel,
    root: Path,
    words: KeyWords,
    signers: Given,
    days: int,
) -> int:
    """Put bundles into a channel. Raises Refused, PublishError and SignatureError."""
    from compress.publish.place import open_place
    from compress.publish.prepare import prepared
    from compress.publish.repository import publish as put
    from compress.publish.state import Lifetimes

    if not bundles:
        raise UserError("name a bundle to publish, or say --refresh")
    place, keys = open_place(to), _keys(words)
    with prepared(bundles, channel, _trust(signers, words)) as ready:
        state = put(place, _read_root(root), ready, channel, keys, Lifetimes(days))
        for each in ready:
            click.echo(f"{each.published.path}: {each.published.name} {each.published.version} in channel {channel}")
    _say_until(state)
    return EXIT_PASS


def refresh(to: str, root: Path, words: KeyWords, days: int) -> int:
    """Sign the index of a repository anew. Raises Refused and PublishError."""
    from compress.publish.place import open_place
    from compress.publish.repository import refresh as renew
    from compress.publish.state import Lifetimes

    state, left = renew(open_place(to), _read_root(root), _keys(words), Lifetimes(days))
    for line in left:
        click.echo(f"warning: {line}", err=True)
    _say_until(state)
    return EXIT_PASS


def init(to: str, root: Path, words: KeyWords, threshold: int, days: int) -> int:
    """Make an empty repository, and write its root for the readers. Raises PublishError."""
    from compress.publish.place import open_place
    from compress.publish.repository import init as begin
    from compress.publish.state import Lifetimes

    if root.exists():
        raise PublishError(f"{root}: there already; a root is what readers trust, so name another file")
    place = open_place(to)
    data = begin(place, _keys(words), threshold, Lifetimes(days))
    root.write_bytes(data)
    click.echo(f"{place.url}: an empty repository; readers need {root}, by another way than from there")
    return EXIT_PASS


def rotate(to: str, root: Path, old: KeyWords, new: KeyWords, threshold: int, days: int) -> int:
    """Give a repository other keys; ``new`` names those that change. Raises Refused and PublishError."""
    from compress.publish.place import open_place
    from compress.publish.repository import rotate as change
    from compress.publish.state import Lifetimes

    every = KeyWords(new.root or old.root, new.publish or old.publish, new.release or old.release)
    data = change(open_place(to), _read_root(root), _keys(old), _keys(every), threshold, Lifetimes(days))
    root.write_bytes(data)
    click.echo(f"{root}: the new root; readers follow from their old one by themselves")
    return EXIT_PASS


def show(to: str, root: Path) -> int:
    """Print every channel. Raises Refused and PublishError."""
    from compress.publish.place import open_place
    from compress.publish.repository import listed
    from compress.publish.state import load

    state = load(open_place(to), _read_root(root))
    for channel, part in state.channels.items():
        found = listed(part.signed)
        click.echo(f"{channel}: {len(found)} bundles")
        for each in found:
            click.echo(f"  {each.name} {each.version}  {each.status}  {each.size_bytes:,} bytes  for {each.target}")
    _say_until(state)
    return EXIT_PASS


def fetch(url: str, root: Path, wanted: Wanted, to: Path) -> int:
    """Get a bundle and verify it. Raises Refused, PublishError and SignatureError."""
    from compress.publish.reader import fetch as get

    found = get(url, _read_root(root), wanted, to)
    state = "" if found.new else ", which was there already"
    published = found.published
    click.echo(
        f"{found.folder}: {published.name} {published.version}, {published.status}, for {published.target}{state}"
    )
    click.echo(f"index, signature and {len(found.manifest.files)} files hold; signed by {published.key_id}")
    return EXIT_PASS


def _keys(words: KeyWords) -> Keys:
    from compress.publish.repository import Keys
    from compress.publish.signer import open_signer

    publisher = open_signer(words.publish)
    roots = tuple(open_signer(word) for word in words.root)
    return Keys(roots, publisher, open_signer(words.release) if words.release else None)


def _trust(signers: Given, words: KeyWords) -> Trust:
    """Whose bundles they are: those given, or the public half of the key that publishes."""
    from compress.bundle.keys import public_pem, resolve_key

    if signers.keys:
        return signers.load()
    with tempfile.TemporaryDirectory(prefix="compress-public-") as beside:
        path = Path(beside) / "publish.pub.pem"
        path.write_text(public_pem(resolve_key(words.publish)), encoding="ascii")
        return replace(signers, keys=(path,)).load()


def _read_root(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        how = "get it from who publishes, by another way than the repository"
        raise PublishError(f"can't read the root {path}: {error.strerror}; {how}") from None


def _say_until(state: State) -> None:
    from compress.publish.state import expires

    until = expires(state.timestamp.signed)
    click.echo(f"readers believe this index until {until}; before that: compress publish --refresh")
