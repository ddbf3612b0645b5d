"""What a plan on frames without ground truth lacks or contradicts itself in, checked before any work."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from compress.data.scenes import list_scenes
from compress.errors import DataError
from compress.plan import Plan


def frames_problems(plan: Plan) -> Iterator[str]:
    """A line for each; of the folder no more is read than its listing."""
    yield from _degraded(plan)
    if plan.data.kind != "frames":
        if "label" in plan.stages:
            yield (
                f"stages: 'label' asks the teacher in place of a ground truth, and calibration set '{plan.data_name}' "
                "has one; leave the stage out, or take data=frames data.root=FOLDER_OR_VIDEO"
            )
        return
    if "degrade" in plan.stages:
        yield from _folder(plan)
        return
    trained = {"teach": "teach.train", "control": "distill.control"}
    for name, key in trained.items():
        if name in plan.stages:
            way = "set it to false" if name == "control" else "use pairs"
            yield f"{key}: trains on ground truth without a teacher, and frames have none; {way}"
    yield from _who_labels(plan)
    if plan.recipe.task.kind == "super_resolution":
        yield (
            "task.kind: of frames without ground truth only networks that keep the size can be taught; use pairs, or "
            "put 'degrade' in front (recipe=real_sr)"
        )
    yield from _folder(plan)


def _degraded(plan: Plan) -> Iterator[str]:
    """The stage that makes pairs of frames with their own kernel, and the terms that need it."""
    recipe, there = plan.recipe, "degrade" in plan.stages
    for key, wanted in (("distill.consistency", recipe.distill.consistency), ("teach.restored", recipe.teach.restored)):
        if wanted and not there:
            yield f"{key}: needs the kernel that the stage 'degrade' finds; put it in front, or set 0"
    if recipe.teach.restored and recipe.teach.network != "restored_anchor":
        yield f"teach.restored: '{recipe.teach.network}' has no pre-processing network; take restored_anchor, or set 0"
    if not there:
        return
    if plan.data.kind != "frames":
        yield f"stages: 'degrade' is for frames without ground truth, and '{plan.data_name}' has one; take data=frames"
    if recipe.task.kind != "super_resolution":
        yield "stages: 'degrade' makes frames smaller; it needs task.kind=super_resolution task.scale=2"
    if plan.stages[0] != "degrade":
        yield "stages: 'degrade' makes the pairs that all others look at; put it first"
    if "label" in plan.stages:
        yield "stages: 'label' and 'degrade' both make pairs of frames; leave one out"
    if "control" in plan.stages:
        yield "distill.control: trains on pairs that 'degrade' does not give it; set it to false"


def _who_labels(plan: Plan) -> Iterator[str]:
    """A network has to be there before anything else looks at the frames."""
    asked = "teacher" if plan.reference == "teacher" else "student"
    first = plan.stages.index("label") if "label" in plan.stages else 0
    if asked not in plan.stages[:first] and set(plan.stages) - {"teach"}:
        yield (
            "stages: frames have no ground truth, so they need a teacher, or a network of yours as it is, to be "
            "compared with; put 'teacher' or 'student' in front" + (" of 'label'" if "label" in plan.stages else "")
        )


def _folder(plan: Plan) -> Iterator[str]:
    if plan.data.root is None:
        yield f"data.root: calibration set '{plan.data_name}' needs frames; add data.root=FOLDER or data.root=VIDEO"
        return
    try:
        videos = [scene.video for scene in list_scenes(plan.data) if scene.video is not None]
    except DataError as error:
        yield f"data.root: {error}"
        return
    if videos and find_spec("av") is None:
        yield f"data.root: {videos[0]}: videos need PyAV; install it with: pip install 'compress[video]'"
