"""What a detector's maps are compared with, and how: assignment, focal loss, GIoU, centreness.

A place of a level answers for the smallest box that holds it, near the middle of the box and of a size for its level
(centre sampling and ranges of FCOS, Tian et al., TPAMI 2020). Classes: focal loss (Lin et al., ICCV 2017); edges: GIoU
(Rezatofighi et al., CVPR 2019), weighted by how central the place is; centreness: cross entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.data.batches import BoxTargets

CENTRE_RADIUS = 1.5
"""Strides from the middle of a box, within which places answer for it."""

FIRST_RANGE = 8.0
"""Strides: the farthest edge of what a level is for; the next one takes what is larger, the last all of that."""

FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0


@dataclass(frozen=True)
class Places:
    """All places of all levels: ``centres`` (P, 2) x and y in pixels, ``strides`` (P,).

    ``least`` and ``most`` (P,): the farthest edges, in pixels, of boxes that they answer for.
    """

    centres: Tensor
    strides: Tensor
    least: Tensor
    most: Tensor


@dataclass(frozen=True)
class Answer:
    """What all places say: ``logits`` (N, P, C), ``corners`` (N, P, 4) in pixels, ``centre`` (N, P) logits."""

    logits: Tensor
    corners: Tensor
    centre: Tensor
    places: Places


@dataclass(frozen=True)
class Assigned:
    """What they should say: ``labels`` (N, P), -1 for none; ``corners`` (N, P, 4); ``central`` (N, P) in [0, 1]."""

    labels: Tensor
    corners: Tensor
    central: Tensor


def read_maps(maps: Tensor, strides: tuple[int, ...]) -> Answer:
    """The places of maps (N, L * (C + 5), h, w) as ``compress.detection.decode`` lays them out; float32."""
    parts, places = [], []
    for level, part in enumerate(maps.float().chunk(len(strides), 1)):
        step = strides[level] // strides[0]
        values = part[:, :, ::step, ::step]
        places.append(_level_places(strides, level, values.shape[2], values.shape[3], maps.device))
        parts.append(values.flatten(2).transpose(1, 2))
    all_places = Places(*(torch.cat(each) for each in zip(*((p.centres, p.strides, p.least, p.most) for p in places),
                                                         strict=True)))  # fmt: skip
    values = torch.cat(parts, 1)
    logits, distances, centre = values[..., :-5], values[..., -5:-1], values[..., -1]
    reach = F.relu(distances) * all_places.strides[:, None]
    middle = all_places.centres
    corners = torch.cat((middle - reach[..., :2], middle + reach[..., 2:]), -1)
    return Answer(logits, corners, centre, all_places)


def _level_places(strides: tuple[int, ...], level: int, height: int, width: int, device: torch.device) -> Places:
    stride = float(strides[level])
    rows, columns = torch.meshgrid(
        torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij"
    )
    centres = (torch.stack((columns, rows), -1).reshape(-1, 2).float() + 0.5) * stride
    same = centres.new_ones(len(centres))
    least = 0.0 if level == 0 else FIRST_RANGE * strides[level - 1]
    most = float("inf") if level == len(strides) - 1 else FIRST_RANGE * stride
    return Places(centres, same * stride, same * least, same * most)


def assign(places: Places, targets: BoxTargets) -> Assigned:
    """Which box each place answers for."""
    corners, labels = targets.corners[:, None], targets.labels
    x, y = places.centres[None, :, None].unbind(-1)
    edges = torch.stack((x - corners[..., 0], y - corners[..., 1], corners[..., 2] - x, corners[..., 3] - y), -1)
    middle = (corners[..., :2] + corners[..., 2:]) / 2
    near = torch.maximum((x - middle[..., 0]).abs(), (y - middle[..., 1]).abs())
    farthest = edges.amax(-1)
    mine = (
        (edges.amin(-1) > 0) & (near < CENTRE_RADIUS * places.strides[None, :, None])
        & (farthest > places.least[None, :, None]) & (farthest <= places.most[None, :, None])
        & (labels[:, None] >= 0)
    )  # fmt: skip
    area = (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])
    area = torch.where(mine, area, torch.inf)
    smallest, chosen = area.min(-1)
    there = smallest < torch.inf
    found = torch.where(there, labels.gather(1, chosen), -1)
    index = chosen[..., None].expand(-1, -1, 4)
    kept = edges.gather(2, index[:, :, None]).squeeze(2).clamp(min=1e-6)
    sides = (kept[..., 0], kept[..., 2]), (kept[..., 1], kept[..., 3])
    shares = [torch.minimum(one, other) / torch.maximum(one, other) for one, other in sides]
    central = torch.where(there, torch.sqrt(shares[0] * shares[1]), 0.0)
    return Assigned(found, targets.corners.gather(1, index), central)


def giou_loss(some: Tensor, others: Tensor) -> Tensor:
    """One minus the generalized IoU of boxes (..., 4) with others, in [0, 2]."""
    inside = torch.minimum(some[..., 2:], others[..., 2:]) - torch.maximum(some[..., :2], others[..., :2])
    shared = inside.clamp(min=0).prod(-1)
    areas = [(each[..., 2:] - each[..., :2]).prod(-1) for each in (some, others)]
    union = (areas[0] + areas[1] - shared).clamp(min=1e-6)
    around = torch.maximum(some[..., 2:], others[..., 2:]) - torch.minimum(some[..., :2], others[..., :2])
    hull = around.prod(-1).clamp(min=1e-6)
    return 1.0 - shared / union + (hull - union) / hull


def focal_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Of each logit against 0 or 1, of their shape; an answer that is right already counts next to nothing."""
    share = torch.sigmoid(logits)
    wrong = truth * (1 - share) + (1 - truth) * share
    balance = truth * FOCAL_ALPHA + (1 - truth) * (1 - FOCAL_ALPHA)
    return balance * wrong**FOCAL_GAMMA * F.binary_cross_entropy_with_logits(logits, truth, reduction="none")


def box_loss(maps: Tensor, targets: BoxTargets, strides: tuple[int, ...]) -> tuple[Tensor, dict[str, Tensor]]:
    """Of maps (N, K, h, w) against their truth, and its terms.

    Where a class was not labelled in a picture, only places on objects of another class say that it is not there.
    """
    answer = read_maps(maps, strides)
    targets = BoxTargets(*(each.to(maps.device) for each in (targets.corners, targets.labels, targets.labelled)))
    wanted = assign(answer.places, targets)
    there = wanted.labels >= 0
    count = there.sum().clamp(min=1)
    truth = F.one_hot(wanted.labels.clamp(min=0), answer.logits.shape[-1]) * there[..., None]
    known = targets.labelled[:, None] | there[..., None]
    class_term = (focal_loss(answer.logits, truth.float()) * known).sum() / count
    weight = wanted.central[there]
    edges = giou_loss(answer.corners[there], wanted.corners[there])
    box_term = (edges * weight).sum() / weight.sum().clamp(min=1e-6)
    central = F.binary_cross_entropy_with_logits(answer.centre[there], weight, reduction="sum") / count
    parts = {"classes": class_term, "boxes": box_term, "centre": central}
    return class_term + 2.0 * box_term + central, parts
