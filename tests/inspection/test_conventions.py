"""Work under each convention: which sizes, which unit, and what is left out."""

from __future__ import annotations

from compress.inspection.conventions import SIZES, counted, lines_of


def test_each_size_is_counted_and_operations_are_twice_as_many() -> None:
    found = counted(lambda size: size[0] * size[1])
    assert [(each.height, each.width) for each in found] == list(SIZES)
    assert [each.size for each in found] == ["256x256", "600x400", "640x480"]
    assert all(each.flops == 2 * each.macs == 2 * each.height * each.width for each in found)


def test_sizes_that_a_network_does_not_take_are_left_out() -> None:
    assert [each.size for each in counted(lambda _size: 1, multiple=32)] == ["256x256", "640x480"]
    assert [each.size for each in counted(lambda size: None if size[1] == 600 else 1)] == ["256x256", "640x480"]
    assert counted(lambda _size: None) == ()


def test_each_figure_is_named_by_its_convention() -> None:
    text = lines_of(counted(lambda size: 45_472 * size[0] * size[1]))
    assert text == (
        "MACs 256x256 2.980 G, 600x400 10.913 G, 640x480 13.969 G",
        "FLOPs (2 each) 256x256 5.960 G, 600x400 21.827 G, 640x480 27.938 G",
    )
