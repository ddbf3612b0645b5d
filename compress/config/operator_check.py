"""Whether the device can run the student at all, found out before anything is trained.

The untrained student is exported once at the target's size and written with the operators that the device has,
as the export stage will do it. That takes seconds where torch is not loaded yet, so the answer is kept under a
digest of all that decides it, in ``$XDG_CACHE_HOME/compress/operators`` (``~/.cache`` where that is not set).
"""

from __future__ import annotations

import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from compress.errors import BuildError
from compress.plan import Plan
from compress.schema import ExportSpec, StudentSpec

_DECIDING = ("compress.models", "compress.runtimes.interchange", "compress.runtimes.rewrites")
_DISTRIBUTIONS = ("torch", "onnx", "onnxsim", "onnxruntime")


def operator_problems(plan: Plan) -> tuple[str, ...]:
    """The first layer of the student that the target can't run in any form, as a line with the way out."""
    student, export = plan.recipe.student, plan.target.export
    if not export.lacking or not {"distill", "export"} <= set(plan.stages):
        return ()
    kept = _kept_answers() / f"{_key(student, export)}.json"
    found = _read(kept)
    if found is None:
        found = _refusal(student, export)
        _write(kept, found)
    return (f"student.network: {student.network} can't run on target '{plan.target_name}': {found}",) if found else ()


def _refusal(student: StudentSpec, export: ExportSpec) -> str:
    """Why the student can't be built for the device; empty where it can."""
    import torch

    from compress.models import build_net
    from compress.runtimes.interchange import OnnxRequest, export_onnx
    from compress.runtimes.picture import padded_size
    from compress.runtimes.rewrites import rewrite_file

    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as text:
        torch.manual_seed(0)
        source = Path(text) / "student.onnx"
        try:
            net = build_net(student.network, student.given).eval()
            size = padded_size(*export.size, int(net.size_multiple))  # type: ignore[arg-type]
            export_onnx(net, OnnxRequest(size, False, export.opset, {}), source)
            rewrite_file(source, Path(text) / "rewritten.onnx", export.lacking)
        except BuildError as error:
            return str(error)
    return ""


def _key(student: StudentSpec, export: ExportSpec) -> str:
    from compress.store.digests import digest_of, hash_file
    from compress.store.sources import sources_digest

    decides = {
        "student": student.identity(),
        "export": export.model_dump(mode="json", include={"size", "opset", "lacking"}),
        "sources": [hash_file(Path(__file__)), *(sources_digest(name) for name in _DECIDING)],
        "versions": {name: version(name) for name in _DISTRIBUTIONS},
    }
    return digest_of(decides)


def _kept_answers() -> Path:
    named = os.environ.get("XDG_CACHE_HOME")
    return Path(named or Path.home() / ".cache") / "compress" / "operators"


def _read(path: Path) -> str | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, str) else None


def _write(path: Path, answer: str) -> None:
    """Kept for the next time; where that can't be written, the next time asks again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            json.dump(answer, file)
        os.replace(file.name, path)
    except OSError:
        return
