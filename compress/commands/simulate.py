"""``compress simulate``: enhance in the camera, or on a server behind a line?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.config.link import load_link
from compress.errors import EXIT_INCOMPLETE, EXIT_PASS, ConfigError, UserError

if TYPE_CHECKING:
    from compress.link.records import DeviceOrigin, LinkReport
    from compress.link.shaped import Shaped
    from compress.runtimes.site import Site
    from compress.schema.link import Link

_HEADINGS = ("enhanced in the", "transfer ms", "checked ms", "compute ms", "latency ms", "FPS waiting", "FPS streaming")
WARMUP, RUNS = 10, 60


@dataclass(frozen=True)
class DeviceSpeed:
    """A camera's own frames per second, and where that figure is from."""

    fps: float
    origin: DeviceOrigin
    device: str


@dataclass(frozen=True)
class Output:
    """Files to write beside the table; None: not asked for."""

    json_file: Path | None
    plot_file: Path | None


def simulate(
    words: tuple[str, ...], build: str | None, store_root: Path, site: Site, check: bool, output: Output
) -> int:
    """Print both deployments; 3 where the check over a shaped loopback was asked for and can't be done.

    Raises ConfigError, UserError.
    """
    from compress.link.plot import latency_svg

    name, link = load_link(words)
    device = _device(link, build, store_root, site)
    transfers = _transfers(link) if check else {}
    report = make_report(name, link, device, transfers)
    _print(report, link)
    if output.json_file is not None:
        report.write(output.json_file)
    if output.plot_file is not None:
        output.plot_file.write_text(latency_svg(link, device.fps), encoding="utf-8")
    return EXIT_INCOMPLETE if any(each.transfer_ms is None for each in transfers.values()) else EXIT_PASS


def make_report(name: str, link: Link, device: DeviceSpeed, transfers: dict[str, Shaped]) -> LinkReport:
    """All figures of the table; ``transfers``: by place, what was measured over the shaped loopback."""
    from compress.link.model import PLACES, cameras_until, response
    from compress.link.records import Deployment, LinkReport

    found = []
    for place in PLACES:
        each, measured = response(link, device.fps, place, link.cameras), transfers.get(place)
        found.append(Deployment(
            place=place, transfer_ms=each.transfer_ms, compute_ms=each.compute_ms, latency_ms=each.latency_ms,
            waiting_fps=each.waiting_fps, streaming_fps=each.streaming_fps,
            measured_transfer_ms=measured.transfer_ms if measured else None,
        ))  # fmt: skip
    said = dict.fromkeys(each.not_measured or each.how for each in transfers.values())
    return LinkReport(
        link=name, settings=link.model_dump(mode="json"), device_fps=device.fps, device_origin=device.origin,
        device=device.device, deployments=tuple(found), camera_wins_from=cameras_until(link, device.fps),
        transfer_check="; ".join(said) or None,
    )  # fmt: skip


def _device(link: Link, build: str | None, store_root: Path, site: Site) -> DeviceSpeed:
    if build is None:
        if link.device_fps is None:
            raise ConfigError(("device_fps: not known; give device_fps=…, or name a build to be timed with --build",))
        return DeviceSpeed(link.device_fps, "given", "as given")
    from compress.bench.measure import Asked
    from compress.bench.measure import bench as time_builds
    from compress.commands.bench import find_subjects
    from compress.console import make_console
    from compress.runtimes.picture import dark_noise
    from compress.store.store import Store

    if site.absent is not None:
        raise UserError(f"--target: {site.absent}; --on names one, too")
    subjects = find_subjects((build,), Store(store_root), lambda each: each.ships and site.times(each))
    if len(subjects) > 1:
        names = ", ".join(each.name for each in subjects)
        raise UserError(f"--build: {build} holds {len(subjects)} builds ({names}); name one")
    size = subjects[0].build.height or 400, subjects[0].build.width or 600
    console = make_console()
    with console:
        progress = console.started("bench", 1, 1)
        report = time_builds(subjects, dark_noise(*size), Asked(WARMUP, RUNS), site, progress.update)
    rows = [row for row in report.rows if row.what == "model only"]
    if not rows:
        raise UserError(f"{build} was not measured on {report.device}: {'; '.join(report.not_as_wanted)}")
    return DeviceSpeed(rows[0].fps, "measured", f"{rows[0].build}, model only, on {report.device}")


def _transfers(link: Link) -> dict[str, Shaped]:
    from compress.link.shaped import measure_transfer

    found = {"server": measure_transfer(link.cameras, link.image_bytes, link.bandwidth_mbit, link.rtt_ms)}
    if link.enhanced_bytes:
        found["camera"] = measure_transfer(
            link.cameras, link.enhanced_bytes, link.local_bandwidth_mbit, link.local_rtt_ms
        )
    return found


def _print(report: LinkReport, link: Link) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from compress.console import table_console

    console = table_console()
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="left" if place == 0 else "right", no_wrap=True)
    for row in report.deployments:
        checked = "–" if row.measured_transfer_ms is None else f"{row.measured_transfer_ms:.1f}"
        table.add_row(
            row.place, f"{row.transfer_ms:.1f}", checked, f"{row.compute_ms:.1f}", f"{row.latency_ms:.1f}",
            f"{row.waiting_fps:.2f}", f"{row.streaming_fps:.2f}",
        )  # fmt: skip
    console.print(table)
    wins = report.camera_wins_from
    first = "with every number of cameras" if wins == 1 else f"from {wins} cameras on"
    lines = [
        f"{link.cameras} cameras, each a picture at once; {link.description}. Simulated from stated values.",
        f"A camera's own inference: {report.device_fps:.2f} FPS, {report.device_origin} ({report.device}).",
        "The server answers sooner with every number of cameras up to these."
        if wins is None else f"The camera answers sooner {first}.",
    ]  # fmt: skip
    if report.transfer_check is not None:
        lines.append(f"Checked transfer: {report.transfer_check}.")
    for line in lines:
        console.print(Text(line), soft_wrap=True)
