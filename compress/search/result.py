"""What a search came to: the full runs, the one that is chosen, and how to have it again."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from compress.artefacts import Bundle, Measurements, Quantized, Verdict
from compress.config.keys import split_prefix
from compress.config.load import load_yaml
from compress.config.names import listing
from compress.config.words import NAME_GROUPS
from compress.config.yaml_loader import parse_yaml
from compress.flow import RunResult
from compress.records import SpeedReport, VerdictRecord
from compress.schema import SearchSpec
from compress.search.candidate import Candidates
from compress.search.limits import best, limits_of, pareto
from compress.search.records import FullRun, Reference, SearchRecord, Trial
from compress.search.space import Point
from compress.search.trying import val_psnr_db

OBJECTIVE = "mean PSNR in dB of the quantized network in torch on the validation pictures (never the test split)"
SEARCH_FILE, PLOT_FILE, RECIPE_FILE = "search.json", "pareto.svg", "winner.yaml"


def full_run(number: int, result: RunResult) -> FullRun:
    """What a finished chain came to."""
    verdict_of, measured, bundle = result.newest(Verdict), result.newest(Measurements), result.newest(Bundle)
    trained = next(outcome.artefact for outcome in result.outcomes if outcome.name == "quantize")
    assert verdict_of is not None and measured is not None and isinstance(trained, Quantized)
    verdict = VerdictRecord.read(verdict_of.folder / "verdict.json")
    speeds = [row for row in SpeedReport.read(measured.folder / "speed.json").rows if row.variant == "int8"]
    missed = (
        f"{check.name} {check.result}: {check.note if check.measured is None else f'{check.measured:.6g} {check.unit}'}"
        f", limit {check.limit:g}"
        for check in verdict.checks if check.result != "pass"
    )  # fmt: skip
    return FullRun(
        number=number, result=verdict.result, val_psnr_db=val_psnr_db(trained),
        p50_ms=max((row.p50_ms for row in speeds), default=None),
        bundle=None if bundle is None else str(bundle.bundle), note="; ".join((*missed, *verdict.reasons)),
    )  # fmt: skip


def record_of(
    candidates: Candidates, study: str, reference: Reference, trials: tuple[Trial, ...], full: tuple[FullRun, ...],
    exhausted: bool,
) -> SearchRecord:  # fmt: skip
    """Everything in one record, with what follows from it."""
    plan, spec = candidates.plan, candidates.plan.recipe.search
    chosen = choose(trials, full)
    point = point_of(trials, chosen)
    return SearchRecord(
        recipe=plan.recipe_name, target=plan.target_name, data=plan.data_name, study=study, objective=OBJECTIVE,
        seed=spec.seed, train_shares=spec.train_shares, limits=limits_of(plan.target.budget), reference=reference,
        trials=trials, pareto=pareto(trials), full=full, chosen=chosen, exhausted=exhausted,
        command="" if point is None else shlex.join(("compress", "run", *candidates.words_of(point))),
    )  # fmt: skip


def choose(trials: tuple[Trial, ...], full: tuple[FullRun, ...]) -> int | None:
    """The best that passed its gate; where none was run in full, the best that holds what was measured."""
    if full:
        passed = sorted((each for each in full if each.result == "pass"), key=lambda each: -each.val_psnr_db)
        return passed[0].number if passed else None
    return next((trial.number for trial in best(trials)), None)


def point_of(trials: tuple[Trial, ...], number: int | None) -> Point | None:
    """The settings of the trial with this number."""
    return next((trial.point for trial in trials if trial.number == number), None)


def winner_recipe(candidates: Candidates, point: Point) -> str:
    """The recipe's own file with the candidate's settings in it, and those of the command line; without the search."""
    import yaml

    plan = candidates.plan
    tree = load_yaml(listing("recipes")[plan.recipe_name])
    tree.pop("search", None)
    outside = []
    for word in candidates.words_of(point):
        key, _, text = word.partition("=")
        if key == "recipe":
            continue
        if key == "data":
            tree["data"] = text
        elif key in NAME_GROUPS or split_prefix(key)[0]:
            outside.append(word)
        else:
            _put(tree, key.split("."), parse_yaml(text, key))
    head = f"# compress run recipe=NAME {shlex.join(outside)}, as recipes/NAME.yaml; found by compress search\n"
    return head + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=110)


def finished(folder: Path, spec: SearchSpec) -> SearchRecord | None:
    """What an earlier search left in ``folder``, where it did all that ``spec`` asks for and its bundles are there."""
    try:
        record = SearchRecord.read(folder / SEARCH_FILE)
    except (OSError, ValidationError):
        return None
    trained = sum(trial.state == "trained" for trial in record.trials)
    whole = len(record.trials) >= spec.trials or record.exhausted
    there = all(each.bundle is None or Path(each.bundle).is_dir() for each in record.full)
    return record if whole and there and len(record.full) == min(spec.full, trained) else None


def _put(tree: Any, parts: list[str], value: Any) -> None:
    """Set what stands at a dotted key, or leave it out where it is nothing."""
    *parents, last = parts
    for part in parents:
        tree = tree[int(part)] if isinstance(tree, list) else tree.setdefault(part, {})
    if isinstance(tree, list):
        tree[int(last)] = value
    elif value is None:
        tree.pop(last, None)
    else:
        tree[last] = value
