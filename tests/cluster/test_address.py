"""What ``--on`` may say."""

from __future__ import annotations

import pytest

from compress.cluster.address import ClusterAddress, parse_address
from compress.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ray://auto", ClusterAddress("auto")),
        ("ray://head:10001", ClusterAddress("ray://head:10001")),
        ("ray://10.0.0.1:10001?cpus=4&gpus=0.5", ClusterAddress("ray://10.0.0.1:10001", 4, 0.5)),
        ("ray://auto?gpus=2", ClusterAddress("auto", 1, 2.0)),
    ],
)
def test_an_address(text: str, address: ClusterAddress) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("head:10001", ("no cluster; write ray://HOST:PORT",)),
        ("ray://head", ("'head' lacks its port",)),
        ("ray://head:10001/job", ("nothing may follow the port",)),
        ("ray://auto?cpus=0&gpus=1.5", ("cpus should be", "gpus should be")),
        ("ray://head?cpu=2", ("lacks its port", "no setting 'cpu'. Did you mean 'cpus'?")),
    ],
)
def test_every_mistake_is_told_at_once(text: str, says: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(text)
    assert len(caught.value.problems) == len(says)
    assert all(part in line for part, line in zip(says, caught.value.problems, strict=True))
