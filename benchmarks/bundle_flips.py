"""Who notices a single flipped bit? Every verifier of a bundle, side by side, on the same random flips.

    python benchmarks/bundle_flips.py --flips 10000 [--bundle FOLDER --key public.pem] [--jobs 2]

Each flip takes a file of the bundle (all are equally likely, so that small ones are hit too), one bit of it, asks
every verifier, and puts the bit back. A verifier must accept the bundle as it is and refuse every flip. Ends with 1
where one did not. Without ``--bundle`` the smallest kept one of tests/golden is used.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from compress.bundle.manifest import MODEL_SIGNATURE, UNLISTED
from compress.bundle.seal import SUMS

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "compress" / "bundle" / "tools"
KEPT = ROOT / "tests" / "golden"
WRITTEN = ROOT / "artifacts" / "benchmarks" / "bundle_flips.json"
README, STANDARD = "openssl and sha256sum", "model_signing verify"
C_FLAGS = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")

Accepts = Callable[[Path, Path], bool]
"""Whether a verifier takes a bundle's folder under a public key."""


@dataclass(frozen=True)
class Tally:
    """What one verifier made of all flips; ``accepted`` names those that it did not see, as PATH:BYTE:BIT."""

    verifier: str
    good: bool
    flips: int
    accepted: tuple[str, ...]


def by_compress(bundle: Path, key: Path) -> bool:
    """``compress verify``, without starting a process for it."""
    from compress.bundle.verify import verify_bundle
    from compress.errors import SignatureError

    try:
        verify_bundle(bundle, key)
    except SignatureError:
        return False
    return True


def by_shell(shell: tuple[str, ...], bundle: Path, key: Path) -> bool:
    """``verify.sh``."""
    command = [*shell, str(TOOLS / "verify.sh"), str(bundle), str(key), "--allow-draft"]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def by_program(program: Path, bundle: Path, key: Path) -> bool:
    """``verify.c``, compiled."""
    command = [str(program), str(bundle), str(key), "--allow-draft"]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def by_readme(bundle: Path, key: Path) -> bool:
    """``openssl`` and ``sha256sum`` alone: the steps of a bundle's README; that nothing was added, by find."""
    left_out = " ".join(f"! -path ./{name}" for name in (SUMS, *sorted(UNLISTED)))
    steps = (
        ["openssl", "dgst", "-sha256", "-verify", str(key), "-signature", "manifest.sig", "manifest.json"],
        ["sh", "-c", 'grep -q "\\"SHA256SUMS\\":{\\"sha256\\":\\"$(sha256sum <SHA256SUMS | cut -c1-64)" manifest.json'],
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        ["sh", "-c", f'test "$(find . ! -type d {left_out} | cut -c3- | LC_ALL=C sort)" = '
            '"$(cut -c67- SHA256SUMS | LC_ALL=C sort)"'],
    )  # fmt: skip
    return all(subprocess.run(step, cwd=bundle, capture_output=True, timeout=60).returncode == 0 for step in steps)


def by_model_signing(bundle: Path, key: Path) -> bool:
    """``model_signing verify key``, without starting a process for it."""
    from model_signing import hashing, verifying

    hashed = hashing.Config().set_ignored_paths(paths=[bundle / MODEL_SIGNATURE])  # type: ignore[no-untyped-call]
    config = verifying.Config()  # type: ignore[no-untyped-call]
    config.use_elliptic_key_verifier(public_key=key).set_hashing_config(hashed)
    try:
        config.verify(bundle, bundle / MODEL_SIGNATURE)
    except Exception:  # the library raises what it likes
        return False
    return True


def compiled(folder: Path, *flags: str) -> Path:
    """``verify.c`` as a program in ``folder``. Raises CalledProcessError where it does not compile."""
    program = folder / "verify"
    command = ["cc", *C_FLAGS, *flags, "-o", str(program), str(TOOLS / "verify.c"), "-lcrypto"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return program


def verifiers(folder: Path) -> dict[str, Accepts]:
    """Those that can be asked on this machine; what is compiled lies in ``folder``.

    ``openssl and sha256sum`` don't read model.sig. ``model_signing`` is there for bundles that have one.
    """
    found: dict[str, Accepts] = {"compress verify": by_compress}
    if shutil.which("openssl") and shutil.which("sha256sum"):
        for name, words in {"sh": ("sh",), "busybox sh": ("busybox", "sh")}.items():
            if shutil.which(words[0]):
                found[f"verify.sh ({name})"] = partial(by_shell, words)
        found[README] = by_readme
    if can_compile():
        found["verify.c"] = partial(by_program, compiled(folder, "-O1"))
    return found


def can_compile() -> bool:
    """Whether there are a C compiler and the headers of libcrypto."""
    if not shutil.which("cc"):
        return False
    asked = subprocess.run(["cc", "-E", "-"], input=b"#include <openssl/core_names.h>\n", capture_output=True)
    return asked.returncode == 0


def flipped(bundle: Path, flips: int, seed: int) -> Iterator[str]:
    """Flip a bit of ``bundle``, name it, and put it back when asked for the next."""
    drawn = random.Random(seed)
    files = sorted(path for path in bundle.rglob("*") if path.is_file() and path.stat().st_size)
    for _ in range(flips):
        path = drawn.choice(files)
        good = path.read_bytes()
        at, bit = drawn.randrange(len(good)), drawn.randrange(8)
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1 :])
        yield f"{path.relative_to(bundle).as_posix()}:{at}:{bit}"
        path.write_bytes(good)


def tally(bundle: Path, key: Path, flips: int, seed: int, leave_out: tuple[str, ...] = ()) -> tuple[Tally, ...]:
    """Ask all verifiers but those to ``leave_out`` about ``flips`` flips of a copy of ``bundle``."""
    with tempfile.TemporaryDirectory() as text:
        copy = Path(shutil.copytree(bundle, Path(text) / "bundle"))
        asked = verifiers(Path(text))
        if (copy / MODEL_SIGNATURE).is_file():
            asked[STANDARD] = by_model_signing
        asked = {name: accepts for name, accepts in asked.items() if name not in leave_out}
        good = {name: accepts(copy, key) for name, accepts in asked.items()}
        accepted: dict[str, list[str]] = {name: [] for name in asked}
        for what in flipped(copy, flips, seed):
            for name, accepts in asked.items():
                if not (name == README and what.startswith(MODEL_SIGNATURE)) and accepts(copy, key):
                    accepted[name].append(what)
        return tuple(Tally(name, good[name], flips, tuple(accepted[name])) for name in asked)


def joined(parts: list[tuple[Tally, ...]]) -> tuple[Tally, ...]:
    """The tallies of several processes as one each."""
    return tuple(
        Tally(
            each[0].verifier, all(one.good for one in each), sum(one.flips for one in each),
            tuple(what for one in each for what in one.accepted),
        )
        for each in zip(*parts, strict=True)
    )  # fmt: skip


def main() -> int:
    """Flip, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=300)
    parser.add_argument("--bundle", type=Path, default=KEPT / "format1_release")
    parser.add_argument("--key", type=Path, default=KEPT / "format1_public.pem")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--leave-out", action="append", default=[], metavar="VERIFIER", help="the scripts take longest")
    given = parser.parse_args()
    shares = [len(range(job, given.flips, given.jobs)) for job in range(given.jobs)]
    bundle, key = given.bundle.resolve(), given.key.resolve()  # the verifiers start in other folders
    with ProcessPoolExecutor(given.jobs) as pool:
        made = [
            pool.submit(tally, bundle, key, share, given.seed * 1000 + job, tuple(given.leave_out))
            for job, share in enumerate(shares)
        ]
        found = joined([each.result() for each in made])
    print(f"{given.bundle.name}: a random bit of a random file, {given.flips} times")
    print(f"{'verifier':<28}{'good bundle':>12}{'refused':>10}{'accepted':>10}")
    for one in found:
        missed = len(one.accepted)
        print(f"{one.verifier:<28}{'accepted' if one.good else 'REFUSED':>12}{one.flips - missed:>10}{missed:>10}")
    WRITTEN.parent.mkdir(parents=True, exist_ok=True)
    WRITTEN.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")
    return 0 if all(one.good and not one.accepted for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
