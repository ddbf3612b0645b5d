"""Of a picture alone, by pyiqa (an optional package) with weights from a file that the recipe names; no download."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import WeightsError

if TYPE_CHECKING:
    from torch import nn

    from compress.metrics.full_reference import Picture

INSTALL = "pip install pyiqa"


def why_not(name: str, weights: Path | None) -> str | None:
    """Why metric ``name`` can't be measured on this machine with these weights, None where it can."""
    if find_spec("pyiqa") is None:
        return f"pyiqa is not installed ({INSTALL})"
    if weights is None:
        return f"no weights: name its file in validation.weights, {{metric: {name}, file: FILE}}"
    return None if weights.is_file() else f"no weights: no file '{weights}'"


def open_metric(name: str, weights: Path) -> Callable[[Picture], float]:
    """Metric ``name`` as a function of a uint8 (H, W, 3) picture.

    MUSIQ's weights are a state dict (.safetensors, or what torch.save wrote, looked through before torch sees it),
    NIQE's a MATLAB file with mu_prisparam and cov_prisparam. Raises WeightsError for a file that doesn't fit.
    """
    import numpy as np
    import torch

    net = _OPEN[name](weights)

    def measure(picture: Picture) -> float:
        batch = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 255.0
        with torch.no_grad():
            return float(net(batch))

    return measure


def _musiq(weights: Path) -> nn.Module:
    import pyiqa

    from compress.foreign.state_dict import read_state_dict

    made: nn.Module = pyiqa.create_metric("musiq", device="cpu", pretrained=False)
    tensors = read_state_dict(weights, None, "")
    try:
        made.net.load_state_dict(tensors)  # type: ignore[union-attr]
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise WeightsError(f"{weights}: are no weights of MUSIQ ({first})") from None
    return made


def _niqe(weights: Path) -> nn.Module:
    import pyiqa

    try:
        made: nn.Module = pyiqa.create_metric("niqe", device="cpu", pretrained_model_path=str(weights))
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise WeightsError(f"{weights}: is no MATLAB file with NIQE's model ({error})") from None
    return made


_OPEN = {"musiq": _musiq, "niqe": _niqe}
