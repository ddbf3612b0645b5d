"""What the one who verifies brings along: public keys, a revocation list, and the day.

Nothing of it comes from the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from compress.bundle.pem import PublicKey, load_public, today
from compress.bundle.revoked import RevocationList, read_list
from compress.errors import NoKey


@dataclass(frozen=True)
class Trust:
    """``keys``: any of these may have signed; ``day``: the one on which they must not have expired."""

    keys: tuple[PublicKey, ...]
    day: date
    revoked: RevocationList | None = None

    def check(self, key: PublicKey) -> None:
        """Raises ``RevokedKey`` or ``ExpiredKey`` for a key that is good no more."""
        if self.revoked is not None:
            self.revoked.check_not_revoked(key)
        key.check_not_expired(self.day)


def load_trust(
    keys: Sequence[Path], revoked: Path | None = None, revoked_by: Sequence[Path] = (),
    revoked_from: date | None = None, day: date | None = None,
) -> Trust:  # fmt: skip
    """Read public keys and, where one is named, the revocation list.

    The list must be signed by one of ``revoked_by``, of ``keys`` where that is empty, and be issued on
    ``revoked_from`` or later. ``day``: today where none is given. Raises ``NoKey`` and ``BadRevocationList``.
    """
    if not keys:
        raise NoKey("no key: name the signer's public key (--key public.pem), got another way than the bundle")
    loaded = tuple(load_public(path) for path in keys)
    when = day or today()
    if revoked is None:
        return Trust(loaded, when)
    signers = tuple(load_public(path) for path in revoked_by) or loaded
    return Trust(loaded, when, read_list(revoked, signers, when, revoked_from))
