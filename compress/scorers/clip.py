"""CLIP by transformers (an optional package), with weights from a local folder; nothing is ever downloaded.

The folder is what ``CLIPModel.save_pretrained`` writes, or a hub keeps: ``config.json`` and ``model.safetensors``.
Prompts are learned tokens between the model's own first and last one (CoOp, Zhou et al., IJCV 2022), so no
tokenizer is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.errors import WeightsError, one_line
from compress.scorers.base import Prompts, Scorer
from compress.scorers.clip_folder import folder_digests

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on (Radford et al., ICML 2021)."""

_START = 0.02
"""Standard deviation of tokens to be learned."""


def open_clip_scorer(folder: str, context: int) -> ClipScorer:
    """The scorer in ``folder``, prompts of ``context`` learned tokens.

    Raises WeightsError for a folder that is not CLIP's, or for more tokens than its texts have.
    """
    digests = folder_digests(folder)
    from safetensors import SafetensorError
    from transformers import CLIPConfig, CLIPModel, logging

    path = Path(folder).expanduser()
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        config = CLIPConfig.from_pretrained(path, local_files_only=True)
        model: nn.Module = CLIPModel.from_pretrained(path, config=config, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{path}: can't be opened as CLIP ({one_line(error)})") from None
    finally:
        if shown:
            logging.enable_progress_bar()
    most = config.text_config.max_position_embeddings - 2
    if context > most:
        raise WeightsError(f"unpaired.scorer.context: {context} tokens, the texts of {path} have room for {most}")
    return ClipScorer(model, context, f"CLIP ({path.name}, {digests['model.safetensors'][:12]})")


class ClipPrompts(Prompts):
    """Learned tokens (2, context, D) between the first and the last token of a text, through the frozen encoder."""

    def __init__(self, model: Any, context: int) -> None:
        super().__init__()
        text = model.config.text_config
        self._model = (model,)  # in a tuple: no part of what is trained and saved
        self.tokens = nn.Parameter(_START * torch.randn(2, context, text.hidden_size))
        old = text.eos_token_id == 2  # what configs of 2021 say; there the last two of the vocabulary are meant
        first, last = (text.vocab_size - 2, text.vocab_size - 1) if old else (text.bos_token_id, text.eos_token_id)
        self.register_buffer("ids", torch.tensor([[first, *[0] * context, last]] * 2), persistent=False)

    def forward(self) -> Tensor:
        model = self._model[0]
        with _replaced(model.text_model.embeddings.token_embedding, self.tokens):
            texts = model.get_text_features(input_ids=self.get_buffer("ids")).pooler_output
        return F.normalize(texts, dim=1)


@contextmanager
def _replaced(embedding: nn.Module, tokens: Tensor) -> Iterator[None]:
    """Meanwhile all but the first and last of what ``embedding`` gives are ``tokens``."""

    def replace(_module: nn.Module, _given: object, found: Tensor) -> Tensor:
        return torch.cat((found[:, :1], tokens.to(found.dtype), found[:, -1:]), dim=1)

    hook = embedding.register_forward_hook(replace)
    try:
        yield
    finally:
        hook.remove()


class ClipScorer(Scorer):
    """A frozen CLIPModel."""

    def __init__(self, model: Any, context: int, label: str) -> None:
        self.model, self.context, self.label = model.eval().requires_grad_(False), context, label
        self.side = int(model.config.vision_config.image_size)
        self.sharpness = float(model.logit_scale.exp())

    def encode(self, pictures: Tensor) -> Tensor:
        found = self.model.to(pictures.device).get_image_features(pixel_values=self._prepared(pictures))
        return F.normalize(found.pooler_output, dim=1)

    def likeness(self, answer: Tensor, given: Tensor) -> Tensor:
        """Mean squared distance between the patches' features, of length 1, over all layers.

        CLIP-LIT takes five layers of another CLIP, a ResNet; here it is the scorer itself.
        """
        pairs = zip(*(self._layers(picture) for picture in (answer, given.detach())), strict=True)
        return torch.stack([(one - other).square().sum(2).mean() for one, other in pairs]).mean()

    def prompts(self) -> ClipPrompts:
        return ClipPrompts(self.model, self.context)

    def _layers(self, pictures: Tensor) -> tuple[Tensor, ...]:
        model = self.model.to(pictures.device)
        found = model.vision_model(pixel_values=self._prepared(pictures), output_hidden_states=True)
        return tuple(F.normalize(state, dim=2) for state in found.hidden_states[1:])

    def _prepared(self, pictures: Tensor) -> Tensor:
        """Whole pictures at the side and with the mean and spread that the model was trained with."""
        size = (self.side, self.side)
        square = F.interpolate(pictures, size=size, mode="bilinear", antialias=True, align_corners=False)
        mean, std = (square.new_tensor(each).view(1, 3, 1, 1) for each in (_MEAN, _STD))
        return (square - mean) / std
