"""How ``package.key`` names a private key, and what can't be such a name."""

from __future__ import annotations

import re

from compress.environment_secrets import SIGNING_KEY

ENVIRONMENT = "env:"
PKCS11 = "pkcs11:"

_LIKE_A_KEY = re.compile(r"(LS0tLS1|MI|MH)[A-Za-z0-9+/=]{80,}\Z")
"""Base64 of a PEM or DER private key."""


def source_problem(source: str) -> str | None:
    """Why ``source`` can't name a key, or None. What looks like a secret itself is refused and not repeated."""
    if "PRIVATE KEY" in source or "\n" in source or _LIKE_A_KEY.match(source):
        return "should name where a key lies, and seems to be the key itself; say env:COMPRESS_SIGNING_KEY"
    if source.startswith(PKCS11) and "pin-value" in source:
        return "can't hold a PIN; put that into COMPRESS_PKCS11_PIN, or into a file that pin-source=file:/PATH names"
    if source.startswith(ENVIRONMENT) and not SIGNING_KEY.match(source.removeprefix(ENVIRONMENT)):
        # Only these are taken out of the environment before any other process is started.
        return "should be env:COMPRESS_SIGNING_KEY, or a name that begins with env:COMPRESS_SIGNING_KEY_"
    return None


def is_file_name(source: str) -> bool:
    """Whether ``source`` names a file, and neither a variable nor a device."""
    return not source.startswith((ENVIRONMENT, PKCS11))
