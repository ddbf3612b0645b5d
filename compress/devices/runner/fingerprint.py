"""What machine a measurement was made on. Plain text facts; what can't be read is left out."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from .hardware import hardware_facts

_FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm")
_VERSIONS = ("openvino", "onnxruntime", "ai-edge-litert", "tflite-runtime", "tensorrt", "rknn-toolkit-lite2")


def stable_facts() -> dict[str, str]:
    """The facts that a repeated measurement must share: processor, cores, instructions, runtime versions.

    Cheap enough for every start of the command: nothing is imported for it.
    """
    cpu = _cpuinfo()
    flags = set((cpu.get("flags") or cpu.get("Features") or "").split())
    facts = {
        "cpu": cpu.get("model name") or platform.processor() or platform.machine(),
        "cpu_family": " ".join(cpu[key] for key in ("vendor_id", "cpu family", "model", "stepping") if key in cpu),
        "cores": str(_cores()),
        "instructions": " ".join(flag for flag in _FLAGS if flag in flags),
        **{name: _version(name) for name in _VERSIONS},
    }
    return {name: value for name, value in facts.items() if value}


def fingerprint() -> dict[str, str]:
    """All facts, also those that change from minute to minute (clock, load, throttling since the start)."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    facts = {
        **stable_facts(),
        "model": _read("/proc/device-tree/model").strip("\0"),
        "kernel": platform.platform(),
        "memory_mib": _memory_mib(),
        "clock_mhz": _clock_mhz(),
        **hardware_facts(),
        "load_average_1min": "" if load is None else f"{load:.2f}",
        "nice": str(os.nice(0)) if hasattr(os, "nice") else "",
        "virtual": "yes" if "hypervisor" in _cpuinfo().get("flags", "").split() else "",
    }
    return {name: value for name, value in facts.items() if value}


def with_changes(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """The facts before a measurement, and under ``NAME_after`` those that were others after it."""
    changed = {name + "_after": value for name, value in after.items() if before.get(name) != value}
    return {**before, **changed}


def device_name() -> str:
    """One line for tables: processor and cores."""
    facts = stable_facts()
    return f"local, {facts['cpu']}, {facts['cores']} cores"


def _cpuinfo() -> dict[str, str]:
    """The first processor of /proc/cpuinfo."""
    found: dict[str, str] = {}
    for line in _read("/proc/cpuinfo").splitlines():
        key, colon, value = line.partition(":")
        if not colon:
            break
        found[key.strip()] = value.strip()
    return found


def _cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_mib() -> str:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return str(int(line.split()[1]) // 1024)
    return ""


def _clock_mhz() -> str:
    text = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
    return str(int(text) // 1000) if text.isdigit() else _cpuinfo().get("cpu MHz", "")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
