"""Worker: build one .rknn with Rockchip's RKNN-Toolkit2, and simulate it.

    rknn_toolkit.py REQUEST ANSWER      build once, write the answer
    rknn_toolkit.py                     serve: first line the same request, then {"dark": FILE, "bright": FILE}

An exported .rknn can't be simulated, so whoever wants a simulator builds again from the same ONNX file. The
toolkit returns success after errors: its log is read, and lines that tell of one make a refusal.
"""

import ctypes
import json
import os
import re
import stat
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_STAMP = re.compile(r"\[\d\d:\d\d:\d\d\.\d+\] ?")
_RAISED = re.compile(r"^\w*(Error|Exception): ")
_LAYER = re.compile(r"^D RKNN: \d+ +(?P<kind>\S+) +(?P<dtype>\S+) +(?P<target>NPU|CPU|GPU) .* (?P<name>\S+) *$")
_MEMORY = re.compile(r"Total (Internal|Weight) Memory Size: ([\d.]+)KB")
_LINE_BUFFERED = 1  # <stdio.h>
_ERROR = re.compile(r"(^E |E RKNN: ).*")
_BORDERS = ("InputOperator", "OutputOperator")
_NO_NEWS = ("rknn-toolkit2 version", "Traceback (most recent call last)")


class Refused(Exception):
    """The toolkit can't make the build; its own words."""


class Log:
    """What the toolkit says. It writes to the descriptors themselves, so they are pointed at one file."""

    def __init__(self) -> None:
        if not stat.S_ISREG(os.fstat(2).st_mode):
            kept = os.open("toolkit.log", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(kept, 2)
            os.close(kept)
        os.dup2(2, 1)
        # Lines of its C++ part would wait in a buffer, and those to stderr land in the middle of one.
        self._libc = ctypes.CDLL(None)
        self._libc.setvbuf(ctypes.c_void_p.in_dll(self._libc, "stdout"), None, _LINE_BUFFERED, 0)
        self._path = os.readlink("/proc/self/fd/2")
        self._seen = os.path.getsize(self._path)

    def lines(self) -> list[str]:
        """What came since the last call, without colours and times; a progress bar's steps are lines."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._libc.fflush(None)
        with open(self._path, "rb") as log:
            log.seek(self._seen)
            new = log.read()
        self._seen += len(new)
        plain = _STAMP.sub("", _COLOURS.sub("", new.decode("utf-8", "replace")))
        return [line.rstrip() for line in plain.replace("\r", "\n").splitlines()]


def errors(lines: list[str]) -> list[str]:
    """Lines that tell of an error, each once, and what Python raised."""
    told = [match[0] for match in map(_ERROR.search, lines) if match]
    told = [line for line in told if not any(words in line for words in _NO_NEWS)]
    told += [line for line in lines if "REGTASK" in line and "E RKNN" not in line or _RAISED.match(line)]
    return list(dict.fromkeys(told))


def layers(lines: list[str]) -> list[dict[str, str]]:
    """The compiler's table of layers: what runs, in which type, on which processor."""
    found = []
    for line in lines:
        match = _LAYER.match(line)
        if match and match["kind"] not in _BORDERS:
            named = ":" in match["name"]  # the column is empty for what the compiler put in: the last word is a number
            found.append({**match.groupdict(), "name": match["name"] if named else ""})
    return found


def build(request: dict[str, Any], log: Log) -> tuple[Any, dict[str, Any]]:
    """A toolkit that has built ``request``, and the answer. Raises Refused."""
    toolkit = import_module("rknn.api").RKNN(verbose=True)
    pictures = {"mean_values": [[0, 0, 0]], "std_values": [[255, 255, 255]]}  # uint8 in, x / 255 in the build
    settings: dict[str, Any] = {"target_platform": request["platform"], **pictures}
    if request["calibration"]:
        settings["quantized_algorithm"] = request["algorithm"]
    steps: tuple[Callable[[], Any], ...] = (
        lambda: toolkit.config(**settings),
        lambda: toolkit.load_onnx(model=request["source"]),
        lambda: toolkit.build(do_quantization=bool(request["calibration"]), dataset=request["calibration"] or None),
        lambda: toolkit.export_rknn(request["out"]),
        lambda: toolkit.init_runtime() if request["simulate"] else 0,
    )
    told: list[str] = []
    for step in steps:
        failed = ""
        try:
            failed = "" if step() == 0 else "the toolkit says no more than that it failed"
        except (Exception, SystemExit) as error:  # it raises its own kinds, and ends the process on some mistakes
            failed = (str(error).strip() or type(error).__name__).splitlines()[-1]
        told += log.lines()
        wrong = errors(told)
        if wrong or failed:
            raise Refused("; ".join(wrong + _on_cpu(told)) or failed)
    memory = {name: round(float(size) * 1024) for name, size in _MEMORY.findall("\n".join(told))}
    if not layers(told):
        raise Refused("the toolkit's log holds no table of layers, so nothing is known about the build")
    answer = {
        "layers": layers(told), "warnings": sum(line.startswith("W ") for line in told),
        "internal_bytes": memory.get("Internal", 0), "weight_bytes": memory.get("Weight", 0),
    }  # fmt: skip
    return toolkit, answer


def _on_cpu(lines: list[str]) -> list[str]:
    """Which layers the compiler put on the board's CPU, which most errors are about."""
    elsewhere = [layer for layer in layers(lines) if layer["target"] != "NPU"]
    return [f"on the board's CPU: {layer['name'] or layer['kind']}" for layer in elsewhere]


def simulate(toolkit: Any, request: dict[str, str]) -> None:
    """uint8 (N, H, W, 3) in ``dark`` to float32 (N, 3, H, W) in ``bright``, both .npy; a second output to ``second``.

    Of the first picture all further outputs to ``inner``.
    """
    import numpy as np

    pictures = np.load(request["dark"])
    answers = [toolkit.inference(inputs=[pictures[i : i + 1]], data_format=["nhwc"]) for i in range(len(pictures))]
    np.save(request["bright"], np.concatenate([each[0] for each in answers]).astype(np.float32))
    if request["second"]:
        np.save(request["second"], np.concatenate([each[1] for each in answers]).astype(np.float32))
    if request["inner"]:
        np.savez(request["inner"], *answers[0][1:])


def once(request_path: str, answer_path: str) -> None:
    """Build, and simulate where the request names pictures."""
    request = json.loads(Path(request_path).read_text())
    try:
        toolkit, answer = build(request, Log())
        if request["simulate"]:
            simulate(toolkit, request["simulate"])
    except Refused as refusal:
        answer = {"error": str(refusal)}
    Path(answer_path).write_text(json.dumps(answer))


def serve() -> None:
    """Build what the first line asks for; then simulate what each further line names."""
    answers = os.fdopen(os.dup(1), "w")
    log = Log()
    toolkit = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if toolkit is None:
                toolkit, answer = build(request, log)
            else:
                simulate(toolkit, request)
                answer = {"done": True}
        except Refused as refusal:
            answer = {"error": str(refusal)}
        except (ValueError, OSError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    once(*sys.argv[1:]) if len(sys.argv) == 3 else serve()
