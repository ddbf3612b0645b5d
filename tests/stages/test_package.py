"""A whole bundle from real builds: complete, verifiable with and without the tool, the same every time."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import write_bundle
from tiny_builds import make_build

from compress.artefacts import Builds, Bundle, Measurements, Quantized, Verdict
from compress.bundle.circumstances import package_identity
from compress.bundle.contract import ContractFile
from compress.bundle.golden import GoldenFile, difference, read_png
from compress.bundle.keys import public_pem, resolve_key
from compress.bundle.provenance import Provenance, current_sources
from compress.bundle.verify import verify_bundle
from compress.data.pictures import fit, write_png
from compress.errors import BuildError, NotReleasable, SignatureError, UserError
from compress.records import (
    BuildList,
    NotBuilt,
    QualityReport,
    QuantizationTable,
    SpeedReport,
    VerdictRecord,
)
from compress.schema import DataSpec, DeviceSpec, Names, PackageSpec
from compress.stage import Link
from compress.stages import load_stage

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")


@dataclass
class Inputs:
    """What ``package`` is called with; a test may change parts of it."""

    folder: Path
    package: PackageSpec
    chain: tuple[Link, ...]

    def run(self, out: Path) -> Path:
        out.mkdir()
        here = self.folder
        load_stage("package").function(
            builds=Builds(here, "k", "d"), measurements=Measurements(here, "k", "d"), verdict=Verdict(here, "k", "d"),
            quantized=Quantized(here, "k", "d"), promoted=None, package=self.package, device=DeviceSpec(),
            data=DataSpec(licence="CC0, made up", kind="paired", root=str(here / "pictures"), val_fraction=0.0),
            names=Names(recipe="tiny", target="bench", data="made_up"), chain=self.chain, out=out,
        )  # fmt: skip
        assert [path.name for path in out.iterdir()] == ["bundle"]
        return Bundle(out, "k", "d").bundle


def write_pictures(root: Path) -> None:
    rng = np.random.default_rng(1)
    for split in ("train", "test"):
        for kind in ("low", "high"):
            (root / split / kind).mkdir(parents=True)
            for number in range(3):
                picture = rng.integers(0, 200, (32, 40, 3), dtype=np.uint8)
                write_png(root / split / kind / f"{number}.png", picture)


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COMPRESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        "compress.bundle.circumstances.dirty_folders", lambda: ()
    )  # whatever the checkout's state is now
    here = tmp_path / "inputs"
    here.mkdir()
    write_pictures(here / "pictures")
    BuildList(
        builds=(
            make_build(here, "openvino", (1, 3, 16, 24), "int8_openvino"),
            make_build(here, "onnx", (1, 3, "height", "width"), "int8_onnx_free"),
            make_build(here, "onnx", (1, 3, 16, 24), "student_onnx", "student", ships=False),
        )
    ).write(here / "builds.json")
    QualityReport(definition="d", decoder="dec", data_digest="ab" * 32, data_kind="paired", images=(), rows=()).write(
        here / "quality.json"
    )
    SpeedReport(device="bench", fingerprint={}, rows=(), not_measured="no need").write(here / "speed.json")
    VerdictRecord(result="pass", checks=()).write(here / "verdict.json")
    QuantizationTable(scheme={}, tensors=(), kept_float=()).write(here / "quantization.json")
    link = Link("gate", "a" * 64, "b" * 64, current_sources("gate"), 3.0, {"numpy": "2"}, "c" * 40)
    return Inputs(here, PackageSpec(golden_frames=2), (link,))


@pytest.fixture
def public(tmp_path: Path, inputs: Inputs) -> Path:
    path = tmp_path / "public.pem"
    path.write_text(public_pem(resolve_key(inputs.package.key)))
    return path


def test_bundle_is_whole_and_verifies(inputs: Inputs, public: Path, tmp_path: Path) -> None:
    bundle = inputs.run(tmp_path / "out")
    manifest = verify_bundle(bundle, public).manifest
    assert (manifest.status, manifest.reasons, manifest.name) == ("RELEASE", (), "tiny on bench")
    assert [link.stage for link in manifest.chain] == ["gate"]
    assert {path for path in manifest.files if not path.startswith(("golden/0", "tools/"))} == {
        "README.md", "SHA256SUMS", "contract.json", "contract.h", "provenance.json", "quantization.json",
        "golden/golden.json", "golden/golden.txt", "sbom.cdx.json", "LICENSES/README.md",
        "LICENSES/numpy.txt", "LICENSES/onnxruntime.txt", "LICENSES/openvino.txt",
        "builds/int8_openvino.xml", "builds/int8_openvino.bin", "builds/int8_onnx_free.onnx",
        "report/quality.json", "report/speed.json", "report/verdict.json", "report/report.md", "report/report.html",
        "report/builds.json",
    }  # fmt: skip


def test_contract_lists_what_ships(inputs: Inputs, tmp_path: Path) -> None:
    bundle = inputs.run(tmp_path / "out")
    builds = ContractFile.read(bundle / "contract.json").builds
    assert [build.name for build in builds] == ["int8_openvino", "int8_onnx_free"]
    for build in builds:
        assert sum((bundle / name).stat().st_size for name in build.files) == build.size_bytes


def test_golden_frames_are_test_pictures_with_the_builds_answers(inputs: Inputs, tmp_path: Path) -> None:
    bundle = inputs.run(tmp_path / "out")
    golden = GoldenFile.read(bundle / "golden" / "golden.json")
    assert golden.licence == "CC0, made up" and not golden.not_run
    assert len({frame.name for frame in golden.frames}) == 2
    assert {output.build for frame in golden.frames for output in frame.outputs} == {"int8_openvino", "int8_onnx_free"}
    pictures = sorted((inputs.folder / "pictures" / "test" / "low").iterdir())
    for frame in golden.frames:
        given = read_png(bundle / frame.input)
        assert any((fit(read_png(path), frame.height, frame.width) == given).all() for path in pictures)
        expected = np.clip(given.astype(int) * 2, 0, 255).astype(np.uint8)
        for output in frame.outputs:
            assert difference(expected, read_png(bundle / output.file), golden.tolerance) is None


def test_same_inputs_same_bytes_whatever_the_wall_time(inputs: Inputs, tmp_path: Path) -> None:
    one = inputs.run(tmp_path / "one")
    slow = tuple(Link(*[getattr(link, f) for f in ("stage", "key", "digest", "sources_digest")], 99.0, link.versions,
                      link.git_commit) for link in inputs.chain)  # fmt: skip
    other = Inputs(inputs.folder, inputs.package, slow).run(tmp_path / "two")
    files = {path.relative_to(one): path.read_bytes() for path in one.rglob("*") if path.is_file()}
    assert files == {path.relative_to(other): path.read_bytes() for path in other.rglob("*") if path.is_file()}


def test_provenance_names_the_chain_and_no_folder_of_this_machine(inputs: Inputs, tmp_path: Path) -> None:
    bundle = inputs.run(tmp_path / "out")
    found = Provenance.read(bundle / "provenance.json")
    assert (found.recipe, found.target, found.data, found.data_digest) == ("tiny", "bench", "made_up", "ab" * 32)
    assert found.chain[0].git_commit == "c" * 40 and found.chain[0].versions == {"numpy": "2"}
    for path in bundle.rglob("*"):
        if path.suffix in (".json", ".md", ".html"):
            assert str(tmp_path) not in path.read_text(encoding="utf-8")


def test_crops_and_the_page_that_shows_them_are_sealed(inputs: Inputs, public: Path, tmp_path: Path) -> None:
    made = write_bundle(tmp_path / "made") / "report"
    for name in ("quality.json", "speed.json"):
        shutil.copyfile(made / name, inputs.folder / name)
    shutil.copytree(made / "looks", inputs.folder / "looks")
    bundle = inputs.run(tmp_path / "out")
    files = verify_bundle(bundle, public).manifest.files
    assert {f"report/looks/{path.name}" for path in (made / "looks").iterdir()} <= set(files)
    page = (bundle / "report" / "report.html").read_text(encoding="utf-8")
    assert (
        page.count("data:image/png") == 25
        and "tiny on bench, data made_up" in page
        and "The bundle is a release" in page
    )
    assert "Without earlier runs" in page and "earlier runs of" not in page  # a stage knows nothing of the store
    (bundle / "report" / "looks" / "0000_int8.png").write_bytes(b"")
    with pytest.raises(SignatureError, match="report/looks/0000_int8.png: changed"):
        verify_bundle(bundle, public)


@pytest.mark.parametrize("result", ["fail", "incomplete"])
def test_without_a_pass_it_is_a_draft(inputs: Inputs, public: Path, tmp_path: Path, result: Any) -> None:
    VerdictRecord(result=result, checks=(), reasons=("speed is unknown",)).write(inputs.folder / "verdict.json")
    bundle = inputs.run(tmp_path / "out")
    manifest = verify_bundle(bundle, public).manifest
    assert manifest.status == "DRAFT" and "speed is unknown" in manifest.reasons[0]
    readme = (bundle / "README.md").read_text()
    assert "DRAFT" in readme and "speed is unknown" in readme


def test_a_release_is_made_or_refused_and_a_draft_is_one_on_request(
    inputs: Inputs, public: Path, tmp_path: Path
) -> None:
    def made(policy: Any, name: str) -> Path:
        return Inputs(inputs.folder, PackageSpec(golden_frames=1, policy=policy), inputs.chain).run(tmp_path / name)

    assert verify_bundle(made("release", "one"), public).manifest.status == "RELEASE"
    draft = verify_bundle(made("draft", "two"), public).manifest
    assert (draft.status, draft.reasons) == ("DRAFT", ("made as a draft, on request",))
    VerdictRecord(result="fail", checks=(), reasons=("too slow",)).write(inputs.folder / "verdict.json")
    with pytest.raises(NotReleasable, match=r"^no release: the verdict is fail \(too slow\)$"):
        made("release", "three")
    assert not list((tmp_path / "three").iterdir())


def test_other_code_makes_a_draft(inputs: Inputs, public: Path, tmp_path: Path) -> None:
    stale = Link("gate", "a" * 64, "b" * 64, "0" * 64, 3.0, {}, None)
    bundle = Inputs(inputs.folder, inputs.package, (stale,)).run(tmp_path / "out")
    manifest = verify_bundle(bundle, public).manifest
    assert manifest.status == "DRAFT" and "gate" in manifest.reasons[0]


def change_builds(inputs: Inputs, **changes: Any) -> None:
    path = inputs.folder / "builds.json"
    BuildList.read(path).model_copy(update=changes).write(path)


def test_a_build_that_breaks_its_contract_is_not_signed(inputs: Inputs, tmp_path: Path) -> None:
    first, *rest = BuildList.read(inputs.folder / "builds.json").builds
    lying = first.contract.model_copy(update={"input": first.contract.input.model_copy(update={"name": "image"})})
    change_builds(inputs, builds=(first.model_copy(update={"contract": lying}), *rest))
    with pytest.raises(BuildError, match="says image"):
        inputs.run(tmp_path / "out")


def test_nothing_to_ship_leaves_an_honest_draft(inputs: Inputs, public: Path, tmp_path: Path) -> None:
    change_builds(inputs, builds=(), not_built=(NotBuilt(runtime="tensorrt", reason="no GPU"),))
    verdict = VerdictRecord(result="incomplete", checks=(), reasons=("no build that ships",))
    verdict.write(inputs.folder / "verdict.json")
    bundle = inputs.run(tmp_path / "out")
    assert verify_bundle(bundle, public).manifest.status == "DRAFT"
    assert not (bundle / "builds").exists() and "None could be made" in (bundle / "README.md").read_text()


def test_a_bad_key_stops_before_anything_is_written(inputs: Inputs, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="no key file"):
        Inputs(inputs.folder, PackageSpec(key=str(tmp_path / "absent.pem")), inputs.chain).run(tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@needs_openssl
@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_commands_of_the_readme_work_as_written(inputs: Inputs, public: Path, tmp_path: Path) -> None:
    bundle = inputs.run(tmp_path / "out")
    text = (bundle / "README.md").read_text()
    found = re.search(r"```bash\n(.*?)```", text, re.DOTALL)
    assert found is not None
    shutil.copyfile(public, bundle / "public.pem")

    def follow() -> list[str]:
        done = subprocess.run(["bash", "-c", found[1]], cwd=bundle, capture_output=True, text=True)
        return (done.stdout + done.stderr).splitlines()

    key_id, verified, one, *rest = follow()
    assert "sha256:" + key_id.split()[0] in text
    assert (verified, one, rest) == ("Verified OK", "1", [])
    (bundle / "builds" / "extra.onnx").write_text("")
    assert any("extra.onnx" in line for line in follow())
    (bundle / "builds" / "extra.onnx").unlink()
    (bundle / "contract.json").write_text("{}")
    assert any("contract.json: FAILED" in line for line in follow())
    (bundle / "SHA256SUMS").write_text("")
    assert follow()[2] == "0"


def test_a_bundle_that_follows_another_has_the_next_version_and_a_changelog(
    inputs: Inputs, public: Path, tmp_path: Path
) -> None:
    first = inputs.run(tmp_path / "first")
    assert verify_bundle(first, public).manifest.version == "1.0.0" and not (first / "CHANGELOG.md").exists()
    before = package_identity(inputs.package)
    inputs.package = PackageSpec(golden_frames=1, previous=str(first))
    second = inputs.run(tmp_path / "second")
    assert verify_bundle(second, public).manifest.version == "1.0.1"
    assert "## 1.0.1\n\npatch: " in (second / "CHANGELOG.md").read_text(encoding="utf-8")
    moved = shutil.copytree(first, tmp_path / "moved")
    named = package_identity(inputs.package)
    assert package_identity(PackageSpec(golden_frames=1, previous=str(moved))) == named and before["previous"] is None
    (moved / "manifest.json").write_bytes(b"another")
    assert package_identity(PackageSpec(golden_frames=1, previous=str(moved))) != named


def test_an_earlier_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no earlier bundle there"):
        package_identity(PackageSpec(previous=str(tmp_path / "nowhere")))
