"""Stage ``validate``: the quality of every build on the test split, and its speed on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.artefacts import Builds, Labels, Measurements, Quantized, Teacher
from compress.errors import BuildError
from compress.looks.album import Album
from compress.looks.given import Way, look_at_given
from compress.looks.records import Kind, Shown
from compress.records import (
    Build,
    BuildList,
    Origin,
    QualityReport,
    SpeedReport,
    SpeedRow,
    Through,
    Variant,
)
from compress.runtimes import RUNTIMES, open_runtime, runs_here
from compress.schema import DataSpec, DeviceSpec, Slices, ValidateSpec
from compress.stage import Progress, stage
from compress.tasks import task_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.data.source import Source
    from compress.devices.local import Measured
    from compress.runtimes.on_board import OnBoard
    from compress.tasks.base import Task

    Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class _Route:
    """One network through one runtime, as a function of a picture to what the task calls an answer.

    ``on_device``: run on the target's board.
    """

    variant: Variant
    through: Through
    run: Callable[[Picture], Any]
    on_device: bool = False


@stage(
    gives=Measurements, version=3,
    environment=("torch", "nncf", "openvino", "onnxruntime", "scikit-image", "pillow", "numpy"),
)  # fmt: skip
def validate(
    builds: Builds, quantized: Quantized, validation: ValidateSpec, data: DataSpec, device: DeviceSpec,
    slices: Slices, out: Path, progress: Progress, teacher: Teacher | None = None, labels: Labels | None = None,
) -> None:  # fmt: skip
    """Write ``quality.json`` and ``looks`` (the same every time on one machine) and ``speed.json`` (a measurement).

    Where the truth are the given pictures themselves, shrunk by their kernel, ``given`` shows them enlarged. With
    ``validation.backlit`` also ``backlit``, of pictures that are lit from one side.
    A teacher from outside was not built: it runs through torch. With ``labels`` the teacher is the reference itself.

    Raises BuildError for a build that doesn't run, DataError for a test split without pictures, DeviceError for a
    board that is named and can't be used, Busy when another process has been measuring on the device for too long.
    """
    from compress.data.source import open_source
    from compress.models.weights import load_net

    listed = BuildList.read(builds.folder / "builds.json")
    source, task = open_source(data, "test", labels), task_of(data)
    board = _on_board(listed, builds.folder, validation, source, device, progress)
    routes = list(_routes(listed, builds.folder, quantized, validation, device, board, task))
    if labels is not None:
        routes = [route for route in routes if route.variant != "teacher"]
    elif teacher is not None and teacher.foreign and "teacher" in validation.quality:
        routes.insert(1, _Route("teacher", "torch", task.ask(load_net(teacher.weights).eval())))
    quality = _quality(routes, _float_self(listed), validation, data, slices, device, out, progress, source, labels)
    quality.write(out / "quality.json")
    if labels is not None and labels.kernel is not None:
        progress.say("enlarges the given pictures, of which there is no truth")
        look_at_given(source, _count(source, validation), _ways(routes, _float_self(listed), device, task), out)
    if validation.backlit:
        from compress.backlight.measure import measure_backlight

        ways = _ways(routes, _float_self(listed), device, task)
        measure_backlight(source, min(validation.backlit, _count(source, validation)), ways, out, progress.update)
    if board is None:
        speed = _speed(listed, builds.folder, validation, device, progress)
    else:
        speed = _speed_on_board(listed, board, device)
    speed.write(out / "speed.json")


def _on_board(
    listed: BuildList, folder: Path, validation: ValidateSpec, source: Source[Any], device: DeviceSpec,
    progress: Progress,
) -> OnBoard | None:  # fmt: skip
    """What the target's board gives, None where it is not asked."""
    from compress.runtimes.on_board import Named, Timing, run_builds

    site = device.site()
    if site.board is None:
        return None
    pictures = tuple(source.pair(index)[0] for index in range(_count(source, validation)))
    timed = tuple(
        Named(build.name, folder, build)
        for build in listed.builds if build.runtime == device.runtime and build.height is not None
    )  # fmt: skip
    progress.say(f"runs {len(timed)} builds on {device.host}, {validation.timed_runs} timed runs each")
    timing = Timing(validation.warmup_runs, validation.timed_runs)
    return run_builds(site.board, timed, pictures, site.options, timing, progress.update)


def _count(source: Source[Any], validation: ValidateSpec) -> int:
    return min(len(source), validation.max_images or len(source))


def _routes(
    listed: BuildList, folder: Path, quantized: Quantized, validation: ValidateSpec, device: DeviceSpec,
    board: OnBoard | None, task: Task[Any, Any],
) -> Iterator[_Route]:  # fmt: skip
    """The input as it is, then every network through the device's runtime; what ships also through all others.

    Where the device's own runtime can't run here, ONNX Runtime or OpenVINO stands in. What the board itself
    answered takes the place of what its runtime answers here.
    """
    from compress.models.quantized import load_fake_quant

    yield _Route("input", "none", task.untouched)
    for variant in validation.quality:
        found = _runnable(listed, variant, device)
        if variant == "int8" and board is not None and board.answers:
            yield _Route(variant, device.runtime, board, on_device=True)
            found = [build for build in found if build.runtime != device.runtime]
        for build in found if variant == "int8" else found[:1]:
            runner = task.ask_build(build, folder, device.site().options_for(build))
            yield _Route(variant, build.runtime, runner)
        if variant == "int8":
            yield _Route("int8", "torch", task.ask(load_fake_quant(quantized.folder, "qat")))


def _runnable(listed: BuildList, variant: Variant, device: DeviceSpec) -> list[Build]:
    """One build of ``variant`` per runtime that runs here, the device's runtime first, fixed size before free."""
    order = list(dict.fromkeys((device.runtime, "openvino", "onnx", *RUNTIMES)))
    found: dict[str, Build] = {}
    for build in sorted(listed.builds, key=lambda build: build.height is None):
        if build.variant == variant and runs_here(build.runtime):
            found.setdefault(build.runtime, build)
    return sorted(found.values(), key=lambda build: order.index(build.runtime))


def _float_self(listed: BuildList) -> Variant:
    """The float network that became INT8."""
    return "pruned" if any(net.variant == "pruned" for net in listed.nets) else "student"


def _quality(
    routes: list[_Route], full: Variant, validation: ValidateSpec, data: DataSpec, slices: Slices, device: DeviceSpec,
    out: Path, progress: Progress, source: Source[Any], labels: Labels | None,
) -> QualityReport:  # fmt: skip
    from compress.data.labelled import as_fidelity
    from compress.data.slices import brightness_slices, named_slices
    from compress.data.source import data_digest, decoder_name

    task = task_of(data)
    count = _count(source, validation)
    scorer = task.judge([route.variant for route in routes], full, validation.wanted(task.metrics))
    brightness: list[float] = []
    shown = _shown(routes, full)
    boxes_of = _boxes_of(shown, task)
    album = Album(out, count, _kinds(shown, device, boxes_of))
    for index in range(count):
        progress.update(index, count, f"quality of {source.names[index]}")
        dark, truth = source.pair(index)
        brightness.append(float(dark.mean()) / 255.0)
        answers = [_answer(route, dark, source.names[index]) for route in routes]
        scorer.add(answers, truth)
        said = {kind: answers[routes.index(route)] for kind, route in shown.items()}
        looked_at: dict[Kind, Picture] = {kind: task.drawn(dark, answer) for kind, answer in said.items()}
        if boxes_of is not None:
            looked_at["input"] = task.drawn_input(dark, said[boxes_of])
        album.add(index, source.names[index], {**looked_at, "truth": task.drawn_truth(dark, truth)})
    album.close()
    images = source.names[:count]
    report = QualityReport(
        definition=scorer.definition, decoder=decoder_name(), data_digest=data_digest(data), data_kind=data.kind,
        images=images, metrics=scorer.facts(), input_label=task.input_label,
        rows=tuple(scorer.row(place, route.through, _origin(route, device)) for place, route in enumerate(routes)),
        slices=brightness_slices(images, tuple(brightness)) + named_slices(images, slices) if scorer.by_picture else (),
    )  # fmt: skip
    return report if labels is None else as_fidelity(report, labels)


def _shown(routes: list[_Route], full: Variant) -> dict[Kind, _Route]:
    """The routes whose answers are looked at: of each variant the first, which is the device's where that runs."""
    wanted: tuple[tuple[Kind, Variant], ...] = (
        ("input", "input"), ("teacher", "teacher"), ("float", full), ("int8", "int8"),
    )  # fmt: skip
    found = ((kind, next((route for route in routes if route.variant == variant), None)) for kind, variant in wanted)
    return {kind: route for kind, route in found if route is not None}


def _boxes_of(shown: dict[Kind, _Route], task: Task[Any, Any]) -> Kind | None:
    """Whose boxes the input is shown with: those of what ships, None where it is shown as it is."""
    wanted: tuple[Kind, ...] = ("int8", "float") if task.boxes_on_input else ()
    return next((kind for kind in wanted if kind in shown), None)


def _kinds(shown: dict[Kind, _Route], device: DeviceSpec, boxes_of: Kind | None = None) -> Iterator[Shown]:
    for kind, route in shown.items():
        yield Shown(
            kind=kind, variant=route.variant, through=route.through, origin=_origin(route, device),
            boxes_of=boxes_of if kind == "input" else None,
        )  # fmt: skip
    yield Shown(kind="truth", variant=None, through=None, origin="measured")


def _ways(routes: list[_Route], full: Variant, device: DeviceSpec, task: Task[Any, Any]) -> list[Way]:
    """What answers other pictures: the routes that are looked at, but a board's, which saw test pictures alone."""
    shown = _shown([route for route in routes if not route.on_device], full)
    described = {each.kind: each for each in _kinds(shown, device)}
    return [Way(described[kind], partial(_drawn, route, task)) for kind, route in shown.items()]


def _drawn(route: _Route, task: Task[Any, Any], given: Picture) -> Picture:
    return task.drawn(given, _answer(route, given, "a given picture"))


def _answer(route: _Route, dark: Picture, name: str) -> Any:
    try:
        return route.run(dark)
    except BuildError as error:
        raise BuildError(f"{route.variant} through {route.through} on {name}: {error}") from None


def _origin(route: _Route, device: DeviceSpec) -> Origin:
    """A simulator, or a runtime of this machine that stands in for a device elsewhere: what the device would do."""
    simulates = route.through in RUNTIMES and open_runtime(route.through).simulates
    here = route.variant == "input" or route.on_device or device.kind == "local" and not simulates
    return "measured" if here else "simulated"


def _speed(
    listed: BuildList, folder: Path, validation: ValidateSpec, device: DeviceSpec, progress: Progress
) -> SpeedReport:
    """All fixed-size builds for the device's runtime, and what ships with its float self for the others."""
    from compress.devices.runner.fingerprint import device_name

    if device.kind != "local":
        where = device.host or device.kind
        return SpeedReport(device=where, fingerprint={}, rows=(), not_measured=device.site().absent)
    full = _float_self(listed)
    timed = [
        build for build in listed.builds
        if build.height is not None and runs_here(build.runtime) and not open_runtime(build.runtime).simulates
        and (build.runtime == device.runtime or build.variant in ("int8", full))
    ]  # fmt: skip
    again = [build for build in timed if build.variant == full and _precision(build, device) != device.float_precision]
    again = [build for build in again if build.runtime == device.runtime == "openvino"]
    done = _timed(timed, again, folder, validation, device, progress)
    conditions = {**done.fingerprint, "threads": str(device.threads), "float_precision": device.float_precision}
    samples = done.value or {}
    rows = tuple(_speed_row(build, samples[build.name], device) for build in timed if build.name in samples)
    also = tuple(_speed_row(build, samples[_again(build)], device, again=True) for build in again if samples)
    why = "; ".join(done.unmet) or (None if rows else "no build that runs on this machine")
    return SpeedReport(device=device_name(), fingerprint=conditions, rows=rows, also=also, not_measured=why)


def _again(build: Build) -> str:
    """What a build is called that is timed once more, in the device's own float precision."""
    return f"{build.name} again"


def _precision(build: Build, device: DeviceSpec) -> str:
    return device.site().options_for(build).float_precision


def _speed_on_board(listed: BuildList, board: OnBoard, device: DeviceSpec) -> SpeedReport:
    rows = tuple(
        _speed_row(build, board.samples_ms[build.name], device)
        for build in listed.builds if build.name in board.samples_ms
    )  # fmt: skip
    conditions = {**board.fingerprint(), "threads": str(device.threads), "float_precision": device.float_precision}
    why = "; ".join(board.unmet()) or (None if rows else f"no build for {device.runtime}")
    return SpeedReport(device=board.name(str(device.host)), fingerprint=conditions, rows=rows, not_measured=why)


def _timed(
    timed: list[Build],
    again: list[Build],
    folder: Path,
    validation: ValidateSpec,
    device: DeviceSpec,
    progress: Progress,
) -> Measured[dict[str, tuple[float, ...]]]:
    import numpy as np

    from compress.devices.local import measured
    from compress.devices.runner.timing import measure_latency

    dark = np.random.default_rng(0)
    runs = {}
    site = device.site()
    wanted = [(build.name, build, site.options_for(build)) for build in timed]
    wanted += [(_again(build), build, site.options) for build in again]
    for name, build, options in wanted:
        session = open_runtime(build.runtime).load(folder, build.files, options)
        size = build.height or 0, build.width or 0  # only builds of fixed size are timed
        runs[name] = session.prepare(dark.random((1, 3, *size), np.float32) * np.float32(0.25))
    progress.say(f"times {len(runs)} builds in turn, {validation.timed_runs} runs each")
    return measured(
        device.conditions,
        lambda: measure_latency(
            runs, validation.warmup_runs, validation.timed_runs,
            lambda done, total: progress.update(done, total, "speed, all builds in turn"),
        ),
        progress.say,
    )  # fmt: skip


def _speed_row(
    build: Build, samples_ms: tuple[float, ...], device: DeviceSpec, *, again: bool = False
) -> SpeedRow:  # fmt: skip
    from compress.devices.runner.timing import percentile

    assert build.height is not None and build.width is not None
    p50 = percentile(samples_ms, 0.5)
    floating = device.float_precision if again else _precision(build, device)
    return SpeedRow(
        build=build.name, variant=build.variant, runtime=build.runtime, height=build.height, width=build.width,
        precision=build.inspection.precision or (f"int8 and {floating}" if build.inspection.int8_layers else floating),
        runs=len(samples_ms), p50_ms=p50, p90_ms=percentile(samples_ms, 0.9), p99_ms=percentile(samples_ms, 0.99),
        fps=1000.0 / p50, samples_ms=samples_ms, origin="measured",
    )  # fmt: skip
