"""The words of a link: its file, then what was said; everything that is wrong at once."""

from __future__ import annotations

import pytest

from compress.config.link import load_link
from compress.config.load import load_yaml
from compress.config.names import listing
from compress.errors import ConfigError
from compress.schema.link import Link


def test_words_come_over_the_file_s_values() -> None:
    name, link = load_link(("cameras=2", "link=wifi", "device_fps=30"))
    assert (name, link.cameras, link.device_fps, link.bandwidth_mbit) == ("wifi", 2, 30.0, 40.0)


@pytest.mark.parametrize("name", list(listing("links")))
def test_every_shipped_link_is_whole(name: str) -> None:
    assert load_link((f"link={name}",))[1] == Link.model_validate(load_yaml(listing("links")[name]))


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_link(
            ("link=wif", "cameras=0", "camras=2", "wifi", "rtt_ms=1", "rtt_ms=2", "image_bytes=[", "server_fps=fast")
        )
    told = caught.value.problems
    for part in (
        "no link 'wif'. Did you mean 'wifi'?", "cameras: should be greater than 0", "camras: no such key. Did you mean",
        "'wifi': should be key=value", "rtt_ms: given twice", "image_bytes", "server_fps: should be a number",
    ):  # fmt: skip
        assert any(part in line for line in told), part
    assert len(told) == 7


def test_without_a_name_those_there_are_are_told() -> None:
    with pytest.raises(ConfigError, match="link: not given; add link=NAME, one of: coal_mine, wifi"):
        load_link(("cameras=2",))
