"""The run as Markdown: methods, distillation against its control, what each part of the loss brings, the index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compress.metrics.cumulative import PUBLISHED_GAINS, Indices, cumulative_changes, gain_over
from compress.records import Variant
from low_light_bench.quoted import QUOTED, SOURCE
from low_light_bench.records import Ablated, Fixed, LowLightFile, Measured, Trained, mean, spread

NONE = "–"
LOL = "lol"
_CALLED: dict[Variant, str] = {
    "teacher": "its teacher", "control": "control, no teacher", "student": "float student", "pruned": "pruned",
    "ptq": "INT8, PTQ only", "int8": "**INT8 student**",
}  # fmt: skip
_HEAD = (
    "| method | parameters | GMACs | PSNR dB | SSIM | worst dB | GT-mean dB | ms | FPS |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)


def markdown(found: LowLightFile) -> str:
    """All tables, with a line before them that says what they were measured on."""
    parts = [_said(found), "\n".join((*_HEAD, *_rows(found)))]
    if found.trained:
        parts += [
            "Distillation against its control, float students, dB; on validation pictures of scenes that nothing was "
            "trained on, and on the test pictures:",
            "\n".join(_against_control(found.trained)),
        ]
    if found.ablated:
        parts += [
            "Without one part of the distillation's loss, validation pictures, dB:",
            "\n".join(_ablations(found.ablated)),
        ]
    index = list(_index(found))
    if index:
        parts += [_about_index(), "\n".join(index)]
    return "\n\n".join(parts)


def _said(found: LowLightFile) -> str:
    height, width = found.size
    seeds, cpu = ", ".join(map(str, found.seeds)), found.fingerprint.get("cpu", "a CPU")
    commits = dict.fromkeys(row.commit for row in found.trained)
    said = [
        f"`{found.command}`, commit {found.commit}; data '{found.data}' ({found.data_digest[:12]}, split "
        f"{found.split_digest[:12]}), {len(found.images)} test pictures.",
        "PSNR and SSIM on RGB, no GT-mean, rounded to 8 bit.",
    ]
    if found.trained:
        said.append(f"Students over seeds {seeds}, mean ± standard deviation, trained by commits {', '.join(commits)}.")
    if found.trained or any(row.p50_ms is not None for row in found.fixed):
        timed = f"ms: p50 at {height}x{width} through OpenVINO, {found.threads} threads of {cpu}"
        said.append(f"{timed}; of classical methods in Python.")
    return " ".join(said)


def _rows(found: LowLightFile) -> Iterator[str]:
    yield from map(_fixed_row, found.fixed)
    for recipe in dict.fromkeys(each.recipe for each in found.trained):
        runs = [each for each in found.trained if each.recipe == recipe]
        for variant, name in _CALLED.items():
            networks = [network for run in runs if (network := run.of(variant)) is not None]
            if networks and (variant != "teacher" or runs[0].own_teacher):
                yield _trained_row(f"{recipe}: {name}", networks)
    if found.data == LOL:
        for each in QUOTED:
            yield _row(
                f"{each.name} (quoted)", f"{each.params:,}", NONE, f"{each.psnr_db:.2f}", f"{each.ssim:.3f}", NONE,
                f"{each.gtmean_db:.2f}", NONE, NONE,
            )  # fmt: skip
        yield ""
        yield f"Quoted: {SOURCE}."


def _fixed_row(row: Fixed) -> str:
    scores = row.scores
    return _row(
        row.name, _count(row.params), _giga(row.macs), f"{scores.mean_psnr_db:.2f}", f"{mean(scores.ssim):.3f}",
        f"{scores.worst_psnr_db:.2f}", f"{mean(scores.gtmean_db):.2f}", _ms(row.p50_ms), _fps(row.p50_ms),
    )  # fmt: skip


def _trained_row(name: str, networks: Sequence[Measured]) -> str:
    scores, first = [each.scores for each in networks], networks[0]
    times = [each.p50_ms for each in networks if each.p50_ms is not None]
    p50_ms = mean(times) if times else None
    return _row(
        name, _count(first.params), _giga(first.macs), _over_seeds([s.mean_psnr_db for s in scores]),
        _over_seeds([mean(s.ssim) for s in scores], 3), _over_seeds([s.worst_psnr_db for s in scores]),
        _over_seeds([mean(s.gtmean_db) for s in scores]), _ms(p50_ms), _fps(p50_ms),
    )  # fmt: skip


def _against_control(trained: Sequence[Trained]) -> Iterator[str]:
    yield "| recipe | seeds | validation: student | control | gain | test: student | control | gain | INT8 less float |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for recipe in dict.fromkeys(each.recipe for each in trained):
        runs = [each for each in trained if each.recipe == recipe]
        student, control = (_means(runs, variant) for variant in ("student", "control"))
        floats = [a or b for a, b in zip(_means(runs, "pruned"), student, strict=True)]
        vals, control_vals = [run.student_val_db for run in runs], [run.control_val_db for run in runs]
        yield _row(
            recipe, str(len(runs)), _over_seeds(_known(vals)), _over_seeds(_known(control_vals)),
            _over_seeds(_differences(vals, control_vals), sign=True), _over_seeds(_known(student)),
            _over_seeds(_known(control)), _over_seeds(_differences(student, control), sign=True),
            _over_seeds(_differences(_means(runs, "int8"), floats), 3, sign=True),
        )  # fmt: skip


def _means(runs: Sequence[Trained], variant: Variant) -> list[float | None]:
    networks = (run.of(variant) for run in runs)
    return [network.scores.mean_psnr_db if network else None for network in networks]


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _differences(first: Sequence[float | None], second: Sequence[float | None]) -> list[float]:
    """Seed by seed, where both are there."""
    return [a - b for a, b in zip(first, second, strict=True) if a is not None and b is not None]


def _ablations(rows: Sequence[Ablated]) -> Iterator[str]:
    yield "| recipe | without | seeds | validation PSNR | against the whole loss |"
    yield "| --- | --- | ---: | ---: | ---: |"
    whole = {(row.recipe, row.seed): row.val_psnr_db for row in rows if not row.without}
    for recipe, part in dict.fromkeys((row.recipe, row.without) for row in rows):
        mine = [row for row in rows if (row.recipe, row.without) == (recipe, part)]
        values = [row.val_psnr_db for row in mine]
        against = _differences(values, [whole.get((recipe, row.seed)) for row in mine])
        difference = _over_seeds(against, sign=True) if part else NONE
        yield _row(recipe, part or "nothing", str(len(mine)), _over_seeds(_known(values)), difference)


def _about_index() -> str:
    published = " / ".join(f"{100 * gain:.2f} %" for gain in PUBLISHED_GAINS)
    return (
        "Cumulative change of normalised indices by a definition of our own (`compress/metrics/cumulative.py`), and by "
        "how much the students' is larger. "
        f"Kang (2021) states {published} over CLAHE, LIME and a method that is not named, by a definition that is not "
        "public: shown beside, not reproduced."
    )


def _index(found: LowLightFile) -> Iterator[str]:
    """The first seed of each recipe among the fixed methods, the teacher left out."""
    fixed = {row.name: row.indices for row in found.fixed if row.kind != "teacher"}
    start = next((row.name for row in found.fixed if row.kind == "input"), None)
    firsts = {each.recipe: each.indices for each in reversed(found.trained)}
    if start is None or not firsts or len(fixed) < 2:
        return
    others = [name for name in fixed if name != start]
    yield _row("method", "change", *(f"over {name}" for name in others))
    yield _row("---", *("---:" for _ in range(len(others) + 1)))
    for ours, indices in firsts.items():
        methods: dict[str, Indices] = {**fixed, ours: indices}
        changes = cumulative_changes(methods, start)
        gains = (f"{100 * gain_over(changes, ours, name):+.2f} %" for name in others)
        yield _row(ours, f"{changes[ours]:.3f}", *gains)


def _over_seeds(values: Sequence[float], digits: int = 2, *, sign: bool = False) -> str:
    if not values:
        return NONE
    text = f"{mean(values):{'+' if sign else ''}.{digits}f}"
    deviation = spread(values)
    return text if deviation is None else f"{text} ± {deviation:.{digits}f}"


def _count(params: int | None) -> str:
    return NONE if params is None else f"{params:,}"


def _giga(macs: int | None) -> str:
    return NONE if macs is None else f"{macs / 1e9:.3f}"


def _ms(p50_ms: float | None) -> str:
    return NONE if p50_ms is None else f"{p50_ms:.2f}"


def _fps(p50_ms: float | None) -> str:
    return NONE if p50_ms is None else f"{1000.0 / p50_ms:.1f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
