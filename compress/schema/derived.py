"""What stages read that is put together from several settings, so that a key holds no more than decides a result."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from compress.schema.calibration import DataSpec
from compress.schema.section import PositiveInt, Section
from compress.schema.target import Budget
from compress.schema.task import TaskSpec
from compress.schema.training import PictureLoss, Train


class Promotion(Section):
    """What the choice of wider layers needs of a target: which it has, its INT8 drop budget, its pictures' size.

    ``untrained``: INT8 was not trained, so the distance to the float answer counts beside the drop (ADR 0030).
    """

    float_layers: bool
    int16_layers: bool = False
    int16_slowdown: float = 2.0
    float_slowdown: float = 4.0
    max_int8_drop_db: float | None
    max_worst_drop_db: float | None
    size: tuple[PositiveInt, PositiveInt]
    untrained: bool = False

    def identity(self) -> dict[str, Any]:
        """Of a network that was trained as it was before another was judged otherwise."""
        return self.model_dump(mode="json", exclude=set() if self.untrained else {"untrained"})


class UntrainedBudget(Budget):
    """The budget of a network quantized without training: its drops are judged by the distance to the float answer too.

    The target's own, but for its identity: a verdict by the drop alone is another.
    """

    untrained: Literal[True] = True


class PictureSize(Section):
    """What pruning needs of a target beside its channels: the size of its pictures, at which work is counted."""

    size: tuple[PositiveInt, PositiveInt]


class LayerTiming(Section):
    """What the cost of single layers needs of a device; ``local``: it is this machine, so they can be timed."""

    runtime: str
    local: bool
    threads: PositiveInt
    float_precision: Literal["f32", "bf16", "f16"]

    def identity(self) -> dict[str, Any]:
        """Where layers can't be timed, their MACs stand in, which are the same for every device."""
        from compress.devices.runner.fingerprint import stable_facts
        from compress.sensitivity.cost import PROFILERS

        timed = self.local and self.runtime in PROFILERS
        return {**self.model_dump(mode="json"), "machine": stable_facts()} if timed else {}


class FloatLayers(Section):
    """What the builds need of a device's floats: whether it has any, and what they compute in."""

    on_device: bool
    runtime: str
    precision: Literal["f32", "bf16", "f16"]
    builds: tuple[str, ...]

    def identity(self) -> dict[str, Any]:
        """The precision counts where a build has it written into it; elsewhere it is chosen when the build runs."""
        from compress.runtimes import open_runtime

        written = any(open_runtime(name).written_precisions for name in self.builds)
        return {
            "integer_only": None if self.on_device else self.runtime,
            "precision": self.precision if written else None,
        }  # fmt: skip


class Board(Section):
    """Where builds that are made on their board are made: a host that the client ``kind`` knows, or none."""

    host: str | None
    kind: Literal["ssh", "adb"] = "ssh"
    builds: tuple[str, ...]

    def identity(self) -> dict[str, Any]:
        """What its SDK is can't be asked at each start; a build tells, and is made again once it is removed."""
        where = self.host if self.kind == "ssh" or self.host is None else f"{self.kind} {self.host}"
        return {"host": where if self.made_there else None}

    @property
    def made_there(self) -> bool:
        """Whether one of the builds is made on its board."""
        from compress.runtimes import open_runtime

        return any(open_runtime(name).made_on_board for name in self.builds)


class ControlSpec(Section):
    """What the no-distillation control shares with the student: schedule and losses, but no teacher."""

    train: Train
    loss: PictureLoss


class Seed(Section):
    """The one seed of a plan."""

    seed: int = Field(0, ge=0)


class TaskData(DataSpec):
    """Pictures for another task than enhancement; read wherever pictures are, so no stage has a parameter more."""

    task: TaskSpec


class Names(Section):
    """What the plan's parts are called, for the provenance of a bundle."""

    recipe: str
    target: str
    data: str
