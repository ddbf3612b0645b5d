"""``compress run``: the plans in order, over one store, and the worst verdict as exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Verdict
from compress.config.load import load_plans
from compress.console import RunConsole, make_console
from compress.errors import EXIT_GATE_FAILED, EXIT_INCOMPLETE, EXIT_PASS, NotReleasable, UserError
from compress.ranks import is_follower
from compress.stages import load_stage
from compress.wiring import LoadStage

if TYPE_CHECKING:
    from compress.flow import RunResult
    from compress.plan import Plan
    from compress.store.store import Store

_CODES = {"pass": EXIT_PASS, "fail": EXIT_GATE_FAILED, "incomplete": EXIT_INCOMPLETE}
_BADNESS = (EXIT_PASS, EXIT_INCOMPLETE, EXIT_GATE_FAILED)


def run_plans(words: tuple[str, ...], store_root: Path, on: str | None = None, load: LoadStage = load_stage) -> int:
    """Run every plan the words ask for; all are checked before the first one starts.

    ``on``: the cluster that does it, as ``ray://HOST:PORT``; else one after the other here. ``load``: gives a stage by
    its name. Gives 0, 1 (a gate failed) or 3 (a gate is incomplete), the worst of all. Raises UserError; one plan of
    several that can't go on does not keep the others from it, and is told at the end.
    """
    from compress.store.store import Store

    plans = load_plans(words)
    for plan in plans:
        _check_signing(plan)
    names = [
        f"plan {number} of {len(plans)}: {plan.recipe_name} on {plan.target_name}"
        for number, plan in enumerate(plans, start=1)
    ]
    store, console = Store(store_root), make_console()
    results = _in_turn(plans, names, store, console, load) if on is None else _on(on, plans, names, store, load)
    worst, stopped, refused_only = EXIT_PASS, [], True
    for plan, name, result in zip(plans, names, results, strict=True):
        if isinstance(result, UserError):
            if len(plans) == 1:
                raise result
            stopped.append(f"{name}: {result}")
            refused_only = refused_only and isinstance(result, NotReleasable)
            console.say(f"stopped: {result}")
            continue
        if not is_follower():
            _print(plan, result)
        worst = max(worst, exit_code(result), key=_BADNESS.index)
    if stopped:
        if refused_only:
            raise NotReleasable(tuple(stopped))
        raise UserError("\n".join(stopped))
    return worst


def _in_turn(
    plans: Sequence[Plan], names: Sequence[str], store: Store, console: RunConsole, load: LoadStage
) -> Iterator[RunResult | UserError]:
    from compress.flow import run

    for plan, name in zip(plans, names, strict=True):
        if len(plans) > 1:
            console.say(name)
        try:
            with console:
                result: RunResult | UserError = run(plan, store, console, load)
        except UserError as error:
            result = error
        yield result


def _on(
    address: str, plans: Sequence[Plan], names: Sequence[str], store: Store, load: LoadStage
) -> Iterator[RunResult | UserError]:
    from compress.cluster.address import parse_address
    from compress.cluster.run import run_on
    from compress.cluster.table import make_table

    table = make_table()
    for name, result in zip(names, run_on(plans, names, store, parse_address(address), table, load), strict=True):
        if len(plans) > 1:
            table.say(name)
        yield result


def _check_signing(plan: Plan) -> None:
    """A key that can't sign, or not a release, is told before the work. Raises SignatureError, NotReleasable."""
    package = plan.recipe.package
    if "package" not in plan.stages or (package.key is None and package.policy != "release"):
        return
    from compress.bundle.circumstances import circumstances
    from compress.bundle.policy import refusal

    reasons = circumstances(package)
    if reasons and package.policy == "release":
        raise refusal(reasons)


def exit_code(result: RunResult) -> int:
    """What the chain's newest verdict says; 0 for a chain without a gate."""
    from compress.records import VerdictRecord

    verdict = result.newest(Verdict)
    return EXIT_PASS if verdict is None else _CODES[VerdictRecord.read(verdict.folder / "verdict.json").result]


def _print(plan: Plan, result: RunResult) -> None:
    from compress.console import table_console
    from compress.report.table import print_result

    console = table_console()
    print_result(plan, tuple(outcome.artefact for outcome in result.outcomes), console)
