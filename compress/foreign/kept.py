"""A network from outside that was changed here, narrowed or trained, as an artefact again (ADR 0030).

Its code and files stay as they were taken in. What is new is ``weights.safetensors`` and, in ``foreign.json``, the
sizes of layers that its author's code would make wider. That what was written is the network is proved by opening it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from compress.artefacts import FOREIGN
from compress.errors import BuildError
from compress.foreign.adapted import Adapted
from compress.foreign.card import WEIGHTS, Card, Narrowed
from compress.foreign.folding import Pair
from compress.foreign.taken import open_taken
from compress.models.enhance import small_size
from compress.store.digests import hash_file

_SIZES = (
    "in_channels", "out_channels", "groups", "in_features", "out_features", "num_features", "num_channels",
    "num_parameters", "normalized_shape",
)  # fmt: skip
"""Attributes that layers of torch keep beside their tensors."""
_TOLERANCE = 1e-5


def keep_changed(net: Adapted, out: Path, folded: tuple[Pair, ...] = ()) -> None:
    """Write ``net``, which was opened from a ``foreign.json``, into ``out``; ``folded``: norms that it had there.

    Raises BuildError where what is opened from there answers otherwise: its code makes something that is no tensor.
    """
    from safetensors.torch import save_file

    origin = _origin(net)
    if origin.parent != out:
        copy_taken(origin, out)
    was, card = open_taken(origin), Card.read(origin)
    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in net.inner.state_dict().items()}
    save_file(tensors, out / WEIGHTS)
    digests = {**card.digests, WEIGHTS: hash_file(out / WEIGHTS)}
    narrowed = {layer.module: layer for layer in (*card.narrowed, *_narrowed(was.inner, net.inner))}
    changes = {"digests": digests, "folded": card.folded + folded, "narrowed": tuple(narrowed.values())}
    card = card.model_copy(update=changes)
    card.write(out / FOREIGN)
    _prove(net, open_taken(out / FOREIGN))


def copy_taken(origin: Path, out: Path) -> None:
    """All files of the network whose ``foreign.json`` is ``origin``."""
    for name in (FOREIGN, *Card.read(origin).digests):
        place = out / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin.parent / name, place)


def taken_size_bytes(origin: Path) -> int:
    """Of the weights where they have a file of their own, else of the network's files."""
    names = Card.read(origin).digests
    return sum((origin.parent / name).stat().st_size for name in ([WEIGHTS] if WEIGHTS in names else names))


def _origin(net: Adapted) -> Path:
    assert net.origin is not None, "a network that was not opened from an artefact"
    return net.origin


def _narrowed(was: nn.Module, now: nn.Module) -> Iterator[Narrowed]:
    """Layers whose sizes are other ones than those of ``was``."""
    author = dict(was.named_modules())
    for name, module in now.named_modules():
        sizes = {key: value for key in _SIZES if (value := _size(getattr(module, key, None)))}
        if sizes and any(sizes[key] != _size(getattr(author[name], key)) for key in sizes):
            yield Narrowed(module=name, sizes=sizes)


def _size(value: Any) -> tuple[int, ...]:
    whole = value if isinstance(value, tuple) else (value,)
    return whole if all(isinstance(each, int) for each in whole) else ()


@torch.no_grad()
def _prove(net: Adapted, again: Adapted) -> None:
    x = torch.rand(1, 3, *small_size(net), generator=torch.Generator().manual_seed(0)) * 0.3
    training = net.training
    one: Tensor = net.eval()(x)
    other: Tensor = again(x)
    net.train(training)
    away = float((one - other).abs().max())
    if not away <= _TOLERANCE:
        raise BuildError(
            f"{net.name}: opened again it answers {away:.2g} away from what was trained: something of it is neither "
            "parameter nor buffer; register it with the module"
        )
