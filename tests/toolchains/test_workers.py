"""Workers run where ``compress`` is not installed, so they must not import it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from compress.toolchains.call import WORKERS


@pytest.mark.parametrize("path", sorted(WORKERS.glob("*.py")), ids=lambda path: path.stem)
def test_a_worker_imports_nothing_of_the_package(path: Path) -> None:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a script has no package to import from"
            found.add((node.module or "").partition(".")[0])
    assert "compress" not in found
