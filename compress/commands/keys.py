"""``compress keys``: make, show, rotate and revoke signing keys."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.commands.bundles import Given
from compress.errors import EXIT_PASS, SignatureError

if TYPE_CHECKING:
    from compress.bundle.pem import PublicKey


def new(file: Path | None, expires: date | None) -> int:
    """Make a key, say its id and where its halves lie. Raises SignatureError where a file is there already."""
    from compress.bundle.keys import developer_key_path

    made = _make(file.expanduser() if file else developer_key_path(), expires)
    click.echo(f"{made.id}")
    click.echo(f"public half: {made.name}" + (f", good until {made.expires}" if made.expires else ""))
    return EXIT_PASS


def _make(path: Path, expires: date | None) -> PublicKey:
    from compress.bundle.pem import make_key, public_path, today

    if expires is not None and expires < today():
        raise SignatureError(f"{expires} is over; a key can't expire before it is made")
    try:
        return make_key(path, expires)
    except FileExistsError:
        there = path if path.exists() else public_path(path)
        raise SignatureError(f"{there} is there already; a key is never replaced, choose another name") from None
    except OSError as error:
        raise SignatureError(f"can't make the key {path}: {error.strerror}") from None


def public(key: str | None) -> int:
    """Print the public half of a private key, of this machine's developer key where none is named."""
    from compress.bundle.keys import public_pem, resolve_key

    click.echo(public_pem(resolve_key(key)), nl=False)
    return EXIT_PASS


def identify(source: str) -> int:
    """Print the id of either half of a key."""
    from compress.bundle.keys import resolve_key
    from compress.bundle.pem import parse_public, read_key_file
    from compress.schema.key_source import is_file_name

    if is_file_name(source):
        path = Path(source).expanduser()
        data = read_key_file(path)
        if b"PRIVATE KEY-----" not in data:
            click.echo(parse_public(data, str(path)).id)
            return EXIT_PASS
    click.echo(resolve_key(source).public.id)
    return EXIT_PASS


def rotate(file: Path, key: str | None, expires: date | None) -> int:
    """Make the successor of ``key``, endorsed by it."""
    from compress.bundle.keys import resolve_key
    from compress.bundle.pem import today
    from compress.bundle.successor import endorse

    old = resolve_key(key)
    old.public.check_not_expired(today())
    made = _make(file.expanduser(), expires)
    signature = endorse(Path(made.name), old)
    click.echo(f"{made.id}")
    click.echo(f"public half: {made.name}, signed by {old.public.id}: {signature}")
    return EXIT_PASS


def successor(file: Path, given: Given) -> int:
    """Say that ``file`` is a key that a trusted one endorsed. Raises SignatureError where it isn't."""
    from compress.bundle.successor import check_successor

    key, by = check_successor(file, given.load())
    click.echo(f"{key.id} is a successor of {by.id}; verify with --key {file}")
    return EXIT_PASS


def revoke(
    which: str, file: Path, key: str | None, reason: str, since: date | None, signed_by: tuple[Path, ...]
) -> int:
    """Put a key, by id or public file, on the list in ``file``, and sign the list with ``key``."""
    from pydantic import ValidationError

    from compress.bundle.keys import resolve_key
    from compress.bundle.pem import load_public, today
    from compress.bundle.revoked import Revocation
    from compress.bundle.revoked import revoke as put_on_list

    day = today()
    identity = which if which.startswith("sha256:") else load_public(Path(which).expanduser()).id
    try:
        entry = Revocation(key_id=identity, since=(since or day).isoformat(), reason=reason)
    except ValidationError as error:
        raise SignatureError(f"can't revoke {which}: {error.errors()[0]['msg']}") from None
    listed = put_on_list(file, entry, resolve_key(key), day, tuple(load_public(path) for path in signed_by))
    click.echo(f"{file}: {len(listed.revoked)} revoked keys, issued {listed.issued}; hand it out with {file.name}.sig")
    return EXIT_PASS
