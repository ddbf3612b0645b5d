"""Writes Olive's workflow file and runs it. Runs in the environment of ``make peers``.

    python -I olive_workflow.py request.json answer.json

Asked: ``onnx``, ``frames`` (.npy, float32 (N, 3, H, W) in [0, 1]), ``folder`` (paths; ``workflow.json`` and what Olive
leaves lie there), ``exclude`` (nodes that stay float). Answered: ``onnx``, the quantized file.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["OLIVE_DISABLE_TELEMETRY"] = "1"
os.environ["CI"] = "1"  # the only thing that also keeps its first message at home


def workflow(onnx: str, frames: str, folder: str, exclude: list[str]) -> dict[str, object]:
    """Olive's configuration, which ``olive run --config`` takes as well."""
    quantize = {"type": "OnnxStaticQuantization", "data_config": "frames", "per_channel": True}
    machine = {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
    return {
        "input_model": {"type": "OnnxModel", "model_path": onnx},
        "systems": {"here": {"type": "LocalSystem", "accelerators": [machine]}},
        "data_configs": [{
            "name": "frames", "user_script": str(Path(__file__).with_name("olive_frames.py")),
            "load_dataset_config": {"type": "dark_frames", "params": {"path": frames}},
            "dataloader_config": {"params": {"batch_size": 1}},
        }],
        "passes": {"quantize": {**quantize, **({"nodes_to_exclude": exclude} if exclude else {})}},
        "host": "here", "target": "here", "log_severity_level": 2,
        "output_dir": f"{folder}/out", "cache_dir": f"{folder}/cache",
    }  # fmt: skip


def main(asked: Path, answered: Path) -> None:
    """Answer the request in ``asked``."""
    from olive.workflows import run

    request = json.loads(asked.read_text())
    config = Path(request["folder"]) / "workflow.json"
    config.write_text(json.dumps(workflow(**request), indent=1) + "\n")
    best = run(str(config)).get_best_candidate()
    answer = {"onnx": str(best.model_path)} if best is not None else {"error": "its workflow ended without a model"}
    answered.write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
