"""A search from its first candidate to the full runs of the best."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from compress.console import RunConsole
from compress.data.source import open_data
from compress.errors import NotMeasurable, UserError
from compress.flow import run
from compress.records import BuildList
from compress.runtimes.on_board import Named
from compress.search.bits import Bits
from compress.search.candidate import Candidates
from compress.search.guides import sharing_guides
from compress.search.latency import Stopwatch, time_reference, why_not_here
from compress.search.limits import best, latency_limit, limits_of
from compress.search.records import FullRun, Reference, SearchRecord, Trial
from compress.search.result import full_run, record_of
from compress.search.study import Study
from compress.search.trying import Bench, try_out, workplace
from compress.search.untrained import exported, untrained
from compress.store.store import Store

_HOPELESS = 3


def search(
    candidates: Candidates, folder: Path, store: Store, console: RunConsole, tell: Callable[[Trial], None]
) -> SearchRecord:
    """Try candidates until ``search.trials`` are finished, then train the best in full; call with ``folder`` held.

    ``tell``: called with each trial as it ends. Raises NotMeasurable, UserError where no candidate can be made, and
    what the stages of the full runs raise.
    """
    plan, spec = candidates.plan, candidates.plan.recipe.search
    if why := why_not_here(plan.target.device.site(), plan.target.device.runtime):
        raise NotMeasurable(f"latency can't be measured: {why}")
    if not len(open_data(plan.data, "val")):
        raise UserError("no validation pictures to compare candidates by; set data.val_fraction above 0")
    study = Study(folder, spec, Bits.of(plan) if spec.bits else None)
    limits = limits_of(plan.target.budget)
    exhausted, begun = False, time.monotonic()
    with console:
        reference, named = _reference(study, candidates, console)
        stopwatch = Stopwatch(
            plan.target.device.site(), named, reference.p50_ms, spec.timed_rounds, latency_limit(limits)
        )
        load = sharing_guides(folder / "guides")
        bench = Bench(candidates, stopwatch, limits, spec.train_shares, store, load, folder)
        while len(study.trials) < spec.trials and not _late(begun, spec.timeout_min):
            opened = study.next()
            if opened is None:
                exhausted = True
                break
            progress = console.started(f"trial {opened.number + 1}", opened.number + 1, spec.trials)
            trial, over = try_out(opened, bench, progress)
            study.add(opened.close(trial, over))
            tell(trial)
            _refuse_hopeless(study.trials)
    chosen = best(study.trials)[: spec.full]
    full = tuple(_in_full(trial, bench, console) for trial in chosen)
    shutil.rmtree(folder / "guides", ignore_errors=True)
    return record_of(candidates, folder.name, reference, study.trials, full, exhausted)


def _late(begun: float, timeout_min: float | None) -> bool:
    return timeout_min is not None and time.monotonic() - begun > 60 * timeout_min


def _refuse_hopeless(trials: tuple[Trial, ...]) -> None:
    """Where nothing could be made of the first candidates, it is not their settings' fault."""
    if len(trials) >= _HOPELESS and all(trial.state == "refused" for trial in trials):
        notes = dict.fromkeys(trial.note for trial in trials)
        raise UserError("\n".join(f"search: no candidate can be made: {note}" for note in notes))


def _reference(study: Study, candidates: Candidates, console: RunConsole) -> tuple[Reference, Named]:
    """The recipe's own build and its figures, made and measured once a study."""
    spec, folder = candidates.plan.recipe.search, study.folder / "reference"
    found = study.reference
    if found is not None and (folder / "builds.json").is_file():
        build = next(each for each in BuildList.read(folder / "builds.json").builds if each.name == found.build)
        return found, Named("reference", folder, build)
    progress = console.started("reference", 0, spec.trials)
    with workplace(study.folder) as place:
        (place / "net").mkdir()
        (place / "builds").mkdir()
        quantized, params = untrained(candidates.plan, place / "net")
        build = exported(candidates.plan, quantized, place / "builds", progress)
        site = candidates.plan.target.device.site()
        p50_ms, timed = time_reference(place / "builds", build, spec.timed_rounds, site, progress.update)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(place / "builds", folder)
    made = Reference(
        build=build.name, p50_ms=p50_ms, params=params, size_bytes=build.size_bytes, device=timed.device,
        fingerprint=timed.fingerprint,
    )  # fmt: skip
    study.keep_reference(made)
    if made.busy:
        console.say(f"{made.busy}: {p50_ms:.2f} ms; for figures of a quiet one, remove {study.folder} and search again")
    return made, Named("reference", folder, build)


def _in_full(trial: Trial, bench: Bench, console: RunConsole) -> FullRun:
    """The ordinary chain over the ordinary store: what is there is reused."""
    plan = bench.candidates.plan_of(trial.point)
    console.say(f"trial {trial.number + 1} in full: {' '.join(bench.candidates.words_of(trial.point))}")
    with console:
        result = run(plan, bench.store, console, bench.load)
    return full_run(trial.number, result)
