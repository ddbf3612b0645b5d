"""The three stages under CLIP: the same as under the critic, but for who scores."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_nets
import torch

from compress.schema import Augment, DataSpec, Phase, Seed, Train
from compress.schema.training import OptionalTrain
from compress.schema.unpaired import ScorerSpec, UnpairedSpec
from compress.stages import load_stage
from compress.training.unpaired import UnpairedFacts

transformers = pytest.importorskip("transformers", reason="the extra 'clip' is not installed")

PHASES = (Phase(epochs=1, batch=2),)
DATA = DataSpec(licence="with scikit-image", kind="embedded", size=(64, 96), copies=1)


def test_prompts_and_network_learn_in_turn_under_a_frozen_clip(tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = {"vocab_size": 64, "max_position_embeddings": 12, "bos_token_id": 62, "eos_token_id": 63, "pad_token_id": 1}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        text_config=sizes | text, vision_config=sizes | {"image_size": 32, "patch_size": 8}, projection_dim=16
    )
    transformers.CLIPModel(config).save_pretrained(tmp_path / "clip")
    before = (tmp_path / "clip" / "model.safetensors").read_bytes()
    train = Train(phases=PHASES, lr=1e-3, ema=0.0, precision="fp32", augment=Augment(flip=False))
    spec = UnpairedSpec(
        network="plain_cnn", width=16, scorer=ScorerSpec(kind="clip", weights=str(tmp_path / "clip"), context=4),
        pairing=train, enhance=train, rounds=2,
        refine=OptionalTrain(phases=PHASES, lr=1e-3, ema=0.0, precision="fp32", augment=Augment(flip=False)),
    )  # fmt: skip
    for name in ("out", "scratch"):
        (tmp_path / name).mkdir()
    told = tiny_nets.Told()
    load_stage("unpaired").function(spec, DATA, Seed(), tmp_path / "out", tmp_path / "scratch", told)
    names = [line for line in told.lines if line.rstrip("123") in ("pairing", "enhance", "refine", "critic")]
    assert names == ["pairing", "enhance1", "refine1", "enhance2"]
    facts = UnpairedFacts.read(tmp_path / "out" / "unpaired.json")
    assert facts.scorer.startswith("CLIP (clip, ") and "not CLIP" not in facts.sentence
    assert (tmp_path / "clip" / "model.safetensors").read_bytes() == before
