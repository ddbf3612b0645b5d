"""Stage ``package``: what ships, with everything to check it by, signed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Builds, Bundle, Labels, Measurements, Net, Promoted, Quantized, Teacher, Verdict
from compress.backlight.records import read_backlit
from compress.bundle.contract import BuildContract
from compress.degradation.records import KernelReport
from compress.records import Build, BuildList, QualityReport, SpeedReport, VerdictRecord
from compress.report.rows import Results
from compress.schema import DataSpec, DeviceSpec, Names, PackageSpec
from compress.sensitivity.records import SensitivityReport
from compress.stage import Chain, stage

if TYPE_CHECKING:
    from compress.bundle.golden import Run
    from compress.bundle.licences import Weights
    from compress.bundle.provenance import Provenance


@stage(
    gives=Bundle,
    version=5,
    environment=(
        "model-signing",
        "onnxruntime",
        "openvino",
        "ai-edge-litert",
        "numpy",
        "pillow",
        "jinja2",
        "cyclonedx-python-lib",
    ),
)
def package(
    builds: Builds, measurements: Measurements, verdict: Verdict, quantized: Quantized, promoted: Promoted | None,
    package: PackageSpec, device: DeviceSpec, data: DataSpec, names: Names, chain: Chain, out: Path,
    teacher: Teacher | None = None, labels: Labels | None = None,
) -> None:  # fmt: skip
    """Write the bundle into ``out``/bundle, signature last.

    A draft where anything speaks against a release (``bundle.policy``).
    Raises ``BuildError`` for a build that does not keep its contract, ``SignatureError`` for a bad key
    or an earlier bundle that does not hold, ``NotReleasable`` for a draft where ``package.policy`` asks for a release.
    """
    from compress.bundle.keys import public_key_id, public_pem, resolve_key
    from compress.bundle.policy import reasons_against
    from compress.bundle.provenance import link_entries
    from compress.bundle.seal import Contents, seal
    from compress.bundle.shipped import ship_builds
    from compress.bundle.toolbox import copy_tools
    from compress.handoff.changelog import Sealing, succeed
    from compress.report.reference import reference_lines
    from compress.report.rows import trained_lines

    key = resolve_key(package.key)
    key_id = public_key_id(key)  # a bad key is found before the work, not after
    found = _Found.read(builds, measurements, verdict, promoted, device, labels)
    reasons = reasons_against(package, found.verdict, chain)
    folder = out / "bundle"
    folder.mkdir()
    contracts = ship_builds(found.results.builds, builds.folder, folder)
    shutil.copyfile(quantized.table, folder / "quantization.json")
    _write_report(found, names, folder / "report")
    if promoted is not None:
        shutil.copyfile(promoted.plot, folder / "report" / promoted.plot.name)
    for each in (measurements.looks, measurements.given, measurements.backlit):
        if each.is_dir():
            shutil.copytree(each, folder / "report" / each.name)
    provenance = _provenance(found.results.quality, (data, labels), names, chain)
    provenance.write(folder / "provenance.json")
    _write_origins(contracts, provenance, _weights(teacher, quantized), folder)
    _write_golden(found.results.builds, builds.folder, (data, labels), package, device, folder)
    copy_tools(folder)
    _write_page(found.results.builds, reasons, folder)
    title = f"{names.recipe} on {names.target}"
    previous = Path(package.previous).expanduser() if package.previous else None
    version = succeed(folder, previous, Sealing(title, reasons, key_id, public_pem(key)))
    lines = (*reference_lines(found.results.quality), *trained_lines(found.results.builds))
    _write_readme(contracts, names, reasons, key_id, folder / "README.md", lines)
    seal(folder, Contents(title, reasons, link_entries(chain), version), key)


@dataclass(frozen=True)
class _Found:
    """The records of the artefacts, read."""

    results: Results
    verdict: VerdictRecord

    @classmethod
    def read(
        cls, builds: Builds, measurements: Measurements, verdict: Verdict, promoted: Promoted | None,
        device: DeviceSpec, labels: Labels | None,
    ) -> _Found:  # fmt: skip
        kernel = labels.kernel if labels is not None else None
        results = Results(
            builds=BuildList.read(builds.folder / "builds.json"),
            quality=QualityReport.read(measurements.folder / "quality.json"),
            speed=SpeedReport.read(measurements.folder / "speed.json"),
            runtime=device.runtime, sensitivity=SensitivityReport.read(promoted.report) if promoted else None,
            kernel=KernelReport.read(kernel) if kernel else None, backlit=read_backlit(measurements.backlit),
        )  # fmt: skip
        return cls(results, VerdictRecord.read(verdict.folder / "verdict.json"))


def _write_report(found: _Found, names: Names, folder: Path) -> None:
    from compress.degradation.plot import kernel_svg
    from compress.report.markdown import markdown_report
    from compress.report.subject import REPORTED, ReportedBuilds

    folder.mkdir()
    ReportedBuilds(runtime=found.results.runtime, listed=found.results.builds).write(folder / REPORTED)
    found.results.quality.write(folder / "quality.json")
    found.results.speed.write(folder / "speed.json")
    found.verdict.write(folder / "verdict.json")
    if found.results.sensitivity:
        found.results.sensitivity.write(folder / "sensitivity.json")
    if found.results.kernel:
        found.results.kernel.write(folder / "kernel.json")
        (folder / "kernel.svg").write_text(kernel_svg(found.results.kernel), encoding="utf-8")
    title = f"{names.recipe} on {names.target}, data {names.data}"
    (folder / "report.md").write_text(markdown_report(title, found.results, found.verdict), encoding="utf-8")


def _write_page(listed: BuildList, reasons: tuple[str, ...], folder: Path) -> None:
    """Last, for it shows what lies in the bundle. Without earlier runs: a stage knows nothing of the store."""
    from compress.report.html.page import Beside, report_page
    from compress.report.subject import read_subject

    subject = replace(read_subject(folder, listed), reasons=reasons)
    (folder / "report" / "report.html").write_text(report_page(subject, Beside()), encoding="utf-8")


def _provenance(
    quality: QualityReport, pictures: tuple[DataSpec, Labels | None], names: Names, chain: Chain
) -> Provenance:
    from compress import __version__
    from compress.bundle.provenance import Provenance, stage_provenance
    from compress.data.split import split_digest

    fidelity = quality.fidelity
    return Provenance(
        recipe=names.recipe, target=names.target, data=names.data, data_licence=pictures[0].licence,
        data_digest=quality.data_digest, decoder=quality.decoder, compress_version=__version__,
        chain=stage_provenance(chain), split_digest=split_digest(*pictures),
        labelled_by=f"{fidelity.to} {fidelity.digest}" if fidelity else None,
    )  # fmt: skip


def _weights(teacher: Teacher | None, quantized: Quantized) -> tuple[Weights, ...]:
    from compress.bundle.licences import find_weights
    from compress.foreign.card import weights_file

    def file(net: Net) -> Path:
        return weights_file(net.weights) if net.foreign else net.weights

    return find_weights({"teacher": file(teacher) if teacher else None, "network": file(quantized)})


def _write_origins(
    contracts: tuple[BuildContract, ...], provenance: Provenance, weights: tuple[Weights, ...], folder: Path
) -> None:
    """``sbom.cdx.json`` and ``LICENSES/``."""
    from compress.bundle.licences import write_licences
    from compress.bundle.sbom import SBOM, sbom_text

    (folder / SBOM).write_text(sbom_text(folder, contracts, provenance, weights), encoding="utf-8")
    runtimes = {build.runtime for build in contracts}
    write_licences(folder, provenance.data, provenance.data_licence, weights, runtimes)


def _write_golden(
    listed: BuildList,
    source: Path,
    pictures: tuple[DataSpec, Labels | None],
    package: PackageSpec,
    device: DeviceSpec,
    folder: Path,
) -> None:
    from compress.bundle.golden import write_golden
    from compress.data.source import open_source
    from compress.runtimes import runs_here
    from compress.runtimes.base import RunOptions
    from compress.runtimes.parts import parts_runner

    test = open_source(pictures[0], "test", pictures[1])
    shown = {test.names[i]: test.pair(i)[0] for i in range(min(package.golden_frames, len(test)))}
    runs: dict[str, tuple[Build, Run]] = {}
    not_run: dict[str, str] = {}
    for build in listed.builds:
        if build.ships and runs_here(build.runtime):
            # The precision hint is for the device's own runtime; the others compute floats as floats.
            precision = device.float_precision if build.runtime == device.runtime else "f32"
            runs[build.name] = build, parts_runner(build, source, RunOptions(device.threads, precision))
        elif build.ships:
            not_run[build.name] = f"a {build.runtime} build does not run here"
    write_golden(folder, shown, runs, not_run, pictures[0].licence)


def _write_readme(
    contracts: tuple[BuildContract, ...],
    names: Names,
    reasons: tuple[str, ...],
    key_id: str,
    path: Path,
    reference: tuple[str, ...],
) -> None:
    from compress.bundle.readme import bundle_readme

    present = {each.name for each in path.parent.iterdir()}
    text = bundle_readme(f"{names.recipe} on {names.target}", reasons, key_id, contracts, present, reference)
    path.write_text(text, encoding="utf-8")
