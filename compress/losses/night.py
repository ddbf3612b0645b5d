"""Objectives of a network with two heads: the well-lit picture, the boxes, and a teacher that sees that picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from compress.data.batches import Batch
from compress.losses.box_objectives import imitation
from compress.losses.boxes import box_loss, read_maps
from compress.losses.distill import Tap, fading, left_out
from compress.losses.features import foreground, object_imitation
from compress.losses.picture import picture_loss
from compress.models.fcos_lite import STRIDES
from compress.schema import DistillSpec, PictureLoss, TaskWeights
from compress.training.loop import Objective

Parts = dict[str, Tensor]


def _answered(net: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Picture and maps, without the modules that the batch's phase leaves out."""
    with left_out(net, batch.without):
        picture, maps = net(batch.dark)
    return picture, maps


class NightSupervised(Objective):
    """``w_b boxes(maps) + w_p picture(y, bright)``, ``w`` the weights of the tasks."""

    def __init__(self, weights: PictureLoss, tasks: TaskWeights) -> None:
        super().__init__()
        self.weights, self.tasks = weights, tasks

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        assert batch.boxes is not None, "a batch without boxes"
        picture, maps = _answered(net, batch)
        with torch.autocast(batch.dark.device.type, enabled=False):
            found, parts = box_loss(maps.float(), batch.boxes, STRIDES)
            seen, named = picture_loss(picture.float(), batch.bright, self.weights)
            return self.tasks.boxes * found + self.tasks.picture * seen, parts | named


class NightDistill(Objective):
    """``w_b ((1-a) boxes(maps) + a imitation(maps, told) + sum_k w_k objects_k) + w_p picture(y, bright)``.

    ``a`` is the output weight: classes, edges and centreness are drawn to what the teacher says of the same scene
    (``box_objectives.imitation``). ``objects_k``: a hint's features, through a learned 1x1 adapter, against the
    teacher's (``losses.features``); ``w_k`` falls to ``hints_end`` of itself by half a cosine. The teacher is asked
    about each batch: with ``teacher_sees: truth`` about the well-lit pictures, which are the dark ones pixel by pixel.
    The picture's head is taught by the well-lit picture alone, for that is what a teacher could say of it at best.
    """

    def __init__(self, spec: DistillSpec, tasks: TaskWeights, net: nn.Module, teacher: nn.Module) -> None:
        super().__init__()
        self.spec, self.tasks = spec, tasks
        self._teacher = (teacher.eval(),)  # in a tuple: no part of what is trained and checkpointed
        self._said = [Tap(teacher, hint.teacher) for hint in spec.hints]
        self.taps = [Tap(net, hint.student) for hint in spec.hints]
        sample = torch.rand(1, 3, 64, 64)
        with torch.no_grad():
            for each in (net, teacher):
                each(sample)
        inside, outside = ([tap.take().shape[1] for tap in taps] for taps in (self.taps, self._said))
        self.adapters = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(inside, outside, strict=True))

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        assert batch.boxes is not None, "a batch without boxes"
        picture, maps = _answered(net, batch)
        mine = [adapter(tap.take()) for adapter, tap in zip(self.adapters, self.taps, strict=True)]
        with torch.no_grad():
            seen = batch.bright if self.spec.teacher_sees == "truth" else batch.dark
            told: Tensor = self._teacher[0].to(batch.dark.device)(seen)[1]
        theirs = [tap.take() for tap in self._said]
        with torch.autocast(batch.dark.device.type, enabled=False):
            found, parts = box_loss(maps.float(), batch.boxes, STRIDES)
            taught = imitation(read_maps(maps, STRIDES), read_maps(told, STRIDES))
            light, named = picture_loss(picture.float(), batch.bright, self.spec.loss)
            pairs = zip(mine, theirs, strict=True)
            objects = [self._object_term(one.float(), other.float(), batch) for one, other in pairs]
            share, fade = self.spec.output_weight, fading(batch.done, self.spec.hints_end)
            boxes = (1 - share) * found + share * taught
            for hint, term in zip(self.spec.hints, objects, strict=True):
                boxes = boxes + fade * hint.weight * term
            parts = parts | named | {"taught": taught} | {f"hint{k}": term for k, term in enumerate(objects)}
            return self.tasks.boxes * boxes + self.tasks.picture * light, parts

    @staticmethod
    def _object_term(mine: Tensor, theirs: Tensor, batch: Batch) -> Tensor:
        assert batch.boxes is not None
        height, width = theirs.shape[2:]
        size = int(batch.dark.shape[2]), int(batch.dark.shape[3])
        return object_imitation(mine, theirs, foreground(batch.boxes, height, width, size, mine.device))
