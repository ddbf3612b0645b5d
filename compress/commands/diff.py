"""``compress diff``: what an engineer has to know before a bundle takes the place of another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import EXIT_PASS

if TYPE_CHECKING:
    from compress.handoff.records import BundleDiff


def diff(old: Path, new: Path, public_key: Path | None, json_file: Path | None, markdown_file: Path | None) -> int:
    """Print every difference, the contract's first. Raises UserError, and SignatureError for what does not hold."""
    from compress.bundle.archive import opened
    from compress.handoff.difference import difference
    from compress.handoff.facts import sealed_facts
    from compress.handoff.text import markdown

    with opened(old) as before, opened(new) as after:
        found = difference(sealed_facts(before, public_key), sealed_facts(after, public_key))
    _print(found)
    if json_file is not None:
        found.write(json_file)
    if markdown_file is not None:
        markdown_file.write_text(markdown(found), encoding="utf-8")
    return EXIT_PASS


def _print(found: BundleDiff) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from compress.console import table_console
    from compress.handoff.records import SECTIONS
    from compress.handoff.text import cells, meaning, printable, side_line, title, version_line

    console = table_console(180)
    console.print(Text(side_line("old", found.old)), soft_wrap=True)
    console.print(Text(side_line("new", found.new)), soft_wrap=True)
    for section in SECTIONS:
        changes = [each for each in found.changes if each.section == section]
        if not changes:
            continue
        table = Table(title=title(section), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for heading in ("what", "old", "new", ""):
            table.add_column(heading, overflow="fold")
        for each in changes:
            texts = [printable(cell).replace("**", "") for cell in cells(each)]
            table.add_row(*(Text(text, style="red" if each.level == "major" else "") for text in texts))
        console.print(table)
    if not found.changes:
        console.print("No difference.")
    console.print(Text(f"{found.level}: {meaning(found.level)}"), soft_wrap=True)
    console.print(Text(version_line(found)), soft_wrap=True)
