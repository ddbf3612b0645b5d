"""The words and options of the commands that compare: bench, camera, gate, baseline, report, selftest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

store_option = click.option(
    "--store", type=click.Path(path_type=Path, file_okay=False), default=Path("artifacts") / "store",
    envvar="COMPRESS_STORE", show_default=True, show_envvar=True, help="Folder of the finished stages.",
)  # fmt: skip


def _place_options(command: Command) -> Command:
    """Where to measure, for the commands that time builds."""
    options = (
        click.option(
            "--target", help="Measure on this target's device, under its conditions.  [default: this machine]"
        ),
        click.option("--on", help="Measure on this board, by the name that ssh knows, or on adb:SERIAL."),
        click.option("--python", help="The board's Python that has the runtime.  [default: the target's, or python3]"),
        click.option(
            "--threads", type=click.IntRange(min=1), help="CPU threads of each build.  [default: the target's, or 2]"
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("builds", nargs=-1, metavar="BUILD...")
@store_option
@_place_options
@click.option("--runs", type=click.IntRange(min=1), default=60, show_default=True, help="Timed runs of each build.")
@click.option("--warmup", type=click.IntRange(min=1), default=10, show_default=True, help="Runs before these.")
@click.option("--sustained", type=click.FloatRange(min=0), default=0.0, metavar="MINUTES", help="Then without a pause.")
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="A dark picture.  [default: noise]")
@click.option(
    "--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Pictures in each run; FPS count them."
)
@click.option(
    "--tile", "halo_px", type=click.IntRange(min=0), metavar="HALO",
    help="End to end, cut what is larger than a build into tiles with this halo in pixels.  [default: its top left]",
)  # fmt: skip
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here.")
def bench(
    builds: tuple[str, ...], store: Path, target: str | None, on: str | None, python: str | None,
    threads: int | None, runs: int, warmup: int, sustained: float, picture: Path | None, batch: int,
    halo_px: int | None, json_file: Path | None,
) -> int:  # fmt: skip
    """Time builds in turn: the model alone, and from picture file to picture file; on a board the model alone.

    BUILD is a build's name (int8-onnx-400x600), a folder or file of the store, or a bundle, and several of them are
    timed side by side; none: what ships of the newest builds of the store, as far as it runs there.

    Exit code: 0 measured, 3 the target's device is not as its conditions want it.
    """
    from compress.bench.measure import Asked
    from compress.commands.bench import bench as time_builds
    from compress.commands.place import Place, find_site

    asked = Asked(warmup, runs, 60.0 * sustained, batch, halo_px)
    return time_builds(builds, store, asked, picture, find_site(Place(target, on, python, threads)), json_file)


@click.command()
@click.argument("builds", nargs=-1, metavar="BUILD...")
@store_option
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True, help="CPU threads of each build.")
@click.option("--frames", type=click.IntRange(min=3), default=24, show_default=True, help="Of each of the two scenes.")
@click.option(
    "--pan", "pan_px", type=click.IntRange(min=1, max=32), default=4, show_default=True, help="Pixels a frame."
)
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), help="A well-lit one.  [default: our own]")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here.")
@click.option("--max-flicker", type=click.FloatRange(min=0), metavar="PERCENT", help="Of the mean of a standing scene.")
@click.option("--max-noise", type=click.FloatRange(min=0), metavar="RATIO", help="Of a pixel, over the dark frames'.")
@click.option("--max-pan", type=click.FloatRange(min=0), metavar="PERCENT", help="Change from frame to frame, panned.")
@click.option("--max-seam", type=click.FloatRange(min=0), metavar="CODES", help="Jump at a cut between tiles.")
def camera(
    builds: tuple[str, ...], store: Path, threads: int, frames: int, pan_px: int, picture: Path | None,
    json_file: Path | None, max_flicker: float | None, max_noise: float | None, max_pan: float | None,
    max_seam: float | None,
) -> int:  # fmt: skip
    """Check builds for what a stream of frames shows: flicker, and seams between tiles.

    A well-lit picture is shot at night again and again, standing and panned. BUILD as for compress bench; none: the
    newest float and INT8 builds of fixed size. How fast builds stay over minutes: compress bench --sustained.
    Exit code 1 where a build breaks one of the limits, 3 where it could not be held against it.
    """
    from compress.camera_checks.limits import Limits
    from compress.commands.camera import camera as check

    limits = Limits(max_flicker, max_noise, max_pan, max_seam)
    return check(builds, store, threads, frames, pan_px, picture, json_file, limits)


@click.command(name="gate")
@click.argument("candidate", required=False)
@click.option(
    "--baseline", required=True, help="What was accepted before: a bundle, or a file of compress baseline set."
)
@store_option
@click.option(
    "--max-psnr-loss", type=click.FloatRange(min=0), default=0.005, show_default=True, metavar="DB", help="Mean."
)
@click.option(
    "--max-worst-loss",
    type=click.FloatRange(min=0),
    default=0.3,
    show_default=True,
    metavar="DB",
    help="Of one picture.",
)
@click.option(
    "--max-slice-loss", type=click.FloatRange(min=0), default=0.05, show_default=True, metavar="DB",
    help="Mean of a slice's pictures.",
)  # fmt: skip
@click.option("--max-ssim-loss", type=click.FloatRange(min=0), default=0.002, show_default=True, help="Mean.")
@click.option(
    "--max-slowdown", type=click.FloatRange(min=0), default=0.02, show_default=True, help="As a share: .02 is 2 %."
)
@click.option(
    "--max-stored-slowdown", type=click.FloatRange(min=0), default=0.1, show_default=True,
    help="The same, where the baseline's files are gone and stored figures of two sessions are compared.",
)  # fmt: skip
@click.option("--rounds", type=click.IntRange(min=30), default=300, show_default=True, help="Runs of both, in turn.")
@_place_options
@click.option("--json", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML here, for a CI server.")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write a summary here, for people.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page here, with crops of both.")
@click.option("--gitlab", type=click.Path(path_type=Path, dir_okay=False), help="Write GitLab's code quality here.")
@click.option("--github", is_flag=True, help="Print annotations for GitHub, too.")
def gate_command(
    candidate: str | None, baseline: str, store: Path, max_psnr_loss: float, max_worst_loss: float,
    max_slice_loss: float, max_ssim_loss: float, max_slowdown: float, max_stored_slowdown: float, rounds: int,
    target: str | None, on: str | None, python: str | None, threads: int | None, json: Path | None,
    junit: Path | None, markdown: Path | None, html: Path | None, gitlab: Path | None, github: bool,
) -> int:  # fmt: skip
    """Compare the bundle CANDIDATE (none: the last run's) with one that was accepted before.

    PSNR and SSIM are compared picture by picture, PSNR by slice as well; both builds are timed again, in turn. A
    regression is called where the whole interval of a difference (99 % or wider) lies beyond what is allowed.

    Exit code: 0 no regression, 1 a regression or a budget that fails, 3 something could not be compared.
    """
    from compress.commands.gate import Outputs, gate
    from compress.commands.place import Place, find_site
    from compress.regression.compare import Where
    from compress.regression.records import Allowance

    allowed = Allowance(
        psnr_loss_db=max_psnr_loss, worst_psnr_loss_db=max_worst_loss, ssim_loss=max_ssim_loss, slowdown=max_slowdown,
        slice_psnr_loss_db=max_slice_loss, stored_slowdown=max_stored_slowdown,
    )  # fmt: skip
    outputs = Outputs(json, junit, markdown, html, gitlab, github)
    where = Where(find_site(Place(target, on, python, threads)), rounds, target is not None or on is not None)
    return gate(candidate, baseline, store, allowed, where, outputs)


@click.group(name="baseline")
def baseline_group() -> None:
    """Keep which bundle was accepted, as a file beside your code."""


_baseline_file = click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), default=Path("compress-baseline.json"),
    show_default=True, help="The file in your repository.",
)  # fmt: skip


@baseline_group.command(name="set")
@click.argument("bundle", required=False)
@store_option
@_baseline_file
def baseline_set(bundle: str | None, store: Path, file: Path) -> int:
    """Make BUNDLE (none: the last run's) the accepted one."""
    from compress.commands.baseline import set_baseline

    return set_baseline(bundle, store, file)


@baseline_group.command(name="show")
@_baseline_file
def baseline_show(file: Path) -> int:
    """Say what was accepted."""
    from compress.commands.baseline import show_baseline

    return show_baseline(file)


@baseline_group.command(name="diff")
@click.argument("bundle", required=False)
@store_option
@_baseline_file
def baseline_diff(bundle: str | None, store: Path, file: Path) -> int:
    """Print what BUNDLE (none: the last run's) measured beside what was accepted."""
    from compress.commands.baseline import diff_baseline

    return diff_baseline(bundle, store, file)


@click.command()
@click.argument("bundle", required=False, metavar="[BUNDLE_OR_RUN]")
@store_option
@click.option("--against", metavar="BUNDLE", help="Compare with this bundle instead.")
@click.option(
    "--parity", type=click.Path(path_type=Path, dir_okay=False), help="Show this file of compress parity --json too."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=Path("report.html"),
    show_default=True, help="The page.",
)  # fmt: skip
def report(bundle: str | None, store: Path, against: str | None, parity: Path | None, output: Path) -> int:
    """Write one HTML file of a bundle: verdict, crops, figures of each picture, timings.

    BUNDLE_OR_RUN is a bundle's folder, an artefact of the store, or the id of a run; none: the newest bundle. The page
    needs no network and no other file.
    """
    from compress.commands.report import write_report

    return write_report(bundle, against, parity, store, output)


@click.command(name="selftest")
@click.argument("bundle", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("builds", nargs=-1, metavar="[BUILD]...")
@_place_options
def selftest_command(
    bundle: Path, builds: tuple[str, ...], target: str | None, on: str | None, python: str | None, threads: int | None
) -> int:
    """Run a bundle's golden frames through its builds, here or on a board, and compare with the expected pictures.

    BUILD is a name in contract.json; none: all of them. A board without network or ssh does it by itself, with
    tools/selftest.py of the bundle.

    Exit code: 0 all within the tolerance, 1 a frame is not, 3 a build could not be run.
    """
    from compress.commands.place import Place, find_site
    from compress.commands.selftest import selftest

    return selftest(bundle, builds, find_site(Place(target, on, python, threads)))


@click.command(name="inspect")
@click.argument("network", metavar="FILE|CALLABLE")
@click.option(
    "--weights",
    type=click.Path(exists=True),
    help="Of a callable: .safetensors, a saved state dict, or a folder as a hub keeps it.",
)
@click.option("--entry", help="Key of the state dict in a saved checkpoint that holds more.")
@click.option("--prefix", default="", help="What all names of the weights begin with and the network's do not.")
@click.option("--trust", type=click.Choice(["torchscript"]), help="Open such an archive although its code is run.")
@click.option("--size", type=click.IntRange(min=1), nargs=2, metavar="H W", help="Of a picture.  [default: 400 600]")
@click.option("--layers", is_flag=True, help="Also list layers with what they give, for hint: in a recipe.")
@click.option("--target", "targets", multiple=True, help="Ask for this target only; may be given again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect_command(
    network: str, weights: str | None, entry: str | None, prefix: str, trust: Literal["torchscript"] | None,
    size: tuple[int, int] | None, layers: bool, targets: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Look at a network of your own: outputs, sizes, operators, what targets lack, and the recipe lines to use it.

    Takes what a recipe takes, and refuses what a run refuses: FILE.py:callable or module:callable (which runs that
    code), an .onnx or .pt2 file, a TorchScript archive; of ours a .safetensors file, builtin:NAME, or untrained
    NAME[:VARIANT]. Builds nothing.
    """
    from compress.commands.inspect import inspect
    from compress.schema import SourceSpec

    source = SourceSpec(network=network, weights=weights, entry=entry, prefix=prefix, trust=trust)
    return inspect(source, size, layers, targets, as_json)


@click.command(name="simulate")
@click.argument("words", nargs=-1, metavar="KEY=VALUE...")
@store_option
@click.option("--build", help="Time this build for a camera's own speed.  [default: the link's device_fps]")
@_place_options
@click.option("--check", is_flag=True, help="Also send the bytes over a loopback that is as slow as the line.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the figures here.")
@click.option("--plot", "plot_file", type=click.Path(path_type=Path, dir_okay=False), help="Write an SVG of latency.")
def simulate_command(
    words: tuple[str, ...], store: Path, build: str | None, target: str | None, on: str | None, python: str | None,
    threads: int | None, check: bool, json_file: Path | None, plot_file: Path | None,
) -> int:  # fmt: skip
    """Enhance in the camera, or on a server behind a line: latency and frames per second of both.

    \b
      compress simulate link=coal_mine
      compress simulate link=wifi cameras=8 bandwidth_mbit=20 --build int8-openvino-400x600 --check

    Words are link=NAME (a file of links/) and any of its values. What a line and a server do is simulated from these;
    --check measures the transfer here, where the kernel lets it.

    Exit code: 0, or 3 where the check could not be done.
    """
    from compress.commands.place import Place, find_site
    from compress.commands.simulate import Output, simulate

    site = find_site(Place(target, on, python, threads))
    return simulate(words, build, store, site, check, Output(json_file, plot_file))


COMPARING = (bench, camera, gate_command, baseline_group, report, selftest_command, inspect_command, simulate_command)
"""What ``compress`` has of them."""
