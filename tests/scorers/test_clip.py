"""CLIP from a local folder: a tiny one of the library's own class, saved and opened as real weights would be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from compress.errors import WeightsError
from compress.schema.unpaired import ScorerSpec

transformers = pytest.importorskip("transformers", reason="the extra 'clip' is not installed")

from compress.scorers.clip import open_clip_scorer  # noqa: E402

CONTEXT = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = {"vocab_size": 64, "max_position_embeddings": 12, "bos_token_id": 62, "eos_token_id": 63, "pad_token_id": 1}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        text_config=sizes | text, vision_config=sizes | {"image_size": 32, "patch_size": 8}, projection_dim=16
    )
    path = tmp_path_factory.mktemp("clip") / "tiny-clip"
    transformers.CLIPModel(config).save_pretrained(path)
    return path


def test_it_is_opened_as_it_was_saved_and_frozen(folder: Path) -> None:
    scorer = open_clip_scorer(str(folder), CONTEXT)
    assert scorer.label.startswith("CLIP (tiny-clip, ") and "not CLIP" not in scorer.label
    assert scorer.sharpness == pytest.approx(float(torch.tensor(2.6592).exp()), rel=1e-3)
    assert not any(p.requires_grad for p in scorer.model.parameters())
    x = torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    again = transformers.CLIPModel.from_pretrained(folder).eval()
    size = (32, 32)
    square = torch.nn.functional.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
    mean, std = torch.tensor([0.48145466, 0.4578275, 0.40821073]), torch.tensor([0.26862954, 0.26130258, 0.27577711])
    with torch.no_grad():
        wanted = again.get_image_features((square - mean.view(3, 1, 1)) / std.view(3, 1, 1)).pooler_output
        torch.testing.assert_close(scorer.encode(x), torch.nn.functional.normalize(wanted, dim=1))


def test_prompts_are_learnt_through_the_frozen_text_encoder(folder: Path) -> None:
    scorer = open_clip_scorer(str(folder), CONTEXT)
    torch.manual_seed(1)
    prompts = scorer.prompts()
    assert {name: tuple(p.shape) for name, p in prompts.named_parameters()} == {"tokens": (2, CONTEXT, 32)}
    texts = prompts()
    torch.testing.assert_close(texts.norm(dim=1), torch.ones(2))
    texts[1].sum().backward()
    grad = prompts.tokens.grad
    assert grad is not None and bool(grad[1].abs().amin(1).gt(0).all()) and not bool(grad[0].any())
    assert set(prompts.state_dict()) == {"tokens"}


def test_tokens_stand_where_a_text_has_its_words(folder: Path) -> None:
    """Learned tokens equal to those of two words give what the library gives of these."""
    scorer = open_clip_scorer(str(folder), 2)
    prompts, words = scorer.prompts(), torch.tensor([[5, 9], [7, 3]])
    with torch.no_grad():
        prompts.tokens.copy_(scorer.model.text_model.embeddings.token_embedding(words))
        ids = torch.cat((torch.full((2, 1), 62), words, torch.full((2, 1), 63)), dim=1)
        wanted = scorer.model.get_text_features(ids).pooler_output
        torch.testing.assert_close(prompts(), torch.nn.functional.normalize(wanted, dim=1))


def test_a_picture_is_moved_and_compared(folder: Path) -> None:
    scorer = open_clip_scorer(str(folder), CONTEXT)
    x = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0)).requires_grad_()
    scorer.normality(scorer.encode(x), scorer.prompts()().detach()).sum().backward()
    assert x.grad is not None and bool(x.grad.abs().sum() > 0)
    assert float(scorer.likeness(x, x).detach()) == 0.0
    assert float(scorer.likeness(x, 1.0 - x).detach()) > 0.0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no model.safetensors in"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"none"), "can't be opened as CLIP"),
        (lambda folder: (folder / "config.json").write_text("{"), "can't be opened as CLIP"),
    ],
    ids=["missing", "broken", "no config"],
)
def test_a_folder_that_is_none_is_refused(folder: Path, tmp_path: Path, spoil: object, says: str) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    spoil(tmp_path)  # type: ignore[operator]
    with pytest.raises(WeightsError, match=says):
        open_clip_scorer(str(tmp_path), CONTEXT)


def test_more_tokens_than_a_text_has_are_refused(folder: Path) -> None:
    with pytest.raises(WeightsError, match="unpaired.scorer.context: 11 tokens, the texts of .* have room for 10"):
        open_clip_scorer(str(folder), 11)


def test_configs_of_2021_mean_the_last_of_the_vocabulary(folder: Path, tmp_path: Path) -> None:
    said = json.loads((folder / "config.json").read_text())
    said["text_config"] |= {"eos_token_id": 2, "bos_token_id": 0}
    (tmp_path / "config.json").write_text(json.dumps(said))
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    ids = open_clip_scorer(str(tmp_path), CONTEXT).prompts().get_buffer("ids")
    assert ids[0].tolist() == [62, 0, 0, 0, 0, 63]


def test_the_key_holds_the_weights_and_not_their_place(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    one, other = (ScorerSpec(kind="clip", weights=str(place)).identity() for place in (folder, tmp_path))
    assert one == other and "train" not in one
