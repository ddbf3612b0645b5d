"""A metric that a recipe asks for, and what decides its values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compress.metrics.table import METRICS, Metric, MetricName


@dataclass(frozen=True)
class Wanted:
    """``weights``: the file named for it, None where none is."""

    name: MetricName
    weights: Path | None = None

    @property
    def metric(self) -> Metric:
        return METRICS[self.name]

    @property
    def library(self) -> str:
        """Which library computes it, with its version: ``torchmetrics 1.9.0``, or its name alone where it is absent."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            return f"{self.metric.library} {version(self.metric.library)}"
        except PackageNotFoundError:
            return self.metric.library

    @property
    def weights_sha256(self) -> str | None:
        """Of the weights' file; None where there is none."""
        from compress.store.digests import file_digest

        return file_digest(self.weights) if self.weights is not None and self.weights.is_file() else None

    def identity(self) -> dict[str, Any]:
        """What enters the key of a stage that measures it: of the weights their digest, wherever they lie."""
        return {"name": self.name, "library": self.library, "weights_sha256": self.weights_sha256}
