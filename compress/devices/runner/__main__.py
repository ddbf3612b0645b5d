"""``python3 -m compress_runner FOLDER``: runs what ``FOLDER/job.json`` names; results into ``FOLDER/results``.

    NAME.npy       what build NAME makes of each tensor in its ``tensors`` file, in that order: its first output
    NAME.1.npy     its second output, where it has two
    times.json     milliseconds of each build's runs, all builds in turn; left out where the machine is not as wanted
    lasting.json   of each build, one after the other: seconds without a pause, runs, median of each quarter in ms;
                   left out there too, and empty where the job asks for no seconds
    device.json    facts of the machine before and after the timing, what of them is not as the job wants it, and the
                   most memory that the process held

A file is there whole or not at all, and one that is there is not made again: a killed run goes on with the next.
device.json and lasting.json belong to times.json and are written before it.
Says on stdout, a line each, how far it is; ends with 75 when another measurement holds the machine for too long,
with 69 where a runtime is lacking, with 74 on a full disk, and with 1 and one line for what else goes wrong.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any, Callable

from .conditions import measured_under, set_up, unmet
from .hardware import boot_id
from .lock import Held, held, lock_folder
from .no_runtime import NoRuntime
from .sessions import open_build
from .timing import measure_latency, without_pause

LACKING, FULL, TAKEN = 69, 74, 75
"""Exit codes, as sysexits.h has them: EX_UNAVAILABLE, EX_IOERR and EX_TEMPFAIL."""


def run(folder: Path) -> None:
    """Do what ``folder``/job.json asks. Raises Held, NoRuntime, SetupFailed and what the runtimes raise."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    (folder / "results").mkdir(exist_ok=True)
    with held(job["wait_s"], _say, lock_folder()):
        _note_start(folder / "results" / "boot_id")
        set_up(job["conditions"]["setup"])
        opened = {
            build["name"]: open_build(
                build["runtime"], folder / build["file"], build["threads"], build["float_precision"], build["cores"]
            )
            for build in job["builds"]
        }
        for build in job["builds"]:
            _answer(build, opened[build["name"]], folder)
        if not (folder / "results" / "times.json").exists():
            _time(job, opened, folder)


def _note_start(path: Path) -> None:
    """Say it where the machine was started anew since the job began; what is finished holds all the same."""
    now = boot_id()
    if path.exists() and path.read_text(encoding="utf-8") != now:
        _say("goes on after a restart of the board")
    _whole(path, lambda file: file.write(now.encode("utf-8")))


def _answer(build: dict[str, Any], session: Any, folder: Path) -> None:
    import numpy

    path = folder / "results" / (build["name"] + ".npy")
    if path.exists():
        return
    tensors = numpy.load(str(folder / build["tensors"]))
    answers = []
    for number in range(len(tensors)):
        answers.append(session.run(tensors[number : number + 1]))
        _say("{} answers {} of {}".format(build["name"], number + 1, len(tensors)))
    outputs = [numpy.concatenate(each) for each in zip(*answers)]
    for place, output in reversed(list(enumerate(outputs))):  # the first one last: it says that all are there
        name = "{}.{}.npy".format(build["name"], place) if place else path.name
        _whole(path.with_name(name), partial(_save, output))


def _save(tensor: Any, file: Any) -> None:
    import numpy

    numpy.save(file, tensor)


def _time(job: dict[str, Any], opened: dict[str, Any], folder: Path) -> None:
    """Time all builds, if the machine is as the job wants it; say what is not, else."""
    import numpy

    wanted, results = job["conditions"], folder / "results"
    runs = {
        build["name"]: opened[build["name"]].prepare(numpy.load(str(folder / build["tensors"]))[:1])
        for build in job["builds"]
    }
    taken = measured_under(wanted, wanted["pins"], lambda: (_in_turn(job, runs), _lasting(job, runs)), _say)
    facts = {
        "before": taken.before, "after": taken.after, "peak_memory_mib": _peak_memory_mib(), "unmet": taken.lacking,
        "unmet_sdk": unmet(wanted["sdk"], taken.before),
    }  # fmt: skip
    _whole(results / "device.json", lambda file: file.write(json.dumps(facts).encode("utf-8")))
    if not taken.lacking:
        times, lasting = taken.value
        _whole(results / "lasting.json", lambda file: file.write(json.dumps(lasting).encode("utf-8")))
        _whole(results / "times.json", lambda file: file.write(json.dumps(times).encode("utf-8")))


def _in_turn(job: dict[str, Any], runs: dict[str, Any]) -> Any:
    def tell(done: int, total: int) -> None:
        _say(f"times {done} of {total}")

    return measure_latency(runs, job["warmup"], job["runs"], tell, job["every_round"])


def _lasting(job: dict[str, Any], runs: dict[str, Any]) -> dict[str, Any]:
    seconds = job["sustained_s"]

    def tell(name: str, passed: float) -> None:
        _say(f"{name} without a pause {passed:.0f} of {seconds:.0f}")

    return {name: without_pause(run, seconds, partial(tell, name)) for name, run in runs.items() if seconds}


def _whole(path: Path, write: Callable[[Any], Any]) -> None:
    half = path.with_name(path.name + ".half")
    try:
        with half.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(str(half), str(path))
    except OSError:
        with contextlib.suppress(OSError):
            half.unlink()
        raise


def _peak_memory_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """The exit code; one line on stderr for everything that goes wrong."""
    try:
        run(Path(sys.argv[1]))
    except Held as error:
        print(f"{error}", file=sys.stderr)
        return TAKEN
    except NoRuntime as error:
        print(f"{error}", file=sys.stderr)
        return LACKING
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return FULL if full else 1
    except Exception as error:  # runtimes raise kinds of their own
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(f"{type(error).__name__}: {said}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
