"""Licences are quoted from where they stand, and said to be unknown where they don't."""

from __future__ import annotations

from pathlib import Path

from compress.bundle.licences import LICENSES, UNKNOWN, Weights, find_weights, model_card, write_licences
from compress.store.digests import hash_file

WEIGHTS = Path(__file__).parents[2] / "compress" / "weights" / "low_light.safetensors"


def test_words_are_those_of_the_data_file_the_card_and_the_packages(tmp_path: Path) -> None:
    digest = hash_file(WEIGHTS)
    card = model_card(digest)
    assert card is not None and "research use" in card
    (tmp_path / "net.safetensors").write_bytes(b"a network")
    files = {"teacher": WEIGHTS, "network": tmp_path / "net.safetensors", "absent": None, "gone": tmp_path / "gone"}
    weights = find_weights(files)
    assert weights[0] == Weights("teacher", digest, card) and [each.what for each in weights] == ["teacher", "network"]
    write_licences(tmp_path, "lol", "the authors' | research only", weights, {"onnx", "tensorrt"})
    text = (tmp_path / LICENSES / "README.md").read_text(encoding="utf-8")
    rows = {row.split(" | ")[0].removeprefix("| "): row for row in text.splitlines() if row.startswith("| ")}
    assert r"the authors' \| research only" in text and card in text
    assert "MIT" in next(row for what, row in rows.items() if what.startswith("onnxruntime"))
    for unknown in ("weights: network", "tensorrt"):
        assert UNKNOWN in next(row for what, row in rows.items() if what.startswith(unknown))
    assert {path.name for path in (tmp_path / LICENSES).iterdir()} == {"README.md", "numpy.txt", "onnxruntime.txt"}
    assert "MIT License" in (tmp_path / LICENSES / "onnxruntime.txt").read_text(encoding="utf-8")
    assert "openvino" not in text


def test_the_same_every_time(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_licences(tmp_path / name, "lol", "theirs", (), {"openvino"})
        texts.append({path.name: path.read_bytes() for path in (tmp_path / name / LICENSES).iterdir()})
    assert texts[0] == texts[1]
