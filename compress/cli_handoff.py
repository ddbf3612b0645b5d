"""The words and options of the commands that hand bundles on: ``diff``, ``publish``, ``channels``, ``fetch``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from compress.publish.records import Channel

Command = TypeVar("Command", bound=Callable[..., Any])
_CHANNEL_NAMES = ("dev", "candidate", "release")

_public_file = click.Path(path_type=Path, dir_okay=False)
_revoked = click.option("--revoked", type=_public_file, help="Signed list of revoked keys.")
_revoked_by = click.option("--revoked-by", multiple=True, type=_public_file, help="Public key of that list.")
_to = click.option("--to", required=True, metavar="DIR|URL", help="Folder, file://, or http(s):// that takes PUT.")
_root = click.option(
    "--root", type=click.Path(path_type=Path, dir_okay=False), default=Path("root.json"), show_default=True,
    help="The root that you trust.",
)  # fmt: skip
_key = click.option("--key", help="Key that publishes.  [default: this machine's developer key]")
_release_key = click.option("--release-key", help="Key of channel release, where that is another one.")
_root_keys = click.option("--root-key", "root_keys", multiple=True, required=True, help="Key of the root; repeatable.")
_threshold = click.option(
    "--threshold", type=click.IntRange(min=1), default=1, show_default=True, help="Root keys that must sign."
)
_days = click.option(
    "--days", type=click.IntRange(min=1, max=365), default=7, show_default=True,
    help="How long readers believe the index without a refresh.",
)  # fmt: skip


def _channel(required: bool) -> Callable[[Command], Command]:
    return click.option("--channel", type=click.Choice(_CHANNEL_NAMES), required=required, help="Which bundles.")


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="Public key of who signed both; without it nothing is.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the changes here.")
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a summary.")
def diff(old: Path, new: Path, key: Path | None, json_file: Path | None, markdown_file: Path | None) -> int:
    """Compare the bundle OLD with NEW: what breaks firmware first, then quality, speed, size, provenance, status.

    Ends with the version that NEW makes of OLD's: major where the contract breaks, minor for other builds under the
    same contract, patch where nothing that runs differs. Without --key the signatures are not verified, and it says so.

    Exit code: 0 compared, whatever differs; 2 a bundle can't be read or does not hold.
    """
    from compress.commands.diff import diff as compare

    return compare(old, new, key, json_file, markdown_file)


@click.command()
@click.argument("bundles", nargs=-1, type=click.Path(path_type=Path), metavar="BUNDLE...")
@_to
@_channel(required=False)
@_root
@_key
@_release_key
@click.option(
    "--bundle-key", "bundle_keys", multiple=True, type=_public_file, help="Public key of who signed the bundles."
)
@_revoked
@_revoked_by
@_days
@click.option("--refresh", is_flag=True, help="Only sign the index anew, before it is too old to be believed.")
def publish(
    bundles: tuple[Path, ...], to: str, channel: Channel | None, root: Path, key: str | None, release_key: str | None,
    bundle_keys: tuple[Path, ...], revoked: Path | None, revoked_by: tuple[Path, ...], days: int, refresh: bool,
) -> int:  # fmt: skip
    """Put bundles into a channel of a repository that compress channels init made.

    Each is verified first, by --bundle-key or the public half of --key. Channel release takes no draft, and no channel
    a version that is not above what it has.

    Exit code: 0 published, 1 refused, 2 something you can mend.
    """
    from compress.commands import publish as command
    from compress.commands.bundles import Given

    words = command.KeyWords((), key, release_key)
    if refresh:
        if bundles or channel:
            raise click.UsageError("--refresh stands alone: name no bundle and no channel")
        return command.refresh(to, root, words, days)
    if channel is None:
        raise click.UsageError("say --channel dev, candidate or release")
    return command.publish(bundles, to, channel, root, words, Given(bundle_keys, revoked, revoked_by), days)


@click.group(name="channels")
def channels_group() -> None:
    """Make and look after a repository of bundles."""


@channels_group.command(name="init")
@_to
@_root
@_root_keys
@_threshold
@_key
@_release_key
@_days
def channels_init(
    to: str, root: Path, root_keys: tuple[str, ...], threshold: int, key: str | None, release_key: str | None, days: int
) -> int:
    """Make an empty repository, and write its root for the readers."""
    from compress.commands import publish as command

    return command.init(to, root, command.KeyWords(root_keys, key, release_key), threshold, days)


@channels_group.command(name="rotate")
@_to
@_root
@_root_keys
@_key
@_release_key
@click.option("--new-root-key", "new_root_keys", multiple=True, help="Root keys from now on.  [default: the same]")
@click.option("--new-key", help="Key that publishes from now on.  [default: the same]")
@click.option("--new-release-key", help="Key of channel release from now on.  [default: the same]")
@_threshold
@_days
def channels_rotate(
    to: str, root: Path, root_keys: tuple[str, ...], key: str | None, release_key: str | None,
    new_root_keys: tuple[str, ...], new_key: str | None, new_release_key: str | None, threshold: int, days: int,
) -> int:  # fmt: skip
    """Give a repository other keys, or a root that lasts longer. All keys of today are needed as well."""
    from compress.commands import publish as command

    old, new = (
        command.KeyWords(root_keys, key, release_key),
        command.KeyWords(new_root_keys, new_key, new_release_key),
    )
    return command.rotate(to, root, old, new, threshold, days)


@channels_group.command(name="list")
@click.argument("place", metavar="DIR|URL")
@_root
def channels_list(place: str, root: Path) -> int:
    """List what each channel has."""
    from compress.commands.publish import show

    return show(place, root)


@click.command()
@click.argument("url", metavar="DIR|URL")
@_channel(required=True)
@_root
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), default=Path("bundles"), show_default=True)
@click.option("--name", help="Which bundle, where a channel has several.")
@click.option("--version", help="Which version.  [default: the newest]")
@click.option("--key", "keys", multiple=True, type=_public_file, help="Who signed it.  [default: by the channel]")
@_revoked
@_revoked_by
@click.option("--allow-draft", is_flag=True, help="Take a draft, from channels other than release.")
def fetch(
    url: str, channel: Channel, root: Path, to: Path, name: str | None, version: str | None, keys: tuple[Path, ...],
    revoked: Path | None, revoked_by: tuple[Path, ...], allow_draft: bool,
) -> int:  # fmt: skip
    """Get a bundle from a channel, and verify index, signature and every file.

    An index that is older than one seen before, too old, or signed by others than the root says is refused. What was
    seen is kept in .seen, beside the bundles.

    Exit code: 0 it holds, 1 refused, 2 something you can mend.
    """
    from compress.commands.publish import fetch as get
    from compress.publish.reader import Wanted

    return get(url, root, Wanted(channel, name, version, keys, revoked, revoked_by, allow_draft), to)


HANDING_OFF = (diff, publish, channels_group, fetch)
"""What ``compress`` has of them."""
