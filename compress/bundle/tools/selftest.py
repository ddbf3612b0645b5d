"""``python3 selftest.py [BUNDLE] [--build NAME]... [--threads N]``: do the builds answer here as they did at home?

For a board with Python (3.8 or newer), numpy and the runtime of the build; ``compress`` is not needed. Runs every
golden frame through every build whose runtime is here, and compares with the expected picture: PSNR in dB and the
largest difference in codes of 1/255, against the tolerance of golden/golden.json; maps of boxes by signal over
difference in dB. Changes nothing on the board.

Says a line for each frame. Ends with 0 when all are within the tolerance, 1 when one is not, 3 when some build could
not be run here, 2 for a wrong word, and 69 when none could be run.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True  # an extra file in a bundle is one that its signer did not sign

PASS, DIFFERS, USAGE, INCOMPLETE, NOTHING = 0, 1, 2, 3, 69


def read_ppm(path: Path) -> Any:
    """(H, W, 3) uint8 RGB of a binary PPM as the bundle has it."""
    import numpy

    magic, size, most, pixels = path.read_bytes().split(b"\n", 3)
    if magic != b"P6" or most != b"255":
        raise ValueError(f"{path}: not a PPM of 8 bit")
    width, height = (int(side) for side in size.split())
    return numpy.frombuffer(pixels, numpy.uint8).reshape(height, width, 3)


def to_tensor(picture: Any, spec: dict[str, Any], multiple: int) -> Any:
    """uint8 (H, W, 3) RGB to what an input of ``contract.json`` takes: (1, ...), sides padded to ``multiple``."""
    import numpy

    height, width = picture.shape[:2]
    padded = numpy.pad(picture, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge")[None]
    if spec["colour_order"] == "BGR":
        padded = padded[..., ::-1]
    if spec["layout"] == "NCHW":
        padded = padded.transpose(0, 3, 1, 2)
    if spec["dtype"] == "float32":
        return numpy.ascontiguousarray(padded.astype(numpy.float32) / numpy.float32(255))
    codes = padded.astype(numpy.int16) - (128 if spec["dtype"] == "int8" else 0)
    return numpy.ascontiguousarray(codes.astype(spec["dtype"]))


def from_tensor(answer: Any, spec: dict[str, Any], height: int, width: int) -> Any:
    """An output of ``contract.json``, (1, ...), to uint8 (height, width, 3) RGB; NaN raises ValueError."""
    import numpy

    y = answer.transpose(0, 2, 3, 1) if spec["layout"] == "NCHW" else answer
    y = y[0, :height, :width]
    if spec["colour_order"] == "BGR":
        y = y[..., ::-1]
    if spec["dtype"] != "float32":
        return (y.astype(numpy.int16) + (128 if spec["dtype"] == "int8" else 0)).astype(numpy.uint8)
    if not numpy.isfinite(y).all():
        raise ValueError("the build answers NaN or infinity")
    return numpy.clip(numpy.rint(y.astype(numpy.float32) * numpy.float32(255)), 0, 255).astype(numpy.uint8)


def apart(expected: Any, answer: Any) -> tuple[float, int]:
    """PSNR in dB and the largest difference in codes."""
    import numpy

    difference = expected.astype(numpy.int64) - answer.astype(numpy.int64)
    mean_square = float((difference**2).mean())
    return (10 * math.log10(255.0**2 / mean_square) if mean_square else math.inf), int(abs(difference).max())


def signal_db(expected: Any, answer: Any) -> float:
    """Power of the expected maps over that of the difference, in dB; NaN where there is one in the answer."""
    import numpy

    error = float(((expected.astype(numpy.float64) - answer) ** 2).mean())
    power = float((expected.astype(numpy.float64) ** 2).mean())
    return 10 * math.log10(power / error) if power and error else math.inf if not error else -math.inf


def judged(
    bundle: Path, contract: dict[str, Any], output: dict[str, Any], answers: Any, within: dict[str, Any]
) -> Iterator[tuple[bool, str]]:
    """Of the picture and the maps among ``answers``: whether they are within the tolerance, and how far off."""
    import numpy

    if output.get("file"):
        expected = read_ppm((bundle / output["file"]).with_suffix(".ppm"))
        psnr_db, codes = apart(expected, from_tensor(answers[0], contract["output"], *expected.shape[:2]))
        good = psnr_db >= within["min_psnr_db"] and codes <= within["max_abs_codes"]
        allowed = f"allowed: {within['min_psnr_db']} dB, {within['max_abs_codes']} codes"
        yield good, f"{psnr_db:.1f} dB, at most {codes} codes ({allowed})"
    if output.get("maps"):
        maps = answers[1 if output.get("file") else 0]  # boxes that the build reads from them itself come behind
        stored = numpy.frombuffer((bundle / output["maps"]).read_bytes(), "<f4").reshape(maps.shape)
        close_db = signal_db(stored, maps)
        yield close_db >= within["min_maps_snr_db"], f"maps {close_db:.1f} dB (allowed: {within['min_maps_snr_db']} dB)"


def try_build(bundle: Path, build: dict[str, Any], golden: dict[str, Any], threads: int) -> bool:
    """Run the frames of one build and say a line for each; whether all are within the tolerance."""
    from runner.sessions import open_build

    session = open_build(build["runtime"], bundle / build["files"][0], threads, "f32")
    contract, within = build["contract"], golden["tolerance"]
    passed = True
    for frame in golden["frames"]:
        for output in frame["outputs"]:
            if output["build"] != build["name"]:
                continue
            given = read_ppm((bundle / frame["input"]).with_suffix(".ppm"))
            answers = session.run(to_tensor(given, contract["input"], contract["size_multiple"]))
            for good, said in judged(bundle, contract, output, answers, within):
                passed = passed and good
                what = f"{'pass' if good else 'DIFFERS'}: {build['name']}, {frame['input']}"
                print(f"{what}: {said}", flush=True)
    return passed


def main(words: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--build", action="append", default=[], help="only this one")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args(words)
    contract = json.loads((asked.bundle / "contract.json").read_text(encoding="utf-8"))
    golden = json.loads((asked.bundle / "golden" / "golden.json").read_text(encoding="utf-8"))
    answered = {output["build"] for frame in golden["frames"] for output in frame["outputs"]}
    builds = [each for each in contract["builds"] if not asked.build or each["name"] in asked.build]
    unknown = set(asked.build) - {each["name"] for each in builds}
    if unknown:
        print(f"error: no build {', '.join(sorted(unknown))} in this bundle", file=sys.stderr)
        return USAGE
    results = []
    for build in builds:
        if build["name"] not in answered:
            print(f"not run: {build['name']}: the bundle has no golden frame of it", flush=True)
            continue
        try:
            results.append(try_build(asked.bundle, build, golden, asked.threads))
        except Exception as error:  # runtimes raise kinds of their own
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"not run: {build['name']}: {said}", flush=True)
    if not results:
        return NOTHING
    if not all(results):
        return DIFFERS
    return PASS if len(results) == len(builds) else INCOMPLETE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
