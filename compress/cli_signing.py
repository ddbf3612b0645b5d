"""Words and options of ``compress verify`` and ``compress keys``. Their bodies lie in ``compress.commands``."""

from __future__ import annotations

from pathlib import Path

import click

_key_source = click.option(
    "--key", help="Private key: PEM file, env:COMPRESS_SIGNING_KEY, or pkcs11:URI.  [default: this machine's]"
)
_public_file = click.Path(path_type=Path, dir_okay=False)


class _Day(click.ParamType[object]):
    """A day such as 2027-11-22."""

    name = "DAY"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        from compress.bundle.pem import day_from

        try:
            return day_from(value) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{value!r} is no day such as 2027-11-22", param, ctx)


@click.command(name="verify")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--key", "keys", multiple=True, type=click.Path(path_type=Path),
    help="Public key of who signed, a PEM file; several: any of them.",
)  # fmt: skip
@click.option("--revoked", type=_public_file, help="Signed list of revoked keys.")
@click.option("--revoked-by", multiple=True, type=_public_file, help="Public key of that list.  [default: --key]")
@click.option("--revoked-from", type=_Day(), help="Refuse a list issued before this day: an old one played back.")
@click.option("--on", "day", type=_Day(), help="The day on which the key must not have expired.  [default: today]")
@click.option("--allow-draft", is_flag=True, help="Accept a bundle that is no release.")
def verify_bundle(
    bundle: Path, keys: tuple[Path, ...], revoked: Path | None, revoked_by: tuple[Path, ...], revoked_from: object,
    day: object, allow_draft: bool,
) -> int:  # fmt: skip
    """Verify a bundle, a folder or what `compress pack` made of it: its signatures, and that every file is as signed.

    \b
    Exit code: 0 it holds, 1 it holds but is a draft, 2 it can't be read,
    10 no public key, 11 signed by another key, 12 a signature is missing, 13 a signature is broken,
    14 the key is revoked, 15 the key has expired, 16 files differ, 17 the manifest is none,
    18 the revocation list can't be trusted.
    """
    from compress.commands.bundles import Given, verify

    return verify(bundle, Given(keys, revoked, revoked_by, revoked_from, day), allow_draft)  # type: ignore[arg-type]


@click.group(name="keys")
def keys_group() -> None:
    """Make signing keys, show them, endorse their successors, take them back."""


@keys_group.command(name="new")
@click.argument("file", required=False, type=_public_file)
@click.option("--expires", type=_Day(), help="The last day on which the key is good.  [default: for ever]")
def keys_new(file: Path | None, expires: object) -> int:
    """Make a P-256 key in FILE, and its public half beside it; replaces nothing.

    Without FILE: this machine's developer key.
    """
    from compress.commands.keys import new

    return new(file, expires)  # type: ignore[arg-type]


@keys_group.command(name="public")
@_key_source
def keys_public(key: str | None) -> int:
    """Print the public key to verify with."""
    from compress.commands.keys import public

    return public(key)


@keys_group.command(name="id")
@click.argument("file")
def keys_id(file: str) -> int:
    """Print the id of a key: a PEM file of either half, env:COMPRESS_SIGNING_KEY, or pkcs11:URI."""
    from compress.commands.keys import identify

    return identify(file)


@keys_group.command(name="rotate")
@click.argument("file", type=_public_file)
@_key_source
@click.option("--expires", type=_Day(), help="The last day on which the new key is good.  [default: for ever]")
def keys_rotate(file: Path, key: str | None, expires: object) -> int:
    """Make the successor of --key in FILE, and have the old key sign the new public half.

    FILE.pub.pem.sig is that signature; `keys successor` and openssl check it with the old public key.
    """
    from compress.commands.keys import rotate

    return rotate(file, key, expires)  # type: ignore[arg-type]


@keys_group.command(name="successor")
@click.argument("public", type=_public_file)
@click.option("--key", "keys", multiple=True, type=_public_file, help="Public key that is trusted now.")
@click.option("--revoked", type=_public_file, help="Signed list of revoked keys.")
@click.option("--revoked-by", multiple=True, type=_public_file, help="Public key of that list.  [default: --key]")
@click.option("--revoked-from", type=_Day(), help="Refuse a list issued before this day.")
def keys_successor(
    public: Path, keys: tuple[Path, ...], revoked: Path | None, revoked_by: tuple[Path, ...], revoked_from: object
) -> int:
    """Check that a new public key was signed by one that is trusted. Exit codes as of verify."""
    from compress.commands.bundles import Given
    from compress.commands.keys import successor

    return successor(public, Given(keys, revoked, revoked_by, revoked_from, None))  # type: ignore[arg-type]


@keys_group.command(name="revoke")
@click.argument("revoked_key", metavar="KEY")
@click.option("--list", "file", required=True, type=_public_file, help="The list, made where there is none.")
@_key_source
@click.option("--reason", default="", help="Why, for those who read the list.")
@click.option("--since", type=_Day(), help="Since when it can't be trusted.  [default: today]")
@click.option("--signed-by", multiple=True, type=_public_file, help="Public key of the list as it is, if another.")
def keys_revoke(
    revoked_key: str, file: Path, key: str | None, reason: str, since: object, signed_by: tuple[Path, ...]
) -> int:
    """Put a key on the revocation list and sign that with --key, which must be another one.

    KEY is an id (sha256:...) or a public key file. Hand out the list with its .sig.
    """
    from compress.commands.keys import revoke

    return revoke(revoked_key, file, key, reason, since, signed_by)  # type: ignore[arg-type]


SIGNING: tuple[click.Command, ...] = (verify_bundle, keys_group)
