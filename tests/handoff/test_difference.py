"""Two sealed bundles: which changes are found, in which order, and what is said of figures that can't be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_bundles import NAME, build_contract, make_private, sealed, write_public

from compress.bundle.archive import pack, unpack
from compress.cli import execute
from compress.errors import SignatureError
from compress.handoff.changelog import CHANGELOG, Sealing, succeed
from compress.handoff.difference import difference
from compress.handoff.facts import sealed_facts
from compress.handoff.records import BundleDiff
from compress.handoff.text import markdown


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return sealed(tmp_path / "old", "1.4.2")


def _diff(old: Path, new: Path) -> BundleDiff:
    return difference(sealed_facts(old), sealed_facts(new))


def _notes(found: BundleDiff, section: str) -> list[str]:
    return [each.note for each in found.changes if each.section == section]


def test_the_same_contents_are_a_patch_without_a_change(old: Path, tmp_path: Path) -> None:
    found = _diff(old, sealed(tmp_path / "new", "1.4.2"))
    assert (found.changes, found.level, found.next_version) == ((), "patch", "1.4.3")


def test_the_contract_comes_first_and_makes_a_major_version(old: Path, tmp_path: Path) -> None:
    changed = build_contract(contract=build_contract().contract.model_copy(update={"size_multiple": 16}))
    found = _diff(old, sealed(tmp_path / "new", builds=(changed,), weights=b"other", psnr_db=(22.0, 21.0)))
    assert (found.level, found.next_version) == ("major", "2.0.0")
    assert [each.section for each in found.changes][:1] == ["contract"]
    text = markdown(found)
    assert text.index("### Contract") < text.index("### Quality") < text.index("### Size")
    assert "| int8-onnx: contract.size_multiple | 8 | 16 | **breaks firmware**; how the picture is padded |" in text


def test_other_weights_are_minor_with_figures_by_the_gates_rules(old: Path, tmp_path: Path) -> None:
    new = sealed(tmp_path / "new", weights=b"other weights", psnr_db=(20.5, 21.5), p50_ms=4.0)
    found = _diff(old, new)
    assert (found.level, found.next_version) == ("minor", "1.5.0")
    told = {each.what: each for each in found.changes}
    psnr = told["int8 through onnx: PSNR"]
    assert (psnr.old, psnr.new, psnr.level) == ("20.500 dB", "21.000 dB", "minor")
    assert psnr.note.startswith("+0.500 dB (")
    speed = told["int8-onnx: p50"]
    assert (speed.old, speed.new) == ("5.000 ms, 200.0 FPS (measured)", "4.000 ms, 250.0 FPS (measured)")
    assert speed.note.startswith("-19.9% time (-20.")
    assert told["builds/int8-onnx.onnx"].note == "other bytes, -93.5% in size"


def test_the_same_builds_measured_again_are_a_patch(old: Path, tmp_path: Path) -> None:
    found = _diff(old, sealed(tmp_path / "new", p50_ms=5.5, commit="d" * 40))
    assert (found.level, found.next_version) == ("patch", "1.4.3")
    assert {each.section for each in found.changes} >= {"speed", "provenance"}
    (made,) = (each for each in found.changes if each.section == "provenance")
    assert (made.what, made.old) == ("teacher", "dddddddddddd… at commit cccccccccccc…")
    assert made.note == "made by the same code"


def test_speeds_of_two_machines_are_not_compared(old: Path, tmp_path: Path) -> None:
    found = _diff(old, sealed(tmp_path / "new", p50_ms=4.0, cpu="two"))
    assert _notes(found, "speed") == ["not comparable, another machine or state: cpu is two, was one"]


def test_a_draft_and_another_signer_are_told(old: Path, tmp_path: Path) -> None:
    key = make_private(tmp_path / "other.pem")
    found = _diff(old, sealed(tmp_path / "new", reasons=("not measured",), key=str(key)))
    told = {each.what: (each.old, each.new) for each in found.changes if each.section == "status"}
    assert told["status"] == ("RELEASE", "DRAFT")
    assert told["reasons for a draft"] == (None, "not measured") and "signer's key" in told


def test_signatures_are_verified_with_a_key_and_said_not_to_be_without(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new, public = sealed(tmp_path / "new"), write_public(tmp_path / "public.pem")
    assert execute(["diff", str(old), str(new)]) == 0
    assert capsys.readouterr().out.count("signature not verified") == 2
    assert execute(["diff", str(old), str(new), "--key", str(public)]) == 0
    assert capsys.readouterr().out.count("signature verified") == 2
    other = write_public(tmp_path / "other.pem", str(make_private(tmp_path / "private.pem")))
    assert execute(["diff", str(old), str(new), "--key", str(other)]) != 0
    assert "wrong key" in capsys.readouterr().err


def test_a_changed_file_is_named_even_without_a_key(old: Path, tmp_path: Path, capsys: Any) -> None:
    new = sealed(tmp_path / "new")
    (new / "builds/int8-onnx.onnx").write_bytes(b"x" * 200)
    assert execute(["diff", str(old), str(new)]) != 0
    assert "builds/int8-onnx.onnx: changed" in capsys.readouterr().err


def test_files_for_machines_and_for_people_are_written(old: Path, tmp_path: Path) -> None:
    new = sealed(tmp_path / "new", weights=b"other")
    files = [tmp_path / "diff.json", tmp_path / "diff.md"]
    assert execute(["diff", str(old), str(new), "--json", str(files[0]), "--markdown", str(files[1])]) == 0
    assert BundleDiff.read(files[0]) == _diff(old, new)
    assert files[1].read_text(encoding="utf-8").startswith("## tiny on bench: minor (other builds")


def test_words_of_a_bundle_end_no_cell_and_begin_no_html(old: Path, tmp_path: Path) -> None:
    found = _diff(old, sealed(tmp_path / "new", reasons=("a | b\n<b>\x1b[31m",)))
    assert r"a \| b\\n&lt;b>\\x1b[31m" in markdown(found)


def test_an_archive_stands_for_its_folder(old: Path, tmp_path: Path, capsys: Any) -> None:
    for name in ("one.tar", "two.tar"):
        pack(old, tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert execute(["diff", str(tmp_path / "one.tar"), str(old)]) == 0
    assert "No difference." in capsys.readouterr().out
    whole = (tmp_path / "one.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(SignatureError):
        unpack(tmp_path / "cut.tar", tmp_path / "cut")


def test_a_changelog_holds_all_entries_so_far(tmp_path: Path) -> None:
    first = sealed(tmp_path / "first")
    second = _successor(tmp_path / "second", first, weights=b"second")
    third = _successor(tmp_path / "third", second, weights=b"third")
    text = (third / CHANGELOG).read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## 1.2.0", "## 1.1.0", "## 1.0.0"]
    assert sealed_facts(third).side.version == "1.2.0" and "other bytes" in text
    assert text.endswith("\n## 1.0.0\n\nThe first one.\n")


def test_an_earlier_bundle_must_hold_and_be_of_the_same_name(tmp_path: Path) -> None:
    first = sealed(tmp_path / "first", name="another on bench")
    with pytest.raises(Exception, match="package.previous: .* is of 'another on bench'"):
        _successor(tmp_path / "second", first)
    spoilt = sealed(tmp_path / "spoilt")
    signature = spoilt / "manifest.sig"
    good = signature.read_bytes()
    signature.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(SignatureError, match="broken signature"):
        _successor(tmp_path / "third", spoilt)


def _successor(folder: Path, previous: Path, **contents: Any) -> Path:
    from small_bundles import write_folder

    from compress.bundle.keys import public_key_id, public_pem, resolve_key
    from compress.bundle.seal import Contents, seal

    key = resolve_key(None)
    write_folder(folder, **contents)
    version = succeed(folder, previous, Sealing(NAME, (), public_key_id(key), public_pem(key)))
    seal(folder, Contents(NAME, (), (), version), key)
    return folder
