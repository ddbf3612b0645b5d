"""What a recipe says of a student from outside is checked before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.config.load import load_plans
from compress.config.plan_checks import check_plan
from compress.errors import ConfigError
from compress.schema import Budget, Promotion, QuantizeSpec

ADAPTER = (
    "student.adapter.colours=RGB", "student.adapter.range=0..1", "student.adapter.answers=picture",
    "student.adapter.size_multiple=1",
)  # fmt: skip


def problems(*words: str) -> tuple[str, ...]:
    try:
        plans = load_plans(("target=x86_edge", *words))
    except ConfigError as error:
        return error.problems
    return tuple(line for plan in plans for line in check_plan(plan))


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "net.onnx").write_bytes(b"not looked into")
    (tmp_path / "net.py").write_text("raise SystemExit\n")
    (tmp_path / "net.pt").write_bytes(b"PK")
    return str(tmp_path / "net.onnx")


def test_ptq_of_a_file_is_all_right(file: str) -> None:
    assert not problems("recipe=ptq", f"student.source.network={file}", *ADAPTER)


@pytest.mark.parametrize(
    ("words", "mean_db", "worst_db"),
    [
        ((), 0.1, 0.5),
        (("target.budget.max_worst_drop_db=2", "target.budget.max_int8_drop_db=1"), 1.0, 2.0),
        (("target.budget.max_worst_drop_db=null",), 0.1, None),
        (("sensitivity.max_worst_drop_db=0.3",), 0.1, 0.3),
        (("sensitivity.max_int8_drop_db=0.01",), 0.1, 0.5),  # x86_edge says one
    ],
)
def test_ptq_promises_a_budget_where_the_target_says_none(
    words: tuple[str, ...], mean_db: float, worst_db: float | None, file: str
) -> None:
    (plan,) = load_plans(("recipe=ptq", "target=x86_edge", f"student.source.network={file}", *ADAPTER, *words))
    budget, promotion = plan.sections[Budget], plan.sections[Promotion]
    assert isinstance(budget, Budget) and isinstance(promotion, Promotion)
    for found in (budget, promotion):
        assert (found.max_int8_drop_db, found.max_worst_drop_db) == (mean_db, worst_db)
    assert "max_worst_drop_db" not in plan.recipe.sensitivity.identity()  # it is in those two
    (other,) = load_plans(("recipe=adopt", "target=x86_edge", f"student.source.network={file[:-4]}py:Net",
                           f"student.source.weights={file}", *ADAPTER))  # fmt: skip
    assert other.sections[Budget] == other.target.budget


@pytest.mark.parametrize("recipe", ["ptq", "adopt"])
def test_a_network_is_asked_for(recipe: str) -> None:
    (line,) = problems(f"recipe={recipe}")
    assert line.startswith("student.source.network: stage 'student' takes in a network of yours")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("recipe=ptq",), "student.adapter.colours: has to be said"),
        (("recipe=ptq", *ADAPTER, "student.width=8"), "student.width: is of our own networks"),
        (("recipe=ptq", *ADAPTER, "student.adapter.tile=[32,32]"), "student.adapter.tile: a student is built as one"),
        (("recipe=adopt", *ADAPTER), "stages: 'prune' takes channels out of layers that the author wrote"),
        (("recipe=tiny", *ADAPTER), "student.source: stage 'distill' trains a network of ours; use recipe=adopt"),
        (("recipe=teach_low_light", *ADAPTER), "student.source: no stage takes it in"),
    ],
)
def test_what_can_t_be_is_said_with_the_way_out(words: tuple[str, ...], says: str, file: str) -> None:
    found = problems(*words, f"student.source.network={file}")
    assert any(line.startswith(says) for line in found), found


def test_torchscript_and_a_missing_file(file: str) -> None:
    script = file.replace(".onnx", ".pt")
    words = ("recipe=ptq", *ADAPTER, "student.source.trust=torchscript")
    (line,) = problems(*words, f"student.source.network={script}")
    assert line.startswith("student.source.network: a TorchScript archive's layers can't be quantized")
    (line,) = problems("recipe=ptq", *ADAPTER, f"student.source.network={file}.onnx")
    assert line == f"student.source.network: no file '{file}.onnx'"


def test_only_quantization_may_go_without_training() -> None:
    assert QuantizeSpec.model_validate({"train": {"phases": ()}}).train.phases == ()
    with pytest.raises(Exception, match="at least 1"):
        load_plans(("recipe=tiny", "target=x86_edge", "distill.train.phases=[]"))
