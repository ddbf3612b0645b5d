"""Which code made a result: the digest of a stage's own sources, and the git commit.

The sources of a stage are its module and every module of the same package that it imports, directly
or not, also inside function bodies. They are found by reading the syntax trees; nothing is imported.
A module that is only named in a string (``"compress.models.light_twin"`` in a registry) counts as
imported, except in ``compress.stages``, whose list of stages would tie every stage to all others.
Editing the report's code therefore leaves the digest of ``distill`` as it was.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from compress.store.digests import hash_file, tree_digest

_REGISTRIES_NOT_FOLLOWED = frozenset({"compress.stages"})
_DOTTED = re.compile(r"([A-Za-z_]\w*(?:\.\w+)+)(?::\w+)?")


@cache
def sources_digest(module_name: str) -> str:
    """Digest over the sources of ``module_name`` and what it imports from its own package.

    Raises ModuleNotFoundError when there is no such module in source form.
    """
    return tree_digest({name: _source(name).digest for name in sorted(import_closure(module_name))})


def import_closure(module_name: str) -> frozenset[str]:
    """``module_name`` and the modules of its top-level package that it imports, directly or not."""
    seen: set[str] = set()
    ahead = [module_name]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead.extend(_source(name).imports - seen)
    return frozenset(seen)


class _Source:
    """The file of one module: its digest and the modules of its own package that it names."""

    def __init__(self, module_name: str) -> None:
        path = _module_file(module_name)
        if path is None:
            raise ModuleNotFoundError(f"no source file for module {module_name}", name=module_name)
        self.digest = hash_file(path)
        package = module_name.partition(".")[0]
        base = module_name if path.name == "__init__.py" else module_name.rpartition(".")[0]
        named = _named_modules(ast.parse(path.read_bytes()), base, module_name not in _REGISTRIES_NOT_FOLLOWED)
        self.imports = frozenset(
            known for name in named if name.partition(".")[0] == package for known in _with_parents(name)
        ) | frozenset(_with_parents(module_name))


@cache
def _source(module_name: str) -> _Source:
    return _Source(module_name)


def _named_modules(tree: ast.Module, base: str, follow_strings: bool) -> set[str]:
    """Dotted names a module may import; some of them are functions or classes, not modules."""
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parents = base.split(".")
                kept = parents[: len(parents) - node.level + 1]
                origin = ".".join([*kept, origin] if origin else kept)
            named.update([origin, *(f"{origin}.{alias.name}" for alias in node.names)])
        elif follow_strings and isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = _DOTTED.fullmatch(node.value)
            if found:
                named.add(found[1])
    return named


def _with_parents(name: str) -> list[str]:
    """The modules among ``a``, ``a.b`` and ``a.b.c`` for ``a.b.c``: importing one runs its parents."""
    parts = name.split(".")
    prefixes = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return [prefix for prefix in prefixes if _module_file(prefix) is not None]


@cache
def _module_file(module_name: str) -> Path | None:
    """The .py file of a module: where it was loaded from, else beside its package; nothing is imported."""
    loaded = getattr(sys.modules.get(module_name), "__file__", None)
    if loaded is not None:
        return Path(loaded) if loaded.endswith(".py") and Path(loaded).is_file() else None
    top, _, rest = module_name.partition(".")
    if not rest:
        return _top_level_file(top)
    parent = _top_level_file(top)
    if parent is None or parent.name != "__init__.py":
        return None
    stem = parent.parent.joinpath(*rest.split("."))
    for path in (stem / "__init__.py", stem.with_name(stem.name + ".py")):
        if path.is_file():
            return path
    return None


@cache
def _top_level_file(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    origin = spec.origin if spec is not None else None
    return Path(origin) if origin is not None and origin.endswith(".py") and Path(origin).is_file() else None


def git_commit(folder: Path) -> str | None:
    """The commit checked out in ``folder``; None without git, and where git does not track the folder.

    The second matters for an installed package: its environment may lie inside somebody's repository.
    """
    if not _git(folder, "ls-files", "--", "."):
        return None
    return _git(folder, "rev-parse", "--verify", "HEAD") or None


def tree_dirty(folder: Path) -> bool | None:
    """Whether files in ``folder`` differ from the commit or are new to git; None where ``git_commit`` is None."""
    if git_commit(folder) is None:
        return None
    return bool(_git(folder, "status", "--porcelain", "--", "."))


def _git(folder: Path, *words: str) -> str | None:
    """What git prints; None if there is no git or it fails."""
    command = ["git", "-C", str(folder), "--no-optional-locks", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
