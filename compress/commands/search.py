"""``compress search``: widths, pruning and bits under the target's budgets, measured on its device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compress.config.load import load_plans
from compress.config.names import show_path
from compress.errors import EXIT_GATE_FAILED, EXIT_INCOMPLETE, EXIT_PASS, ConfigError

if TYPE_CHECKING:
    from compress.search.candidate import Candidates
    from compress.search.records import SearchRecord, Trial

_SHORT, _LONG = "budget.", "target.budget."
_SPACE = "search.space."


def search(words: tuple[str, ...], store_root: Path) -> int:
    """Search, print the trials and the best, and write ``search.json``, ``pareto.svg`` and ``winner.yaml``.

    Gives 0 where a candidate holds all budgets, 1 where none does, 3 where that can't be told. Raises UserError.
    """
    from compress.console import make_console
    from compress.search.result import PLOT_FILE, RECIPE_FILE, SEARCH_FILE, finished, point_of, winner_recipe
    from compress.search.study import held, study_digest
    from compress.store.store import Store

    candidates = find_candidates(words)
    store = Store(store_root)
    plan = candidates.plan
    folder = store.root.parent / "search" / f"{plan.recipe_name}-{plan.target_name}-{study_digest(plan)[:12]}".replace(
        "/", "-"
    )  # fmt: skip
    console = make_console()
    record = finished(folder, plan.recipe.search)
    if record is None:
        from compress.search.plot import pareto_svg
        from compress.search.run import search as try_candidates

        for line in _greeting(folder):
            console.say(line)
        with held(folder):
            record = try_candidates(
                candidates,
                folder,
                store,
                console,
                lambda trial: console.say(trial_line(trial, plan.recipe.search.trials)),
            )
            (folder / PLOT_FILE).write_text(pareto_svg(record), encoding="utf-8")
            point = point_of(record.trials, record.chosen)
            if point is not None:
                (folder / RECIPE_FILE).write_text(winner_recipe(candidates, point), encoding="utf-8")
            record.write(folder / SEARCH_FILE)  # last: it says that the others are there
    else:
        console.say(f"this search is finished: nothing is trained or measured again ({show_path(folder)})")
    _print(record, folder)
    return exit_code(record)


def find_candidates(words: tuple[str, ...]) -> Candidates:
    """What the words ask for. Raises ConfigError with everything that can't work."""
    from compress.config.search_checks import key_problems, no_network_has, search_problems
    from compress.search.candidate import SEARCH, Candidates

    words = tuple(_LONG + word.removeprefix(_SHORT) if word.startswith(_SHORT) else word for word in words)
    given = dict(word.partition("=")[::2] for word in words if not word.startswith(SEARCH))
    try:
        plans = load_plans(words)
    except ConfigError as error:
        asked = [word.removeprefix(_SPACE).partition("=")[0] for word in words if word.startswith(_SPACE)]
        found = [problem for key in asked for problem in key_problems(None, key, tuple(given))]
        raise ConfigError(tuple(dict.fromkeys((*error.problems, *found)))) from None
    if len(plans) > 1:
        raise ConfigError((f"a search takes one plan, not a sweep of {len(plans)}; put lists into {_SPACE}KEY=[…]",))
    candidates = Candidates(given, plans[0])
    problems = search_problems(plans[0], tuple(given), candidates.tried_plan_of)
    if problems := (*problems, *no_network_has(plans[0])):
        raise ConfigError(problems)
    return candidates


def exit_code(record: SearchRecord) -> int:
    """0: a candidate holds all budgets; 3: whether one does could not be measured; 1: none does."""
    if record.chosen is not None:
        return EXIT_PASS
    return EXIT_INCOMPLETE if any(each.result == "incomplete" for each in record.full) else EXIT_GATE_FAILED


def trial_line(trial: Trial, count: int) -> str:
    """One line for a finished trial."""
    settings = " ".join(f"{setting.key}={_short(setting.value)}" for setting in trial.point)
    facts = [f"{trial.ms:.2f} ms"] if trial.ms is not None else []
    facts += [f"{trial.psnr_db[-1]:.2f} dB"] if trial.psnr_db else []
    note = f" ({trial.note})" if trial.note else ""
    return f"[{trial.number + 1}/{count}] {settings}: {', '.join((*facts, trial.state))}{note}"


def _greeting(folder: Path) -> Iterator[str]:
    if (folder / "trials.log").is_file():
        yield f"goes on with the study in {show_path(folder)}"
        return
    others = [path for path in folder.parent.glob("*/trials.log")] if folder.parent.is_dir() else []
    yield f"a study of its own in {show_path(folder)}" + (
        f"; other recipes, targets, spaces, pictures or versions have theirs beside it ({len(others)})"
        if others
        else ""
    )


def _print(record: SearchRecord, folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from compress.console import table_console

    console = table_console()
    keys = list(dict.fromkeys(setting.key for trial in record.trials for setting in trial.point))
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("trial", *_headings(keys), "params", "KiB", "p50 ms", "99 %", "val dB", "result"):
        table.add_column(heading, justify="left" if heading == "result" else "right", overflow="fold")
    for trial in record.trials:
        table.add_row(*_cells(trial, keys, record))
    console.print(table)
    for line in _lines(record, folder):
        console.print(Text(line), soft_wrap=True)


def _headings(keys: list[str]) -> list[str]:
    """The last word of each key, where no other ends with it."""
    ends = [key.rpartition(".")[2] for key in keys]
    return [end if ends.count(end) == 1 else key for key, end in zip(keys, ends, strict=True)]


def _cells(trial: Trial, keys: list[str], record: SearchRecord) -> Iterator[str]:
    values = {setting.key: _short(setting.value) for setting in trial.point}
    latency = trial.trained_latency or trial.latency
    yield f"{trial.number + 1}"
    yield from (values.get(key, "–") for key in keys)
    yield "–" if trial.params is None else f"{trial.params:,}"
    yield "–" if trial.size_bytes is None else f"{trial.size_bytes / 1024:,.0f}"
    yield "–" if latency is None else f"{latency.ms:.2f}"
    yield "–" if latency is None else f"{latency.low_ms:.2f}–{latency.high_ms:.2f}"
    yield " → ".join(f"{value:.2f}" for value in trial.psnr_db) or "–"
    marks = (" *" if trial.number in record.pareto else "") + (" chosen" if trial.number == record.chosen else "")
    yield trial.state + marks


def _lines(record: SearchRecord, folder: Path) -> Iterator[str]:
    """What is said below the table."""
    shares = " and ".join(f"{share:.0%}" for share in record.train_shares)
    yield (
        f"*: no other is both better and faster. ms: measured on {record.reference.device}, untrained first "
        f"(again once trained, where pruned), in turn with the recipe's own build of {record.reference.p50_ms:.2f} ms."
    )
    if record.reference.busy:
        yield f"Note: {record.reference.busy}."
    yield f"val dB: {record.objective}, after {shares} of each training."
    if record.exhausted:
        yield "The space has no further points."
    for each in record.full:
        speed = "speed not measured" if each.p50_ms is None else f"{each.p50_ms:.2f} ms"
        note = f" ({each.note})" if each.note else ""
        yield f"Trial {each.number + 1} in full: {each.result}, {each.val_psnr_db:.2f} dB on validation, {speed}{note}"
        if each.bundle:
            yield f"  bundle: {show_path(Path(each.bundle))}"
    if record.chosen is None:
        yield _nearest(record)
    else:
        yield f"{record.command}"
        yield f"The same as a recipe: {show_path(folder / 'winner.yaml')}"
    yield f"Figures: {show_path(folder / 'search.json')}, plot: {show_path(folder / 'pareto.svg')}"


def _nearest(record: SearchRecord) -> str:
    from compress.search.limits import broken, excess

    if record.full:
        return "No candidate holds all budgets in full; search.full=N runs more of them."
    held = [(max(excess(t, record.limits).values(), default=0.0), t) for t in record.trials if t.ms is not None]
    if not held:
        return "No candidate could be measured."
    over, trial = min(held, key=lambda pair: pair[0])
    return (
        f"No candidate holds all budgets. The nearest, trial {trial.number + 1}, is {over:.0%} beyond: "
        f"{broken(trial, record.limits)}"
    )


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(str(each) for each in value) + "]"
    return str(value)
