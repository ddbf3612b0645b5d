"""The stages by name. One line each; a stage's module is imported only when a plan uses it."""

from __future__ import annotations

from importlib import import_module

from compress.stage import Stage

STAGES = {
    "degrade": "compress.stages.degrade",
    "teach": "compress.stages.teach",
    "teacher": "compress.stages.teacher",
    "unpaired": "compress.stages.unpaired",
    "label": "compress.stages.label",
    "student": "compress.stages.student",
    "distill": "compress.stages.distill",
    "control": "compress.stages.control",
    "prune": "compress.stages.prune",
    "quantize": "compress.stages.quantize",
    "sensitivity": "compress.stages.sensitivity",
    "export": "compress.stages.export",
    "validate": "compress.stages.validate",
    "gate": "compress.stages.gate",
    "package": "compress.stages.package",
}


def load_stage(name: str) -> Stage:
    """The stage called ``name``: the function of that name in its module."""
    found = getattr(import_module(STAGES[name]), name)
    assert isinstance(found, Stage), f"{STAGES[name]}.{name} lacks @stage"
    return found
