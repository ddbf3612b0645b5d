"""The table between two marks of the README, made of the run's file and of nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from low_light_bench.records import LowLightFile
from low_light_bench.table import markdown

BEGIN, END = "<!-- low light -->", "<!-- end of low light -->"
_BETWEEN = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def with_table(text: str, found: LowLightFile) -> str:
    """``text`` with the table between its marks. Raises ValueError where it does not have them once."""
    made, count = _BETWEEN.subn(lambda _: f"{BEGIN}\n{markdown(found)}\n{END}", text)
    if count != 1:
        raise ValueError(f"'{BEGIN}' and '{END}' are there {count} times, not once")
    return made


def write_table(readme: Path, found: LowLightFile) -> None:
    """Put the table into the file. Raises ValueError that names it."""
    try:
        made = with_table(readme.read_text(encoding="utf-8"), found)
    except ValueError as error:
        raise ValueError(f"{readme}: {error}") from None
    readme.write_text(made, encoding="utf-8")
