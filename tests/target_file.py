"""A target of a test's own, where the command looks for targets first."""

from __future__ import annotations

import json
from pathlib import Path


def write_target(name: str, **device: object) -> None:
    """``targets/NAME.yaml`` in the working folder, of which only the device is given."""
    folder = Path("targets")
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(json.dumps({"device": device}), encoding="utf-8")  # JSON is YAML
