"""What became of the rounds, for people."""

from __future__ import annotations

from kill_bench.records import KillFile, RoundRecord


def line_of(one: RoundRecord, done: int, count: int) -> str:
    """One round as it ends."""
    how = "; ".join(one.problems) or "as unbroken"
    struck = "" if one.struck else ", had ended before"
    place = f"{one.stage} ({one.chain}) at {one.moment:.0%}"
    return f"{done}/{count} {one.fault}, {place}: {one.code}{struck}, {one.wall_s:.0f} s: {how}"


def markdown(result: KillFile) -> str:
    """A row for each fault, and what is left out."""
    lines = [
        "| fault | rounds | struck | went on from scratch | stages | problems |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for fault in dict.fromkeys(each.fault for each in result.rounds):
        mine = [each for each in result.rounds if each.fault == fault]
        struck, resumed, wrong = (
            sum(map(bool, column))
            for column in zip(*((each.struck, each.resumed, each.problems) for each in mine), strict=True)
        )
        stages = len({(each.chain, each.stage) for each in mine if each.struck})
        lines.append(f"| {fault} | {len(mine)} | {struck} | {resumed} | {stages} | {wrong} |")
    lines += ["", f"{len(result.rounds)} rounds at {result.commit} on {result.machine}."]
    return "\n".join([*lines, *(f"Left out: {each}." for each in result.left_out)])
