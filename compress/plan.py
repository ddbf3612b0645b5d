"""A plan: one point of what the command asked for, complete and frozen."""

from __future__ import annotations

from dataclasses import dataclass

from compress.metrics.full_reference import PSNR_CAP_DB
from compress.records import Reference
from compress.schema import (
    OF_PICTURES,
    Board,
    Budget,
    ControlSpec,
    DataSpec,
    FloatLayers,
    LayerTiming,
    Names,
    PictureSize,
    Promotion,
    Recipe,
    Section,
    Seed,
    Slices,
    Target,
    Train,
    UntrainedBudget,
)  # fmt: skip
from compress.tasks import open_task

NO_TARGET = "none"
"""The target's name where the command gives none; only chains that read nothing of a target may do so."""

COMMAND_LINE = "command line"
"""Origin of what the command itself says."""


@dataclass(frozen=True)
class Plan:
    """A recipe on a target with a calibration set, every value settled.

    ``origins`` says for each dotted key that is not a default where its value came from
    (a file's path, or "command line").
    """

    recipe_name: str
    target_name: str
    data_name: str
    recipe: Recipe
    target: Target
    data: DataSpec
    origins: dict[str, str]

    @property
    def stages(self) -> tuple[str, ...]:
        """Stage names in order; on request ``control`` behind ``distill`` and ``sensitivity`` behind ``quantize``.

        ``label`` comes behind ``teacher``, else behind ``student``, where the pictures have no ground truth.
        """
        recipe = self.recipe
        labelled = self.reference in ("teacher", "float network")
        behind = {
            "teacher" if self.reference == "teacher" else "student": ("label", labelled),
            "distill": ("control", recipe.distill.control),
            "quantize": ("sensitivity", recipe.sensitivity.run),
        }
        names: list[str] = []
        for name in recipe.stages:
            names.append(name)
            extra, wanted = behind.get(name, ("", False))
            if wanted and extra not in recipe.stages:
                names.append(extra)
        return tuple(names)

    @property
    def reference(self) -> Reference | None:
        """Whose pictures stand for a ground truth; None where there is one."""
        if self.data.kind != "frames":
            return None
        if "degrade" in self.recipe.stages:
            return "given frame"
        return "teacher" if "teacher" in self.recipe.stages else "float network"

    @property
    def budget(self) -> Budget:
        """The target's budget; what INT8 may cost is the recipe's to say where neither target nor command does.

        Not against its own float pictures, where nothing can drop. What is said of pictures means nothing for boxes.
        """
        own, budget = self.recipe.sensitivity, self.target.budget
        named = {each.metric for each in budget.metrics}
        limits = budget.metrics + tuple(each for each in self.recipe.validation.limits if each.metric not in named)
        budget = budget.model_copy(update={"metrics": limits}) if limits else budget
        if open_task(self.recipe.task).answers == "boxes":
            return budget.model_copy(update=dict.fromkeys(OF_PICTURES))
        if self.reference == "float network":
            return budget
        said = {"max_int8_drop_db": own.max_int8_drop_db, "max_worst_drop_db": own.max_worst_drop_db}
        filled = {
            name: limit for name, limit in said.items()
            if limit is not None and f"target.budget.{name}" not in self.origins
        }  # fmt: skip
        return budget.model_copy(update=filled)

    @property
    def trainings(self) -> dict[str, Train]:
        """The stages of the plan that train, with their schedules."""
        recipe = self.recipe
        found: dict[str, Train] = {
            "teach": recipe.teach.train, "distill": recipe.distill.train, "prune": recipe.prune.train,
            "quantize": recipe.quantize.train, "unpaired": recipe.unpaired.enhance,
        }  # fmt: skip
        return {name: train for name, train in found.items() if name in self.stages}

    @property
    def untrained(self) -> bool:
        """Whether INT8 is not trained and there is a truth, so that a drop says less than a distance (ADR 0030)."""
        return "quantize" in self.stages and not self.recipe.quantize.train.phases and self.reference is None

    @property
    def sections(self) -> dict[type[Section], Section]:
        """What stages may read, by type."""
        recipe, target, device = self.recipe, self.target, self.target.device
        budget = UntrainedBudget(**dict(self.budget)) if self.untrained else self.budget
        found: tuple[Section, ...] = (
            recipe.degrade, recipe.teach, recipe.teacher, recipe.unpaired, recipe.student, recipe.distill, recipe.prune,
            recipe.quantize, recipe.sensitivity, recipe.validation, recipe.package, Seed(seed=recipe.seed), self.data,
            Slices(named=self.data.slices),
            Names(recipe=self.recipe_name, target=self.target_name, data=self.data_name),
            target.scheme, target.channels, target.export, device, budget,
            self._promotion(),
            PictureSize(size=target.export.size),
            LayerTiming(
                runtime=device.runtime, local=device.kind == "local", threads=device.threads,
                float_precision=device.float_precision,
            ),
            FloatLayers(
                on_device=target.float_layers, runtime=device.runtime, precision=device.float_precision,
                builds=target.export.builds,
            ),
            Board(
                host=device.host if device.kind in ("ssh", "adb") else None,
                kind="adb" if device.kind == "adb" else "ssh", builds=target.export.builds,
            ),
            ControlSpec(train=recipe.distill.train, loss=recipe.distill.loss),
        )  # fmt: skip
        return {_read_as(section): section for section in found}

    def _promotion(self) -> Promotion:
        """Against its own float pictures a network has no drop to hold, only a fidelity, which ends at the cap."""
        target, budget = self.target, self.budget
        mean_db, worst_db = budget.max_int8_drop_db, budget.max_worst_drop_db
        if self.reference == "float network" and "prune" not in self.recipe.stages:
            mean_db, worst_db = None if budget.min_psnr_db is None else PSNR_CAP_DB - budget.min_psnr_db, None
        return Promotion(
            float_layers=target.float_layers, int16_layers=target.int16_layers, int16_slowdown=target.int16_slowdown,
            float_slowdown=target.float_slowdown, max_int8_drop_db=mean_db, max_worst_drop_db=worst_db,
            size=target.export.size, untrained=self.untrained,
        )  # fmt: skip


def _read_as(section: Section) -> type[Section]:
    """By which type stages ask for it: pictures for another task are still the pictures, and a budget a budget."""
    kinds: tuple[type[Section], ...] = (DataSpec, Budget)
    return next((kind for kind in kinds if isinstance(section, kind)), type(section))
