"""From words to plans: values, sweeps, origins, and every mistake at once in plain words."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.config.keys import all_keys, is_known, unknown_key
from compress.config.load import load_data, load_plans, load_recipe, load_target
from compress.config.words import parse_words, split_commas
from compress.errors import ConfigError
from compress.plan import Plan
from compress.schema import StudentSpec

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.usefixtures("workplace", "toy_stages")


def plan_of(*words: str) -> Plan:
    (plan,) = load_plans(("recipe=toy", "target=box", *words))
    return plan


def problems_of(*words: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_plans(words)
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def wrong(*words: str) -> str:
    """The one problem of a toy plan with these words."""
    (problem,) = problems_of("recipe=toy", "target=box", *words)
    return problem


def test_file_then_command_line_win_over_defaults() -> None:
    plan = plan_of("student.width=24", "quantize.train.warmup=0.1", "target.budget.min_fps=30", "data.copies=2")
    assert (plan.recipe.student.width, plan.recipe.student.light_width) == (24, 10)
    assert plan.recipe.quantize.train.lr == 3e-4
    assert plan.recipe.quantize.train.warmup == 0.1
    assert plan.recipe.quantize.train.precision == "fp32"  # the default of this place, not of Train
    assert (plan.target.budget.min_fps, plan.data.copies) == (30.0, 2)
    assert (plan.recipe_name, plan.target_name, plan.data_name) == ("toy", "box", "pictures")


def test_origins_name_file_or_command_line() -> None:
    origins = plan_of("student.width=24", "data.copies=2").origins
    assert origins["student.width"] == "command line"
    assert origins["data.copies"] == "command line"
    assert origins["quantize.train.lr"] == "recipes/toy.yaml"
    assert origins["target.budget.min_fps"] == "targets/box.yaml"
    assert origins["data.licence"] == "calibration/pictures.yaml"
    assert "student.light_width" not in origins


def test_lists_and_their_items() -> None:
    size, builds = "target.export.size=[200, 300]", "target.export.builds=[openvino]"
    plan = plan_of(size, builds, "distill.train.phases.0.epochs=3")
    assert plan.target.export.size == (200, 300)
    assert plan.recipe.distill.train.phases[0].epochs == 3
    assert plan.target.export.builds == ("openvino",)


def test_a_sweep_gives_all_points_in_order() -> None:
    plans = load_plans(("recipe=toy", "target=box,board", "student.width=16,24", "seed=0"))
    assert [(plan.target_name, plan.recipe.student.width) for plan in plans] == [
        ("box", 16), ("box", 24), ("board", 16), ("board", 24),
    ]  # fmt: skip


def test_a_sweep_over_lists() -> None:
    plans = load_plans(("recipe=toy", "target=box", "target.export.size=[40,60],[80,120]"))
    assert [plan.target.export.size for plan in plans] == [(40, 60), (80, 120)]


def test_the_first_bad_point_stops_the_sweep_before_anything_runs() -> None:
    assert wrong("student.width=16,24,wide") == "student.width: should be an integer, not 'wide'"


def test_all_problems_at_once_each_once() -> None:
    words = ("recipe=ty", "target=box,board", "student.widht=24", "student.width=wide", "foo", "data=nowhere")
    found = problems_of(*words)
    assert found == (
        "'foo': should be key=value, like student.width=24",
        "student.widht: no such key. Did you mean 'student.width'?",
        "no recipe 'ty'. Did you mean 'toy'? There are: " + ", ".join(_names("recipes", "toy")),
        "no calibration set 'nowhere'. There are: " + ", ".join(_names("calibration", "pictures", "pairs")),
        "student.width: should be an integer, not 'wide'",
    )


def _names(group: str, *here: str) -> list[str]:
    shipped = (path.relative_to(ROOT / group).with_suffix("").as_posix() for path in (ROOT / group).rglob("*.yaml"))
    return sorted({*here, *shipped})


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("student.width=24.0", "student.width: should be an integer, not 24.0"),
        ("student.width=true", "student.width: should be an integer, not true"),
        ("teach.width=", "teach.width: should be an integer, not nothing"),
        ("student.width='24'", "student.width: should be an integer, not '24'"),
        ("student.width=-3", "student.width: should be greater than 0, not -3"),
        ("student.width=[1,2]", "student.width: should be an integer, not [1, 2]"),
        ("quantize.train.lr=fast", "quantize.train.lr: should be a number, not 'fast'"),
        ("prune.keep_macs=1.5", "prune.keep_macs: should be at most 1, not 1.5"),
        ("distill.control=yes", "distill.control: should be true or false, not 'yes'"),
        ("target.device.host=7", "should be text (in quotes where it looks like something else), not 7"),
        ("target.device.kind=shh", "should be one of 'local', 'ssh', 'adb' or 'none', not 'shh'. Did you mean 'ssh'?"),
        ("target.export.size=[400]", "target.export.size.1: a value is missing"),
        ("target.export.size=400", "target.export.size: should be a list like [a, b], not 400"),
        ("stages=[]", "stages: should have at least 1 items, not 0"),
        ("stages=[teacher,distil]", "not 'distil'. Did you mean 'distill'?"),
        ("distill.train.phases.7.epochs=1", "distill.train.phases.7.epochs: nothing there to change"),
        ("distill.train.phases.0.epoch=1", "no such key. Did you mean 'distill.train.phases.0.epochs'?"),
        ("student={width: 3}", "student: is a group of keys; give them one by one, like student.network=…"),
        ("studnet.width=3", "studnet.width: no such key. Did you mean 'student.width'?"),
        ("width=3", "Did you mean 'teach.width' or 'unpaired.width' or 'student.width'?"),
        ("targt.budget.min_fps=3", "targt.budget.min_fps: no such key. Did you mean 'target.budget.min_fps'?"),
        ("data.rot=x", "data.rot: no such key. Did you mean 'data.root'?"),
        ("student.width.x=3", "student.width.x: no such key."),
        ("zzz=3", "zzz: no such key."),
        ("student.network=light_twn", "student.network: no network 'light_twn'. Did you mean 'light_twin'?"),
        ("data=pairs", "data.root: calibration set 'pairs' needs its folder; add data.root=FOLDER"),
        ("data=../calibration/pictures", "no calibration set '../calibration/pictures'"),
        ("target.device.runtime=rknn", "target.device.runtime: 'rknn' is not among target.export.builds"),
        ("teacher.weights=missing.safetensors", "teacher.weights: no file 'missing.safetensors'"),
        ("package.key=missing.pem", "package.key: no file 'missing.pem'"),
        ("package.previous=missing", "package.previous: no bundle in 'missing'; give its folder"),
        ("student.width=1,,2", "student.width: a value is missing beside a comma"),
        ("student.width=16,16", "student.width: 16 is listed twice"),
        ("seed={", "seed: "),
        ("=3", "'=3': a key is missing"),
        ("toy", "'toy': should be key=value. Did you mean 'recipe=toy'?"),
        ("box", "'box': should be key=value. Did you mean 'target=box'?"),
        ("recipe=toy", "recipe: given twice"),
    ],
)
def test_a_mistake_is_one_line_in_plain_words(word: str, says: str) -> None:
    assert says in wrong(word)


def test_a_network_brings_the_defaults_of_its_own_settings() -> None:
    student = plan_of("student.network=plain_cnn").recipe.student
    assert (student.network, student.given) == ("plain_cnn", {"width": 16, "depth": 5})  # the recipe's width
    assert plan_of("student.network=unet_lite", "student.depth=3").recipe.student.given == {"width": 16, "depth": 3}
    assert plan_of("student.width=").recipe.student.width == 32  # nothing: the network's own, whatever the recipe says


def test_the_settings_of_a_network_are_its_key_and_nothing_else() -> None:
    """Stored results stay found: what light_twin's settings were before others had settings of their own."""
    before = {"network": "light_twin", "width": 32, "depth": 4, "light_width": 10, "reparameterize": False}
    assert StudentSpec().identity() == StudentSpec(width=32, light_width=10).identity() == before
    assert StudentSpec().settled().identity() == before
    assert StudentSpec(network="plain_cnn").identity() == {
        "network": "plain_cnn", "width": 32, "depth": 5, "reparameterize": False
    }  # fmt: skip


def test_settings_that_a_network_lacks_are_all_named_at_once(workplace: Path) -> None:
    (workplace / "recipes/curve.yaml").write_text(
        "stages: [teacher]\ndata: pictures\nstudent: {network: light_curve, light_width: 8}\n"
    )
    takes = "It takes: width, depth, iterations"
    assert problems_of("recipe=curve", "target=box") == (
        f"student.light_width: network 'light_curve' has no such setting. Did you mean 'width'? {takes} "
        "(recipes/curve.yaml; student.light_width= on the command line leaves it out)",
    )
    assert load_plans(("recipe=curve", "student.light_width="))[0].recipe.student.iterations == 5
    words = ("student.network=plain_cnn", "student.light_width=8", "student.iterations=3", "package.key=missing.pem")
    assert problems_of("recipe=toy", "target=box", *words) == (
        "student.light_width: network 'plain_cnn' has no such setting. Did you mean 'width'? It takes: width, depth",
        "student.iterations: network 'plain_cnn' has no such setting. It takes: width, depth",
        "package.key: no file 'missing.pem'",
    )
    assert wrong("student.network=retinex_unet") == (
        "student.network: 'retinex_unet' is no student; there are: light_twin, plain_cnn, ldfc, light_curve, "
        "rir, unet_lite, anchor_cnn, fcos_lite, night_pair"
    )


def test_a_sweep_over_networks_gives_each_its_own_settings() -> None:
    plans = load_plans(("recipe=toy", "target=box", "student.network=light_twin,unet_lite", "student.width=24"))
    assert [plan.recipe.student.given for plan in plans] == [
        {"width": 24, "depth": 4, "light_width": 10}, {"width": 24, "depth": 2},
    ]  # fmt: skip


def test_a_teacher_in_training_has_no_teacher_to_ask(workplace: Path) -> None:
    problems = problems_of("recipe=toy", "target=box", "teach.train.phases=[{epochs: 1, ask: true}]")
    assert problems == ("teach.train.phases: there is no teacher to ask; leave out ask",)


def test_paths_do_not_lead_out_of_the_folders(workplace: Path) -> None:
    (workplace / "secret.yaml").write_text("stages: [teacher]\n")
    assert "no recipe '../secret'" in problems_of("recipe=../secret", "target=box")[0]


def test_a_key_and_its_group_clash() -> None:
    found = problems_of("recipe=toy", "target=box", "target.export.size=[1,2]", "target.export.size.0=4")
    assert found == ("target.export.size: overlaps with target.export.size.0; give one of the two",)


def test_mistakes_in_files_name_the_file(workplace: Path) -> None:
    (workplace / "recipes/bad.yaml").write_text("stages: [teacher]\nstudnet: {width: 3}\nseed: -1\ndata: pictures\n")
    assert problems_of("recipe=bad", "target=box") == (
        "seed: should be at least 0, not -1 (recipes/bad.yaml)",
        "studnet: no such key. Did you mean 'student'? (recipes/bad.yaml)",
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "should be a group of 'key: value' lines"),
        (b"- a\n", "should be a group of 'key: value' lines"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"stages: [teacher]\nstages: [teacher]\n", "the key 'stages' is given twice (line 2, column 1)"),
        (b"description: x\n", "stages: is required"),
        (b"#" * 2_000_000, "not a configuration file"),
    ],
)
def test_broken_files(workplace: Path, content: bytes, says: str) -> None:
    (workplace / "recipes/bad.yaml").write_bytes(content)
    (problem,) = problems_of("recipe=bad", "target=box", "data=pictures")
    assert says in problem
    assert "recipes/bad.yaml" in problem


def test_a_chain_that_cannot_work_is_refused_before_it_runs() -> None:
    assert "distill" in wrong("stages=[distill]")


def test_a_target_is_asked_for_only_where_a_stage_reads_it() -> None:
    (plan,) = load_plans(("recipe=toy", "stages=[teacher,distill]"))
    assert plan.target_name == "none"
    assert problems_of("recipe=toy")[0].startswith("target: not given, and stage 'gate' needs it; add target=NAME")


def test_too_large_a_sweep_is_refused() -> None:
    numbers = ",".join(str(number) for number in range(1, 40))
    found = problems_of("recipe=toy", "target=box", f"student.width={numbers}", f"seed={numbers}")
    assert found == ("this sweep makes 1521 plans; at most 1000 at once",)


def test_the_working_folder_comes_before_the_package(workplace: Path) -> None:
    (workplace / "targets/x86_edge.yaml").write_text("description: mine\n")
    assert load_plans(("recipe=toy", "target=x86_edge"))[0].target.description == "mine"
    assert load_plans(("recipe=toy", "target=rk3588"))[0].target.scheme.activations == "affine"


def test_nested_names(workplace: Path) -> None:
    (workplace / "targets/lab").mkdir()
    (workplace / "targets/lab/one.yaml").write_text("description: in the lab\n")
    assert load_plans(("recipe=toy", "target=lab/one"))[0].target.description == "in the lab"


def _shipped(group: str) -> list[Path]:
    return sorted((ROOT / group).rglob("*.y*ml"))


@pytest.mark.parametrize("path", _shipped("recipes"), ids=lambda path: path.stem)
def test_every_shipped_recipe_loads(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.description
    assert "compress run recipe=" + path.stem in path.read_text(encoding="utf-8")
    assert (ROOT / "calibration" / f"{recipe.data}.yaml").is_file()


@pytest.mark.parametrize("path", _shipped("targets"), ids=lambda path: path.stem)
def test_every_shipped_target_loads_and_names_its_sources(path: Path) -> None:
    target = load_target(path)
    assert target.description
    assert "target=" + path.stem in path.read_text(encoding="utf-8")
    assert target.hardware
    assert all(fact.value and fact.source for fact in target.hardware)
    assert target.device.runtime in target.export.builds


@pytest.mark.parametrize("path", _shipped("calibration"), ids=lambda path: path.stem)
def test_every_shipped_calibration_set_loads(path: Path) -> None:
    assert load_data(path).licence


def test_shipped_files_end_in_yaml() -> None:
    """``.yml`` files would not be found."""
    assert all(path.suffix == ".yaml" for group in ("recipes", "targets", "calibration") for path in _shipped(group))


def test_every_key_is_known_and_none_suggests_itself() -> None:
    keys = all_keys()
    assert {"student.width", "target.budget.min_fps", "data.root", "distill.train.phases", "seed"} <= set(keys)
    assert all(is_known(key) for key in keys)
    for key in keys:
        assert "Did you mean" in unknown_key(key + "x")


@given(st.text("ab,[]{}'\" =", max_size=16))
def test_splitting_loses_nothing(text: str) -> None:
    assert ",".join(split_commas(text)) == text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ("a", "b")), ("[1,2],[3,4]", ("[1,2]", "[3,4]")), ("'a,b',c", ("'a,b'", "c")), ("a", ("a",)),
        ("{a: [1,2], b: 3}", ("{a: [1,2], b: 3}",)), ("[1,2", ("[1,2",)), ("don't,won't", ("don't", "won't")),
        ("[[1,2],[3]],4", ("[[1,2],[3]]", "4")), ("a]b,c", ("a]b,c",)), ("", ("",)),
    ],
)  # fmt: skip
def test_commas_inside_brackets_and_quotes_stay(text: str, parts: tuple[str, ...]) -> None:
    assert split_commas(text) == parts


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("data.licence=Ann, Bob and Eve", ("Ann, Bob and Eve",)), ("data.licence='Ann, Bob'", ("Ann, Bob",)),
        ("target.description=fast,small", ("fast,small",)), ("data.root='a, b'", ("a, b",)),
        ('data.root="a,b",c', ("a,b", "c")), ("student.width=16, 32", (16, 32)), ("data.root=a,b", ("a", "b")),
    ],
)  # fmt: skip
def test_a_text_can_hold_a_comma(word: str, values: tuple[object, ...]) -> None:
    (choice,), problems = parse_words((word,))
    assert choice.values == values and not problems


def test_a_comma_that_was_meant_for_the_text_is_told_how_to_get_there() -> None:
    choices, (problem,) = parse_words(("data.root=/mnt/Ann's, Bob",))
    assert not choices and "a comma starts a sweep" in problem
    quoted = shlex.split(problem.partition("shell's: ")[2])
    assert parse_words(tuple(quoted))[0][0].values == ("/mnt/Ann's, Bob",)


@settings(deadline=None)  # the first call imports what the checks need
@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_words_give_plans_or_one_line_each(words: list[str]) -> None:
    try:
        load_plans(tuple(words))
    except ConfigError as error:
        assert error.problems
