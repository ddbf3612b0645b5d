"""The module of ``module:callable``: which files it is made of, and importing it. Naming it is asking to run it."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from compress.errors import WeightsError, one_line
from compress.foreign.kinds import split_callable


def is_file(network: str) -> bool:
    """Whether ``FILE.py:callable`` is meant, not an importable module."""
    return split_callable(network)[0].endswith(".py")


def source_files(network: str) -> dict[str, Path]:
    """Of ``FILE.py:callable``: the file and what it imports from its folder, by place relative to that folder.

    Found by reading syntax trees; nothing is imported. Raises WeightsError.
    """
    first = Path(split_callable(network)[0]).expanduser()
    if not first.is_file():
        raise WeightsError(f"source.network: no file '{first}'")
    root = first.parent
    found: dict[str, Path] = {}
    ahead = [first]
    while ahead:
        path = ahead.pop()
        place = path.relative_to(root).as_posix()
        if place not in found:
            found[place] = path
            ahead.extend(_imported(path, root))
    return dict(sorted(found.items()))


def _imported(path: Path, root: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError) as error:
        raise WeightsError(f"{path}: can't be read as Python ({one_line(error)})") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(root, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else root
            for alias in node.names:
                yield from _files_of(base, ".".join(filter(None, (node.module, alias.name))))


def _files_of(base: Path, dotted: str) -> Iterator[Path]:
    """Of ``a.b.c``: what there is of a, a.b and a.b.c below ``base``."""
    here = base
    for part in dotted.split("."):
        here = here / part
        for path in (here / "__init__.py", here.with_name(here.name + ".py")):
            if path.is_file():
                yield path


def module_digest(network: str) -> str:
    """Of ``module:callable``: the digest of its source and of what it imports from its own package.

    Raises WeightsError where there is no such module in source form.
    """
    from compress.store.sources import sources_digest

    module, name = split_callable(network)
    try:
        if find_spec(module.partition(".")[0]) is None:
            raise ModuleNotFoundError
        return sources_digest(module)
    except (ImportError, ValueError, SyntaxError):
        way = f"give the file, {module.replace('.', '/')}.py:{name}, or put its folder on PYTHONPATH"
        raise WeightsError(f"source.network: no module '{module}' with a source file; {way}") from None


def call(network: str, root: Path | None, arguments: dict[str, Any]) -> Any:
    """What the callable returns. ``root``: the folder that ``FILE.py`` lies in; else it is imported by name.

    Raises WeightsError with what went wrong in it, in one line.
    """
    module, name = split_callable(network)
    try:
        made = importlib.import_module(module) if root is None else _import_file(root / module, root)
        here: Any = made
        for part in name.split("."):
            here = getattr(here, part)
        return here(**arguments)
    except (Exception, SystemExit) as error:  # anything: it is somebody else's code
        raise WeightsError(f"{network}: {one_line(error)}; it is called as {name}({_shown(arguments)})") from None


def _shown(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())[:80]


def _import_file(path: Path, root: Path) -> ModuleType:
    with _first_on_the_path(root):
        return importlib.import_module(path.stem)


@contextmanager
def _first_on_the_path(root: Path) -> Iterator[None]:
    """Modules below ``root`` can be imported by name, hide others of that name meanwhile, and leave no files behind."""
    own = {path.stem for path in root.glob("*.py")} | {path.parent.name for path in root.glob("*/__init__.py")}

    def mine() -> dict[str, ModuleType]:
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in own}

    hidden, wrote = mine(), sys.dont_write_bytecode
    for name in hidden:
        del sys.modules[name]
    sys.path.insert(0, str(root))
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = wrote
        sys.path.remove(str(root))
        for name in mine():
            del sys.modules[name]
        sys.modules.update(hidden)
