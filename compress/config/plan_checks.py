"""What must hold across the sections of a plan, checked before any work is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compress.bundle.manifest import MANIFEST, from_bytes
from compress.config.foreign_checks import student_problems, teacher_problems
from compress.config.frames_checks import frames_problems
from compress.config.names import did_you_mean, listing
from compress.config.operator_check import operator_problems
from compress.config.size_checks import size_problems
from compress.config.tasks import task_problems
from compress.config.unpaired_checks import unpaired_problems
from compress.errors import SignatureError
from compress.models import NETWORK_NAMES, NETWORKS, STUDENT_NAMES, detectors, students_of_any_task, two_headed
from compress.plan import COMMAND_LINE, NO_TARGET, Plan
from compress.records import RuntimeName
from compress.runtimes import open_runtime
from compress.schema import PackageSpec, Section, Target
from compress.schema.key_source import is_file_name
from compress.tflite_kind import TfliteKind


def check_plan(plan: Plan, *, tries_operators: bool = True) -> tuple[str, ...]:
    """One line for each thing in the plan that can't work.

    Nothing is read but the file system's listing; only a target that lacks operators, and a plan with nothing else
    wrong, have the untrained student exported once (``compress.config.operator_check``), where ``tries_operators``.
    """
    from compress.errors import ConfigError
    from compress.flow import check

    problems = [*_networks(plan), *_student(plan), *task_problems(plan), *_paths(plan), *frames_problems(plan)]
    problems.extend((*_target(plan), *size_problems(plan), *unpaired_problems(plan)))
    try:
        check(plan)
        problems.extend(_needs_target(plan))
    except ConfigError as error:
        problems.extend(error.problems)
    return tuple(problems) or (operator_problems(plan) if tries_operators else ())


def _needs_target(plan: Plan) -> Iterator[str]:
    """Without a target, only stages that read nothing of one can run."""
    from compress.stages import load_stage

    parts = (getattr(plan.target, name) for name in Target.model_fields)
    sections = {type(part) for part in parts if isinstance(part, Section)}
    readers = [name for name in plan.stages if sections & set(load_stage(name).parameters.values())]
    if plan.target_name == NO_TARGET and readers:
        known = ", ".join(listing("targets")) or "none found"
        yield f"target: not given, and stage '{readers[0]}' needs it; add target=NAME, one of: {known}"


def _networks(plan: Plan) -> Iterator[str]:
    recipe = plan.recipe
    named = {"student.network": recipe.student.network, "teach.network": recipe.teach.network}
    if recipe.teacher.network is not None:
        named["teacher.network"] = recipe.teacher.network
    for key, name in named.items():
        if name not in NETWORK_NAMES:
            hint = did_you_mean(name, NETWORK_NAMES)
            yield f"{key}: no network '{name}'.{hint} There are: {', '.join(NETWORK_NAMES)}"

    if any(phase.ask for phase in recipe.teach.train.phases):
        yield "teach.train.phases: there is no teacher to ask; leave out ask"
    for name, train in plan.trainings.items():
        blind = name != "teach" and recipe.distill.teacher_sees == "truth"
        if blind and any(phase.ask for phase in train.phases):
            yield f"{name}.train.phases: the teacher sees the truth and can't be asked how bright; leave out ask"
    if recipe.distill.retinex.illumination and recipe.distill.retinex.step is None:
        way = "name the module that is given the brightened picture, like lisc"
        yield f"distill.retinex.step: missing, and illumination is read there; {way}"


def _student(plan: Plan) -> Iterator[str]:
    """The network is a student, and has each setting that it is given."""
    student = plan.recipe.student
    if student.network not in NETWORK_NAMES or student.source.network is not None:
        return
    students = STUDENT_NAMES + students_of_any_task() + detectors() + two_headed()
    if student.network not in students:
        yield f"student.network: '{student.network}' is no student; there are: {', '.join(students)}"
        return
    yield from _variant(student.network, student.variant)
    takes = NETWORKS[student.network].defaults
    for name in student.given:
        if name not in takes:
            key = f"student.{name}"
            origin = plan.origins.get(key, COMMAND_LINE)
            where = "" if origin == COMMAND_LINE else f" ({origin}; {key}= on the command line leaves it out)"
            problem = f"network '{student.network}' has no such setting.{did_you_mean(name, takes)}"
            yield f"{key}: {problem} It takes: {', '.join(takes)}{where}"


def _variant(network: str, variant: str | None) -> Iterator[str]:
    known = tuple(NETWORKS[network].variants)
    if variant is not None and variant not in known:
        there = f"It has: {', '.join(known)}" if known else "It has none"
        yield f"student.variant: network '{network}' has no variant '{variant}'. {there}"


def _paths(plan: Plan) -> Iterator[str]:
    data, recipe = plan.data, plan.recipe
    if data.kind == "paired":
        if data.root is None:
            yield f"data.root: calibration set '{plan.data_name}' needs its folder; add data.root=FOLDER"
        elif not Path(data.root).is_dir():
            yield f"data.root: no folder '{data.root}'"
    if data.slices:
        from compress.data.slices import slice_problems

        yield from slice_problems(data)
    weights = recipe.teacher.weights
    if "teacher" in plan.stages:
        yield from teacher_problems(recipe)
    yield from student_problems(plan)
    if "teacher" in plan.stages and not weights.startswith("builtin:") and not Path(weights).is_file():
        yield f"teacher.weights: no file '{weights}'"
    for place, each in enumerate(recipe.validation.weights):
        if not Path(each.file).expanduser().is_file():
            yield f"validation.weights.{place}: no file '{each.file}'"
    yield from _signing(recipe.package)
    yield from _previous(plan)


def _previous(plan: Plan) -> Iterator[str]:
    """Before the training: the earlier bundle is there, and is of the same recipe and target."""
    if plan.recipe.package.previous is None:
        return
    named, title = plan.recipe.package.previous, f"{plan.recipe_name} on {plan.target_name}"
    try:
        name = from_bytes((Path(named).expanduser() / MANIFEST).read_bytes()).name
    except OSError:
        yield f"package.previous: no bundle in '{named}'; give its folder"
    except SignatureError as error:
        yield f"package.previous: {error}"
    else:
        if name != title:
            yield f"package.previous: '{named}' is of {name!r}, this is {title!r}"


def _signing(package: PackageSpec) -> Iterator[str]:
    if package.key is not None and is_file_name(package.key) and not Path(package.key).is_file():
        yield f"package.key: no file '{package.key}'"
    if package.revoked is not None and not Path(package.revoked).is_file():
        yield f"package.revoked: no file '{package.revoked}'"
    for number, name in enumerate(package.revoked_by):
        if not Path(name).is_file():
            yield f"package.revoked_by.{number}: no file '{name}'"


def _target(plan: Plan) -> Iterator[str]:
    target = plan.target
    yield from _this_machine(target)
    if target.device.runtime not in target.export.builds:
        builds = ", ".join(target.export.builds)
        yield f"target.device.runtime: '{target.device.runtime}' is not among target.export.builds ({builds})"
    for name in target.export.builds:
        yield from _platform(target, name)
        precision, written = target.device.float_precision, open_runtime(name).written_precisions
        if written and precision not in written:
            problem = f"{name} builds have float layers in {' or '.join(written)} only, not in {precision}"
            yield f"target.device.float_precision: {problem}"
    if "tflite" in target.export.builds:
        yield from _integer_tflite(target.export.tflite)
    wide = plan.recipe.quantize.int16 if "quantize" in plan.stages else ()
    if wide and not target.int16_layers:
        yield "quantize.int16: the target has no 16-bit layers (target.int16_layers); take quantize.keep_float"
    elif target.int16_layers and (wide or "sensitivity" in plan.stages):
        yield from _wide_codes(target)


def _this_machine(target: Target) -> Iterator[str]:
    """What the target wants of this machine and what no setting of it will change."""
    from compress.devices.runner.conditions import unmet
    from compress.devices.runner.fingerprint import stable_facts

    if target.device.kind != "local" or not target.device.conditions.pins:
        return
    facts = stable_facts()
    pins = target.device.conditions.model_dump(mode="json")["pins"]
    for line in unmet([pin for pin in pins if pin["fact"] in facts], facts):
        yield f"target.device.conditions.pins: {line} on this machine; take another target"


def _wide_codes(target: Target) -> Iterator[str]:
    """Every build that is wanted must be able to hold 16-bit codes, should a layer get them."""
    from compress.runtimes.wide_codes import WIDE_OPSET

    unable = [name for name in target.export.builds if not open_runtime(name).carries_int16]
    if unable:
        builds = ", ".join(unable)
        way = "set it to false, then layers are left float where the target can, or leave these builds out"
        yield f"target.int16_layers: builds for {builds} can't hold 16-bit codes beside 8-bit ones; {way}"
    if target.export.opset != WIDE_OPSET:
        yield f"target.export.opset: 16-bit codes need opset {WIDE_OPSET}, not {target.export.opset}"


def _platform(target: Target, runtime: RuntimeName) -> Iterator[str]:
    chips, asked = open_runtime(runtime).platforms, target.export.platform
    if not chips or asked in chips or (asked is None and not open_runtime(runtime).needs_platform):
        return
    problem = f"{runtime} builds are made for one chip; add target.export.platform=CHIP, one of"
    yield f"target.export.platform: {problem}: {', '.join(chips)}" + (f"; not for {asked}" if asked else "")


def _integer_tflite(kind: TfliteKind) -> Iterator[str]:
    """What does not go with a file that is integer throughout."""
    if kind.arithmetic != "integer":
        return
    section, way = "target.export.tflite", "or target.export.tflite.arithmetic=trained"
    if kind.ends == "float32":
        yield f"{section}.ends: float32 pictures put float operators into an integer file; set int8, {way}"
    if kind.half_weights:
        yield f"{section}.half_weights: an integer file has no float weights; set false, {way}"
    if kind.activation_bits == 16:
        problem = "TFLite has no 16-bit sum of tensors of two shapes, so no integer file of 16 bits"
        yield f"{section}.activation_bits: {problem}; set 8, {way}"
