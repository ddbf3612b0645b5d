"""The three stages of training without pairs, each a training of its own that goes on where it was stopped.

Pairing: prompts learn to tell dark from well-lit pictures. Then rounds of enhancement, in which the network learns what
the prompts take for well-lit, and refinement, in which the prompts learn to rank what came out (Wang 2024; CLIP-LIT,
Liang et al., ICCV 2023). A critic, where that is the scorer, is trained before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import torch
from torch import nn

from compress.data.source import open_data
from compress.data.unpaired import OneSide, UnpairedPlan, parted
from compress.degradation.darkness import Darkness, find_darkness
from compress.errors import ConfigError
from compress.kept import keep
from compress.losses.critic import CriticLesson
from compress.losses.guided import CameBack, Guided, Guides
from compress.losses.prompts import Pairing, Ranking
from compress.models.reparameterize import collapse
from compress.ranks import are_many
from compress.records import Record
from compress.schema import DataSpec, Train
from compress.schema.unpaired import UnpairedSpec
from compress.scorers.base import Prompts, Scorer
from compress.stage import Progress
from compress.training.loop import Curve, Objective, Watch, fit

RANKED_ROUNDS = 4
"""I_en0 to I_en3: the first rounds' networks, which the newest one's pictures are to surpass."""

POINTS = 4
"""Of each training's curve: whole validation pictures take longer than the steps between more of them would."""


class RoundFacts(Record):
    """How likely pictures are well-lit ones, to the prompts of a round: enhanced ones when the network had learnt under
    them; dark, well-lit and enhanced ones when the prompts had learnt to rank them, None where they did not."""

    enhanced: float
    refined_low: float | None = None
    refined_normal: float | None = None
    refined_enhanced: float | None = None


class UnpairedFacts(Record):
    """``unpaired.json``. ``both_of_a_pair``: how many pairs had both of their pictures looked at. ``darkness``: by what
    well-lit pictures were darkened, where the network also learnt to bring them back."""

    scorer: str
    dark_pictures: int
    well_lit_pictures: int
    both_of_a_pair: int
    printed: tuple[str, ...]
    rounds: tuple[RoundFacts, ...]
    darkness: Darkness | None = None

    @property
    def sentence(self) -> str:
        """For reports: what the network was trained by."""
        pictures = f"{self.dark_pictures} dark and {self.well_lit_pictures} well-lit training pictures"
        whole = "of no pair both" if not self.both_of_a_pair else "shuffled each by itself"
        taken = f", {', '.join(self.printed)} as printed" if self.printed else ""
        back = f"; also to bring back {self.darkness.sentence}" if self.darkness else ""
        return f"trained without pairs under a {self.scorer}, on {pictures}, {whole}{taken}{back}"


@dataclass(frozen=True)
class Course:
    """What all trainings share."""

    sides: tuple[OneSide, OneSide]
    seed: int
    scratch: Path
    progress: Progress

    def trained(
        self, name: str, net: nn.Module, objective: Objective, train: Train, watch: Watch | None = None
    ) -> Curve:
        """Train ``net`` in place, or take what a run before this one made of it."""
        folder = self.scratch / name
        done, curve_file = folder / "done.pt", folder / "curve.json"
        if done.is_file():
            net.load_state_dict(torch.load(done, weights_only=True))
            return Curve.read(curve_file)
        folder.mkdir(exist_ok=True)
        self.progress.say(name)
        plan = UnpairedPlan(self.sides, train, self.seed)
        curve = fit(net, objective, plan, train, folder, self.progress, watch, points=POINTS)
        part = done.with_suffix(".part")
        curve.write(part)
        keep(part, curve_file)
        torch.save(net.state_dict(), part)
        keep(part, done)
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        return curve


def train_unpaired(
    net: nn.Module, spec: UnpairedSpec, data: DataSpec, seed: int, scratch: Path, progress: Progress,
    watch: Watch | None = None,
) -> tuple[nn.Module, Curve, UnpairedFacts]:  # fmt: skip
    """Train ``net``, which is spent; gives it as it ships, its curve over all rounds, and what there is to know.

    Each training begins at a random state of its own, so that a run which was stopped between two ends as one that was
    not. Raises DataError for pictures that can't be parted, ConfigError in a group of processes.
    """
    if are_many():
        raise ConfigError(("unpaired: it trains in one process; start it without torchrun",))
    source = open_data(data, "train")
    course = Course(parted(source, seed, spec.disjoint, spec.dark_share), seed, scratch, progress)
    begin = _Beginnings(seed)
    scorer = _scorer(spec, course, begin)
    begin("pairing")
    prompts = scorer.prompts()
    first = prompts().detach()
    course.trained("pairing", prompts, Pairing(scorer, "eq1" in spec.printed), spec.pairing)
    darkness = find_darkness(*course.sides) if spec.darkened.weight else None
    curves, facts, rounds = [], [], []
    for number in range(1, spec.rounds + 1):
        begin(f"enhance{number}")
        lesson = _lesson(scorer, Guides(prompts().detach(), first), spec, darkness)
        curves.append(course.trained(f"enhance{number}", net, lesson, spec.enhance, watch))
        rounds.append(copy.deepcopy(net).eval().requires_grad_(False))
        refined: dict[str, float] = {}
        if number < spec.rounds and spec.refine.phases:
            begin(f"refine{number}")
            refined = _refined(number, rounds, scorer, prompts, spec, course)
        facts.append(RoundFacts(enhanced=curves[-1].points[-1].parts["r_enhanced"], **refined))
    net = collapse(net)
    if spec.finish.phases:
        begin("finish")
        curves.append(course.trained("finish", net, lesson, spec.finish, watch))
    dark, bright = course.sides
    return net, _joined(curves), UnpairedFacts(
        scorer=scorer.label, dark_pictures=len(dark), well_lit_pictures=len(bright),
        both_of_a_pair=len(set(dark.names) & set(bright.names)), printed=spec.printed, rounds=tuple(facts),
        darkness=darkness,
    )  # fmt: skip


def _lesson(scorer: Scorer, guides: Guides, spec: UnpairedSpec, darkness: Darkness | None) -> Objective:
    """What the network learns from the prompts as they are, and from darkened pictures."""
    guided = Guided(scorer, guides, spec.loss, "eq3" in spec.printed)
    return CameBack(guided, darkness, spec.darkened) if darkness else guided


class _Beginnings:
    """Sets torch's random state by the seed and a name."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, name: str) -> None:
        torch.manual_seed(crc32(f"{self.seed} {name}".encode()))


def _scorer(spec: UnpairedSpec, course: Course, begin: Callable[[str], None]) -> Scorer:
    if spec.scorer.kind == "clip":
        from compress.scorers.clip import open_clip_scorer

        return open_clip_scorer(spec.scorer.weights or "", spec.scorer.context)
    from compress.scorers.critic import Critic, CriticScorer

    begin("critic")
    critic = Critic()
    course.trained("critic", critic, CriticLesson(), spec.scorer.train)
    return CriticScorer(critic)


def _refined(
    number: int, rounds: list[nn.Module], scorer: Scorer, prompts: Prompts, spec: UnpairedSpec, course: Course
) -> dict[str, float]:
    """Teach the prompts to rank the pictures of the rounds so far; gives what is to be known of it."""
    ranked = (*rounds[: min(RANKED_ROUNDS, number - 1)], rounds[-1])
    ranking = Ranking(scorer, ranked, spec.margins, "s1" in spec.printed)
    parts = course.trained(f"refine{number}", prompts, ranking, spec.refine).points[-1].parts
    return {f"refined_{name}": parts[f"r_{name}"] for name in ("low", "normal", "enhanced")}


def _joined(curves: list[Curve]) -> Curve:
    """One curve of several trainings of a network, one behind the other."""
    points, before = [], 0
    for curve in curves:
        points += [point.model_copy(update={"step": point.step + before}) for point in curve.points]
        before += curve.steps
    return Curve(steps=before, points=tuple(points))
