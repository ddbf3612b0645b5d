"""Objectives of a detector: its boxes' truth, and with it what a teacher sees in the same picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.data.batches import Batch
from compress.losses.boxes import Answer, box_loss, giou_loss, read_maps
from compress.models.fcos_lite import STRIDES
from compress.training.loop import Objective


class BoxSupervised(Objective):
    """The boxes' truth alone."""

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch.boxes is not None, "a batch without boxes"
        maps: Tensor = net(batch.dark)
        with torch.autocast(batch.dark.device.type, enabled=False):
            return box_loss(maps.float(), batch.boxes, STRIDES)


class BoxDistill(Objective):
    """``L = (1-a) truth + a (classes + 2 edges + centre)``, the second against a teacher's answer to the same batch.

    Each logit is drawn to the teacher's share by cross entropy, weighted by the square of how far off it is (quality
    focal loss, Li et al., NeurIPS 2020); edges by GIoU where the teacher is sure of an object. A teacher tells of every
    class, also of those that were not labelled in a picture. It is asked about each batch anew: its answer to a
    mirrored or darker picture is no mirrored or darker answer.
    """

    def __init__(self, teacher: nn.Module, share: float) -> None:
        """``share``: the teacher's in the loss, 0 to 1."""
        super().__init__()
        self.share = share
        self._teacher = (teacher.eval(),)  # in a tuple: no part of what is trained and checkpointed

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch.boxes is not None, "a batch without boxes"
        maps: Tensor = net(batch.dark)
        with torch.no_grad():
            told: Tensor = self._teacher[0].to(batch.dark.device)(batch.dark)
        with torch.autocast(batch.dark.device.type, enabled=False):
            total, parts = box_loss(maps.float(), batch.boxes, STRIDES)
            taught = imitation(read_maps(maps, STRIDES), read_maps(told, STRIDES))
            return (1 - self.share) * total + self.share * taught, parts | {"taught": taught}


def imitation(mine: Answer, told: Answer) -> Tensor:
    """How far a detector's answer is from a teacher's: three terms over its surety, weighted as the truth's."""
    sure = torch.sigmoid(told.logits)
    surest = sure.amax(-1)
    count = surest.sum().clamp(min=1)
    apart = (torch.sigmoid(mine.logits) - sure) ** 2
    classes = (F.binary_cross_entropy_with_logits(mine.logits, sure, reduction="none") * apart).sum() / count
    edges = (giou_loss(mine.corners, told.corners) * surest).sum() / count
    centre = F.binary_cross_entropy_with_logits(mine.centre, torch.sigmoid(told.centre), reduction="none")
    return classes + 2.0 * edges + (centre * surest).sum() / count
