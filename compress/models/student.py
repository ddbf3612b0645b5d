"""The student as it is trained and as it ships: some of its convolutions learn in another form (``reparameterize``)."""

from __future__ import annotations

from torch import nn

from compress.models import build_net
from compress.models.reparameterize import branched, centred, collapse, normed
from compress.schema import StudentSpec


def student_to_train(spec: StudentSpec) -> nn.Module:
    """A freshly initialised student, float32, as it learns; with ``spec.reparameterize`` each 3x3 one in branches."""
    net = build_net(spec.network, spec.given)
    return branched(net) if spec.reparameterize else normed(centred(net))


def trained_student(net: nn.Module) -> nn.Module:
    """What ships of a trained ``net``: the plain network, equal but for the order of float sums."""
    return collapse(net)
