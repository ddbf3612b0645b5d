"""Clocks, temperatures and drivers as Linux tells them; what can't be read is left out.

``root`` is the root of the file system. Paths: admin-guide/pm/cpufreq.rst, ABI/testing/sysfs-class-devfreq and
driver-api/thermal/sysfs-api.rst of Linux; NVIDIA's hwmon counters oc<n>_event_cnt as its driver
soctherm_oc of Tegra234 names them; Rockchip's /sys/kernel/debug/rknpu/version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Callable

_POLICIES = "sys/devices/system/cpu/cpufreq"
_LIBRARIES = ("usr/lib/librknnrt.so", "usr/lib64/librknnrt.so", "usr/lib/aarch64-linux-gnu/librknnrt.so")
_RUNTIME = re.compile(rb"librknnrt version: (\d[\w.]*)")
_DRIVER = re.compile(r"(?:RKNPU driver: v|Initialized rknpu )(\d+\.\d+\.\d+)")
ROOT = Path("/")


def hardware_facts(root: Path = ROOT, ask: Callable[[list[str]], str] | None = None) -> dict[str, str]:
    """Of processors and accelerators: governor, clock now, allowed range; heat and what is done against it; drivers.

    ``ask`` runs a command and gives what it wrote.
    """
    asked = ask or _asked
    temperature_c = hottest_c(root)
    facts = {
        **_processors(root / _POLICIES),
        **_devfreq(root / "sys/class/devfreq"),
        "temperature_c": "" if temperature_c is None else f"{temperature_c:.1f}",
        "thermal_zones_c": ", ".join(f"{name} {value:.1f}" for name, value in _zones(root)),
        "cooling": _cooling(root / "sys/class/thermal"),
        "throttled_times": _read(root / "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"),
        "over_current_times": _over_current(root / "sys/class/hwmon"),
        "l4t": _l4t(root),
        "rknpu_driver": _rknpu_driver(root, asked),
        "rknn_runtime": _rknn_runtime(root),
        **_power_mode(asked),
    }
    return {name: value for name, value in facts.items() if value}


def hottest_c(root: Path = ROOT) -> float | None:
    """The hottest thermal zone in degrees C, None where none can be read."""
    return max((value for _, value in _zones(root)), default=None)


def boot_id(root: Path = ROOT) -> str:
    """Another one after each start of the machine; empty where Linux tells none."""
    return _read(root / "proc/sys/kernel/random/boot_id")


def _processors(folder: Path) -> dict[str, str]:
    policies = _sorted(folder, "policy*")
    governors = [_read(each / "scaling_governor") for each in policies]
    ranges = [
        _range(_read(each / "scaling_min_freq"), _read(each / "scaling_max_freq"), 1000) for each in policies
    ]  # fmt: skip
    fixed = [low == high for low, _, high in (text.partition("-") for text in ranges if text)]
    return {
        "cpu_clocks_fixed": ("yes" if all(fixed) else "no") if fixed else "",
        "governor": ", ".join(sorted({each for each in governors if each})),
        "cpu_clocks_mhz": ", ".join(filter(None, (_mhz(_read(each / "scaling_cur_freq"), 1000) for each in policies))),
        "cpu_ranges_mhz": ", ".join(filter(None, ranges)),
    }


def _devfreq(folder: Path) -> dict[str, str]:
    """Of GPUs, NPUs and memory, each under its own name."""
    facts = {}
    for each in _sorted(folder, "*"):
        facts[each.name + " governor"] = _read(each / "governor")
        facts[each.name + " clock_mhz"] = _mhz(_read(each / "cur_freq"), 1_000_000)
        allowed = _range(_read(each / "min_freq"), _read(each / "max_freq"), 1_000_000)
        low, _, high = allowed.partition("-")
        facts[each.name + " range_mhz"] = allowed
        facts[each.name + " clock_fixed"] = ("yes" if low == high else "no") if allowed else ""
    return facts


def _zones(root: Path) -> list[tuple[str, float]]:
    found = []
    for each in _sorted(root / "sys/class/thermal", "thermal_zone*"):
        text = _read(each / "temp")
        if text.lstrip("-").isdigit():
            found.append((_read(each / "type") or each.name, int(text) / 1000))
    return found


def _cooling(folder: Path) -> str:
    """What is slowed down, or which fan turns, right now."""
    active = []
    for each in _sorted(folder, "cooling_device*"):
        now = _read(each / "cur_state")
        if now.isdigit() and int(now) > 0:
            active.append(
                "{} {} of {}".format(_read(each / "type") or each.name, now, _read(each / "max_state") or "?")
            )
    return ", ".join(active)


def _over_current(folder: Path) -> str:
    counts = [_read(path) for path in sorted(folder.glob("hwmon*/oc*_event_cnt"))]
    numbers = [int(text) for text in counts if text.isdigit()]
    return str(sum(numbers)) if numbers else ""


def _l4t(root: Path) -> str:
    """NVIDIA's release, like 36.4.7."""
    found = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", _read(root / "etc/nv_tegra_release"))
    return f"{found[1]}.{found[2]}" if found else ""


def _power_mode(ask: Callable[[list[str]], str]) -> dict[str, str]:
    """What a Jetson's own tool says: a name, and on the next line a number."""
    found = re.search(r"Power Mode: *(\S+)\s*(\d*)", ask(["nvpmodel", "-q"]))
    return {"power_mode": found[1], "power_mode_id": found[2]} if found else {}


def _rknpu_driver(root: Path, ask: Callable[[list[str]], str]) -> str:
    """From where only root may look, else from the kernel's log, which forgets."""
    told = _read(root / "sys/kernel/debug/rknpu/version")
    if not told and (root / "sys/bus/platform/drivers/RKNPU").is_dir():
        told = ask(["dmesg"])
    found = _DRIVER.search(told)
    return found[1] if found else ""


def _rknn_runtime(root: Path) -> str:
    """The version that Rockchip's library holds as text."""
    for name in _LIBRARIES:
        try:
            found = _RUNTIME.search((root / name).read_bytes())
        except OSError:
            continue
        if found:
            return found[1].decode()
    return ""


def _asked(words: list[str]) -> str:
    """What a command writes; nothing where there is none. Such tools lie where only root's PATH leads."""
    place = shutil.which(words[0], path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if place is None:
        return ""
    try:
        done = subprocess.run([place, *words[1:]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def _sorted(folder: Path, pattern: str) -> list[Path]:
    def order(path: Path) -> tuple[int, str]:
        digits = re.search(r"(\d+)$", path.name)
        return (int(digits[1]) if digits else -1, path.name)

    return sorted(folder.glob(pattern), key=order)


def _mhz(text: str, per_mhz: int) -> str:
    return str(int(text) // per_mhz) if text.isdigit() else ""


def _range(low: str, high: str, per_mhz: int) -> str:
    slow, fast = _mhz(low, per_mhz), _mhz(high, per_mhz)
    return f"{slow}-{fast}" if slow and fast else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
