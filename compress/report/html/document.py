"""Turns a page into one HTML file: templates, style and script are inlined, and a policy forbids everything else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"


def document(template: str, page: object) -> str:
    """The page as HTML. Whatever text it holds is escaped, and a browser runs no script but ours (by its digest)."""
    from markupsafe import Markup

    style, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    policy = f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}"
    # Both are files of this package, not text from a bundle.
    return _environment().get_template(template).render(
        page=page, style=Markup(style), script=Markup(script), policy=policy
    )  # fmt: skip


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["figure"] = figure
    return made


def figure(value: float | None, style: str = "{:.2f}") -> str:
    """A number as text, a dash where there is none."""
    return "–" if value is None else style.format(value)


def _digest(text: str) -> str:
    """How a content security policy names an inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
