"""Which cluster, and what a training takes of it: ``ray://HOST:PORT?cpus=4&gpus=1``, or ``ray://auto``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from compress.config.names import did_you_mean
from compress.errors import ConfigError

AUTO = "auto"
_SCHEME = "ray://"


@dataclass(frozen=True)
class ClusterAddress:
    """Where a cluster is, and what each stage that trains takes there.

    ``address``: as ``ray.init`` takes it; ``auto`` is the cluster that this machine belongs to (or ``RAY_ADDRESS``).
    ``cpus``: processors, 1 or more; ``gpus``: 0 or more, shares allowed.
    """

    address: str
    cpus: int = 1
    gpus: float = 0.0


def parse_address(text: str) -> ClusterAddress:
    """What ``--on`` says. Raises ConfigError with everything that is wrong with it."""
    if not text.startswith(_SCHEME):
        raise ConfigError((f"--on {text}: no cluster; write ray://HOST:PORT (Ray's client port) or ray://auto",))
    parts = urlsplit(text)
    problems: list[str] = []
    if parts.netloc != AUTO and not _has_port(parts.netloc):
        problems.append(f"--on {text}: '{parts.netloc}' lacks its port; write ray://HOST:10001 or ray://auto")
    if parts.path not in ("", "/"):
        problems.append(f"--on {text}: nothing may follow the port but ?cpus=N&gpus=N")
    cpus, gpus = 1, 0.0
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "cpus" and value.isdigit() and int(value) >= 1:
            cpus = int(value)
        elif name == "gpus" and _is_share(value):
            gpus = float(value)
        elif name in ("cpus", "gpus"):
            wanted = "a whole number from 1 on" if name == "cpus" else "a number, parts of 1 or whole"
            problems.append(f"--on {text}: {name} should be {wanted}, not '{value}'")
        else:
            hint = did_you_mean(name, ("cpus", "gpus"))
            problems.append(f"--on {text}: no setting '{name}'.{hint} There are: cpus, gpus")
    if problems:
        raise ConfigError(tuple(problems))
    return ClusterAddress(AUTO if parts.netloc == AUTO else _SCHEME + parts.netloc, cpus, gpus)


def _has_port(netloc: str) -> bool:
    host, _, port = netloc.rpartition(":")
    return bool(host) and port.isdigit()


def _is_share(value: str) -> bool:
    """Ray takes parts of one GPU, or whole ones."""
    if not value.replace(".", "", 1).isdigit() or not value.isascii():
        return False
    number = float(value)
    return number <= 1 or number.is_integer()
