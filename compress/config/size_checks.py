"""Pictures and builds whose sizes don't go together, checked before any work."""

from __future__ import annotations

from collections.abc import Iterator

from compress.plan import Plan
from compress.runtimes import open_runtime, runs_here


def size_problems(plan: Plan) -> Iterator[str]:
    """A line where test pictures whose size is said in the plan can't go through a build of one size.

    Only where that build runs here: elsewhere it is made, and not validated.
    """
    from compress.data.embedded import DEFAULT_SIZE
    from compress.tasks import task_of

    if plan.data.kind != "embedded" or "validate" not in plan.stages:
        return
    height, width = plan.data.size or DEFAULT_SIZE
    scale, builds = task_of(plan.data).scale, plan.target.export.size
    dark = height // scale, width // scale
    for name in plan.target.export.builds:
        if dark != tuple(builds) and open_runtime(name).one_size and runs_here(name):
            yield (
                f"data.size: {name} builds take pictures of target.export.size alone, {builds[0]}x{builds[1]}, and "
                f"calibration set '{plan.data_name}' gives {dark[0]}x{dark[1]}; add "
                f"target.export.size=[{dark[0]},{dark[1]}], or take pictures of that size (data=lol data.root=FOLDER)"
            )
