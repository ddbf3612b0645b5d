"""Size, layout and who may import whom: rules that hold for every file of the package."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "compress"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
FILES = sorted(
    path for folder in ("compress", "tests", "benchmarks", "scripts") for path in (ROOT / folder).rglob("*.py")
)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), _name(path))


def _imports(path: Path) -> set[str]:
    """Dotted names of everything of ``compress`` that a file imports, at the top or inside functions."""
    found: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "compress"}


def _function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    assert {node.name: _function_lines(node) for node in _functions(path)
            if _function_lines(node) > MAX_FUNCTION_LINES} == {}  # fmt: skip


def test_nine_functions_in_ten_are_within_thirty_lines() -> None:
    lengths = sorted(_function_lines(node) for path in PACKAGE.rglob("*.py") for node in _functions(path))
    assert lengths[int(0.9 * len(lengths))] <= 30


def test_no_file_without_a_subject() -> None:
    assert [_name(path) for path in FILES if path.stem in {"utils", "util", "helpers", "misc", "common"}] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=_name)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert not path.read_text(encoding="utf-8").strip() or ast.get_docstring(_tree(path))


def _output_of(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True).stdout.strip()


def _forbidden(folder: str, *prefixes: str) -> dict[str, set[str]]:
    """Imports of files in a folder that begin with one of the prefixes, by file."""
    found = {}
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        own = "compress." + path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
        bad = {name for name in _imports(path) if any((name + ".").startswith(prefix + ".") for prefix in prefixes)}
        bad = {name for name in bad if not (name + ".").startswith(own + ".")}
        if bad:
            found[_name(path)] = bad
    return found


def test_stages_never_import_each_other() -> None:
    assert _forbidden("stages", "compress.stages") == {}


def test_stages_know_neither_the_command_nor_the_store() -> None:
    names = ("config", "cli", "commands", "console", "flow", "store", "plan")
    assert _forbidden("stages", *(f"compress.{name}" for name in names)) == {}


def test_runtimes_read_no_config() -> None:
    assert _forbidden("runtimes", "compress.config.load", "compress.plan", "compress.schema", "compress.stages") == {}


def test_devices_know_bytes_and_commands_only() -> None:
    allowed = ("compress.records", "compress.errors", "compress.devices")
    found = {}
    for path in sorted((PACKAGE / "devices").rglob("*.py")):
        bad = {name for name in _imports(path) if not any((name + ".").startswith(a + ".") for a in allowed)}
        if bad - {"compress"}:
            found[_name(path)] = bad
    assert found == {}


def test_nothing_below_the_command_imports_it() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "commands" and path.stem not in (
            "cli",
            "cli_comparing",
            "cli_enlarging",
            "cli_handoff",
            "cli_signing",
            "__main__",
        ):
            assert not {name for name in _imports(path) if name.startswith(("compress.cli", "compress.commands"))}, path


def test_command_and_plans_import_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, compress.cli, compress.config.load, compress.config.plan_checks, compress.flow;"
        "import compress.commands.run;"
        "print(sorted({'torch', 'numpy', 'nncf', 'openvino', 'onnx', 'skimage', 'scipy'} & set(sys.modules)))"
    )
    assert _output_of(code) == "[]"


def test_declaring_the_stages_imports_nothing_heavy() -> None:
    code = (
        "import sys; from compress.stages import STAGES, load_stage\n"
        "for name in STAGES: load_stage(name)\n"
        "print(sorted({'torch', 'nncf', 'openvino', 'onnx', 'onnxruntime', 'skimage', 'scipy'} & set(sys.modules)))"
    )
    assert _output_of(code) == "[]"


def test_nobody_is_told_of_a_run(tmp_path: Path) -> None:
    """OpenVINO and NNCF tell a statistics service of each import, and keep a number of the user in the home folder."""
    code = "import compress, openvino, nncf.telemetry, os; print(os.listdir(os.environ['HOME']))"
    environment = {name: value for name, value in os.environ.items() if name != "NNCF_CI"} | {"HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
