"""The table of what breaks firmware: by example for each fact, by property for all of them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_bundles import build_contract

from compress.bundle.contract import ContractFile
from compress.handoff.contract_rules import RULES, UNKNOWN, contract_changes, rule_of
from compress.handoff.leaves import leaves
from compress.handoff.records import highest


def _contract(*names: str) -> Any:
    return json.loads(ContractFile(builds=tuple(build_contract(name) for name in names or ("int8-onnx",))).text())


def _set(contract: Any, path: str, value: Any) -> Any:
    """Change one fact of the first build."""
    *inner, last = path.split(".")
    place = contract["builds"][0]
    for part in inner:
        place = place[part]
    place[last] = value
    return contract


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("contract.input.name", "picture"), ("contract.output.shape", [1, 3, 16, 16]),
        ("contract.input.layout", "NHWC"), ("contract.input.dtype", "uint8"), ("contract.input.scale", 0.5),
        ("contract.output.zero_point", -128), ("contract.input.high", 255.0), ("contract.input.low", -1.0),
        ("contract.input.colour_order", "BGR"), ("contract.size_multiple", 16), ("files", ["builds/other.onnx"]),
        ("height", 16), ("width", None), ("runtime", "tflite"), ("contract.preprocessing", "nothing"),
    ],
)  # fmt: skip
def test_what_firmware_relies_on_breaks_it(path: str, value: Any) -> None:
    (change,) = contract_changes(_contract(), _set(_contract(), path, value))
    assert change.level == "major" and change.what == f"int8-onnx: {path}" and change.note


def test_a_build_that_went_breaks_and_one_that_came_does_not() -> None:
    (went,) = contract_changes(_contract("a", "b"), _contract("a"))
    (came,) = contract_changes(_contract("a"), _contract("a", "b"))
    assert (went.level, went.what, went.new) == ("major", "build b", None)
    assert (came.level, came.what, came.old) == ("minor", "build b", None)


def test_the_order_of_builds_says_nothing() -> None:
    assert contract_changes(_contract("a", "b"), _contract("b", "a")) == ()


def test_the_size_of_a_build_is_told_elsewhere_and_another_training_is_minor() -> None:
    assert contract_changes(_contract(), _set(_contract(), "size_bytes", 1)) == ()
    (change,) = contract_changes(_contract(), _set(_contract(), "variant", "ptq"))
    assert change.level == "minor"


def test_more_memory_breaks_and_less_does_not() -> None:
    small, large = (_set(_contract(), "memory_bytes", size) for size in (1000, 2000))
    assert [each.level for each in contract_changes(small, large)] == ["major"]
    assert [each.level for each in contract_changes(large, small)] == ["minor"]


FEEDING = {
    "input": {"alignment_bytes": 16, "row_stride": 48, "formula": "t = p"}, "padding": "the last row again",
    "alignment_note": "tried here",
    "memory": {"weights_bytes": 10, "weights_origin": "counted", "peak_bytes": None, "note": "as planned"},
}  # fmt: skip
TILING = {"exact": True, "halo_px": 8, "start_multiple": 8, "whole": ["pool"], "note": ""}


@pytest.mark.parametrize(
    ("section", "path", "values", "level"),
    [
        ("feeding", "input.alignment_bytes", (16, 64), "major"),
        ("feeding", "input.alignment_bytes", (64, 16), "minor"),
        ("feeding", "input.row_stride", (48, 64), "major"), ("feeding", "input.formula", ("t = p", "p"), "major"),
        ("feeding", "padding", ("a", "b"), "major"), ("feeding", "alignment_note", ("a", "b"), "patch"),
        ("feeding", "memory.weights_bytes", (10, 20), "minor"), ("feeding", "memory.peak_bytes", (None, 20), "minor"),
        ("feeding", "memory.peak_bytes", (10, 20), "major"), ("feeding", "memory.peak_bytes", (20, None), "major"),
        ("feeding", "memory.weights_origin", ("counted", "unknown"), "patch"),
        ("tiling", "exact", (True, False), "major"),
        ("tiling", "halo_px", (8, 16), "major"), ("tiling", "halo_px", (16, 8), "minor"),
        ("tiling", "whole", (["a"], ["b"]), "minor"), ("tiling", "start_multiple", (8, 4), "major"),
    ],
)  # fmt: skip
def test_how_it_is_fed_and_cut(section: str, path: str, values: tuple[Any, Any], level: str) -> None:
    sides = []
    for value in values:
        whole = copy.deepcopy({"feeding": FEEDING, "tiling": TILING}[section])
        _set({"builds": [whole]}, path, value)
        sides.append(_set(_contract(), section, whole))
    assert [each.level for each in contract_changes(*sides)] == [level]


def test_a_section_that_was_not_said_before_breaks_nothing() -> None:
    """Bundles of the first format say None, or nothing, of how they are fed."""
    more = _set(_contract(), "feeding", FEEDING)
    for before in (_contract(), _set(_contract(), "feeding", None)):
        assert {each.level for each in contract_changes(before, more)} == {"minor", "patch"}
    assert highest(contract_changes(more, _set(_contract(), "feeding", None))) == "major"


def test_a_fact_that_is_said_for_the_first_time_is_minor_and_one_no_longer_said_breaks() -> None:
    more = _set(_contract(), "halo_px", 8)
    assert [each.level for each in contract_changes(_contract(), more)] == ["minor"]
    assert [each.level for each in contract_changes(more, _contract())] == ["major"]


def test_every_fact_of_todays_contract_is_in_the_table() -> None:
    facts = [path[2:] for path in leaves(_contract()) if path[0] == "builds"]
    assert [path for path in facts if rule_of(path) is UNKNOWN] == []


def test_every_rule_says_why() -> None:
    assert all(rule.why and rule.pattern for rule in RULES)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(_values)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert contract_changes(value, value) == ()


@given(st.from_regex(r"[a-z_]{1,10}", fullmatch=True), st.integers(), st.integers())
def test_a_fact_nobody_knows_breaks_when_it_changes(key: str, one: int, two: int) -> None:
    if rule_of((key,)) is not UNKNOWN or key in _contract()["builds"][0]:
        return
    changes = contract_changes(_set(_contract(), key, one), _set(_contract(), key, two))
    assert [each.level for each in changes] == ([] if one == two else ["major"])


@given(st.sets(st.sampled_from(["a", "b", "c", "d"])), st.sets(st.sampled_from(["a", "b", "c", "d"])))
def test_builds_that_went_decide_the_level(old: set[str], new: set[str]) -> None:
    one, two = ({"builds": _contract(*sorted(names))["builds"] if names else []} for names in (old, new))
    wanted = "major" if old - new else "minor" if new - old else "patch"
    assert highest(contract_changes(one, two)) == wanted


@given(st.lists(st.fixed_dictionaries({"name": st.sampled_from(["a", "b"]), "x": st.integers(0, 3)}), max_size=4))
def test_no_object_of_a_list_hides_another_of_its_name(listed: list[dict[str, Any]]) -> None:
    assert len(leaves({"builds": listed})) == max(2 * len(listed), 1)


def test_other_objects_or_another_reading_of_maps_break_firmware() -> None:
    for name in ("classes", "strides"):
        assert rule_of(("contract", "maps", name)).effect == "breaks" and rule_of(("contract", "maps", name)) != UNKNOWN
