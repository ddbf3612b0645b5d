"""Our student under teachers from outside: stage ``teacher``, then ``distill``, as a chain runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_nets
import torch
from foreign_nets import CURVE, MOODY, PAIR, PICTURE, Single, make, source, write_onnx, write_pt2, write_torchscript

from compress.artefacts import FOREIGN, Teacher
from compress.errors import ConfigError
from compress.models.enhance import enhance
from compress.models.weights import load_net
from compress.schema import (
    AdapterSpec,
    DataSpec,
    DistillSpec,
    Hint,
    Phase,
    Seed,
    SourceSpec,
    StudentSpec,
    TeacherSpec,
    Train,
)
from compress.stages import load_stage

DATA = DataSpec(licence="with scikit-image", kind="embedded", size=(64, 88), copies=1)
STUDENT = StudentSpec(width=8, depth=2, light_width=8)
TOLD, ASKED = Phase(epochs=0.05, batch=2), Phase(epochs=0.05, batch=2, ask=True)


def distil(
    spec: SourceSpec,
    adapter: AdapterSpec,
    folder: Path,
    hints: tuple[Hint, ...] = (),
    phases: tuple[Phase, ...] = (TOLD,),
) -> Teacher:
    """The teacher, after a student learnt from it for a step in each phase."""
    for name in ("teacher", "student", "scratch"):
        (folder / name).mkdir()
    load_stage("teacher").function(TeacherSpec(source=spec, adapter=adapter), folder / "teacher")
    teacher = Teacher(folder / "teacher", "key", "digest")
    assert teacher.foreign
    told = DistillSpec(hints=hints, train=Train(phases=phases, precision="fp32"))
    load_stage("distill").function(
        teacher, STUDENT, told, DATA, Seed(seed=0), folder / "student", folder / "scratch", tiny_nets.Told()
    )
    assert (folder / "student" / "net.safetensors").is_file()
    return teacher


@pytest.mark.parametrize(
    ("name", "adapter", "hint"),
    [("curve.Curve", CURVE, "body"), ("pair.Pair", PAIR, "down"), ("moody.Moody", MOODY, "norm")],
)
def test_from_code_with_a_hint_by_name_and_asked_anew(
    name: str, adapter: AdapterSpec, hint: str, tmp_path: Path
) -> None:
    hints = (Hint(teacher=hint, student="repair.middle1"),)
    teacher = distil(source(name, tmp_path), adapter, tmp_path, hints, (TOLD, ASKED))
    net = load_net(teacher.weights)
    dark = torch.randint(0, 60, (41, 57, 3), dtype=torch.uint8).numpy()
    assert enhance(net, dark).shape == dark.shape


@pytest.mark.parametrize("kind", ["onnx", "pt2", "torchscript"])
def test_from_files_without_hints(kind: str, tmp_path: Path) -> None:
    author = Single(make("curve.Curve"), 1)
    if kind == "onnx":  # of one size, so in tiles
        spec = write_onnx(author, tmp_path / "net.onnx", free=False)
        adapter = PICTURE.model_copy(update={"tile": (32, 48), "padding": "replicate"})
    else:
        spec = write_pt2(author, tmp_path / "n.pt2") if kind == "pt2" else write_torchscript(author, tmp_path / "n.pt")
        adapter = PICTURE
    distil(spec, adapter, tmp_path, phases=(TOLD, ASKED))


def test_hints_of_what_has_no_modules_are_refused_with_a_way_out(tmp_path: Path) -> None:
    spec = write_onnx(Single(make("curve.Curve"), 1), tmp_path / "net.onnx")
    with pytest.raises(ConfigError, match="an ONNX network has no modules; leave out hints, or give the module"):
        distil(spec, PICTURE, tmp_path, (Hint(teacher="body", student="repair.middle1"),))


def test_hints_of_modules_that_are_not_there_or_give_no_features(tmp_path: Path) -> None:
    for number, (module, says) in enumerate(
        (("bdy", "no module 'bdy' in Curve; there are: enter, enter.0, "), ("", "no module ''"))
    ):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(ConfigError, match=says):
            distil(
                source("curve.Curve", tmp_path), CURVE, tmp_path / str(number),
                (Hint(teacher=module, student="repair.middle1"),),
            )  # fmt: skip


def test_shrunken_pictures_are_not_asked_about(tmp_path: Path) -> None:
    shrunk = Phase(epochs=0.05, batch=2, downscale=2, ask=True)
    with pytest.raises(
        ConfigError, match="phases.1.ask: a teacher from outside can't be told that pictures are shrunk"
    ):
        distil(source("curve.Curve", tmp_path), CURVE, tmp_path, phases=(TOLD, shrunk))


def test_the_answers_asked_for_are_those_of_the_author(tmp_path: Path) -> None:
    import numpy as np

    from compress.data.source import open_data

    distil(source("curve.Curve", tmp_path), CURVE, tmp_path)
    dark = open_data(DATA, "train").pair(0)[0]
    kept = np.load(tmp_path / "scratch" / "guide" / "output-00000.npy")
    with torch.no_grad():
        wanted = make("curve.Curve")(torch.from_numpy(np.array(dark)).permute(2, 0, 1)[None] / 255.0)[1].clamp(0, 1)
    assert np.abs(kept / 255.0 - wanted[0].permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6
    assert (tmp_path / "teacher" / FOREIGN).is_file()
