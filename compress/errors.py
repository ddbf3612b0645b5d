"""The one tree of errors, and the exit codes of the command.

CompressError                 70  a bug, unless a subclass says otherwise
├── BugElsewhere              70  a bug that showed in another process, with its traceback
├── UserError                  2  the user can mend it; shown as one line, never a traceback
│   ├── ConfigError            2  everything wrong with a plan, all at once
│   ├── DataError              2  a picture or a folder of pictures that can't be used
│   ├── WeightsError           2  a network file that can't be trusted or read
│   │   └── NetworkRefused     2  a network file that asks for more than to be read, or claims what it has not
│   ├── StoreError             2  the store can't be written, or what lies in it was changed
│   ├── BuildError             2  a build that can't be made or doesn't do what it should
│   ├── NetworkError           2  a network that can't be followed from its input to its answer
│   ├── DeviceError            2  a device that can't be reached, or can't do what was asked of it
│   ├── NotMeasurable          3  a figure that a decision needs and that can't be measured now
│   ├── ClusterError           2  a cluster that can't be reached, lacks what a plan needs, or lost a stage too often
│   ├── ToolchainError         2  a vendor SDK's environment that isn't ready or can't be made
│   ├── SignatureError         2  a bundle or key that can't be used; its kinds say why a bundle is refused:
│   │   ├── NoKey             10  no public key to verify with, or its file is none
│   │   ├── WrongKey          11  signed by another key than those given
│   │   ├── NoSignature       12  a signature is missing
│   │   ├── BrokenSignature   13  a signature does not fit what was signed
│   │   ├── RevokedKey        14  the key is on the revocation list
│   │   ├── ExpiredKey        15  the key's last day is over
│   │   ├── FilesDiffer       16  files that are missing, extra, changed, linked or special
│   │   ├── BadManifest       17  signed, but no manifest that a bundle may have
│   │   └── BadRevocationList 18  a revocation list that can't be trusted, or is too old
│   ├── NotReleasable          1  a bundle that may not be released, with every reason
│   └── PublishError           2  a repository of bundles that can't be read or written
│       └── Refused            1  a repository that does not verify, or a bundle that its channel does not take
└── Busy                       2  another process holds what this one needs

A message says what is wrong, where, and what to do, in one line.
"""

from __future__ import annotations

EXIT_PASS = 0
EXIT_GATE_FAILED = 1
EXIT_USER = 2
EXIT_INCOMPLETE = 3
EXIT_BUG = 70


class CompressError(Exception):
    """Root of every error this package raises on purpose."""

    exit_code = EXIT_BUG


class BugElsewhere(CompressError):
    """A bug that showed in another process; the message holds one line, its cause the traceback of there."""


class UserError(CompressError):
    """Something the user can mend."""

    exit_code = EXIT_USER


class ConfigError(UserError):
    """One or more mistakes in names, keys or values; ``problems`` holds one line for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DataError(UserError):
    """A picture, or a folder of pictures, that can't be used."""


class WeightsError(UserError):
    """A network file that can't be trusted or read."""


class NetworkRefused(WeightsError):
    """A network file that asks for more than to be read, or claims what it has not; nothing of it was loaded."""


class StoreError(UserError):
    """The store can't be written, or an artefact in it was changed."""


class BuildError(UserError):
    """A build that can't be made, or that doesn't do what it should."""


class NetworkError(UserError):
    """A network that can't be followed from its input to its answer."""


class DeviceError(UserError):
    """A device that can't be reached, or that can't do what was asked of it."""


class ClusterError(UserError):
    """A cluster that can't be reached, that lacks what a plan needs, or that lost a stage too often."""


class ToolchainError(UserError):
    """A vendor SDK's environment that isn't ready, or that can't be made."""


class NotMeasurable(UserError):
    """A figure that a decision needs and that can't be measured now."""

    exit_code = EXIT_INCOMPLETE


class SignatureError(UserError):
    """A bundle, signature or key that does not verify."""


class NoKey(SignatureError):
    """No public key to verify with."""

    exit_code = 10


class WrongKey(SignatureError):
    """A signature by another key than those that are trusted."""

    exit_code = 11


class NoSignature(SignatureError):
    """A bundle without one of its signatures."""

    exit_code = 12


class BrokenSignature(SignatureError):
    """A signature that does not fit what was signed."""

    exit_code = 13


class RevokedKey(SignatureError):
    """A key that was taken back."""

    exit_code = 14


class ExpiredKey(SignatureError):
    """A key whose last day is over."""

    exit_code = 15


class FilesDiffer(SignatureError):
    """Files that are not those that were signed."""

    exit_code = 16


class BadManifest(SignatureError):
    """A manifest that is signed, but not one that a bundle may have."""

    exit_code = 17


class BadRevocationList(SignatureError):
    """A revocation list that can't be trusted."""

    exit_code = 18


class NotReleasable(UserError):
    """A bundle that may not be released; ``reasons`` holds one line for each."""

    exit_code = EXIT_GATE_FAILED

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


class PublishError(UserError):
    """A repository of bundles that can't be read or written."""


class Refused(PublishError):
    """A repository that does not verify, or a bundle that its channel does not take."""

    exit_code = EXIT_GATE_FAILED


class Busy(UserError):
    """Another process holds what this one needs."""


SHOWN = 300
"""Characters of somebody else's message that are shown."""


def one_line(error: BaseException, kind: bool = True) -> str:
    """The first line of somebody else's error, cut at ``SHOWN``; ``kind``: its class before that.

    Its class alone where it says nothing.
    """
    first = next((" ".join(line.split()) for line in str(error).splitlines() if line.strip()), "")
    name = type(error).__name__
    return (f"{name}: {first}" if first and kind else first or name)[:SHOWN]
