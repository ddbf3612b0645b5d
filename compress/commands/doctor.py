"""``compress doctor``: what of this machine, the SDKs and the devices is ready, and the command that mends the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Literal

import click

from compress.config.load import load_target
from compress.config.names import example_recipe, listing, show_path
from compress.console import show_size
from compress.devices.reach import reach
from compress.devices.runner.fingerprint import stable_facts
from compress.errors import EXIT_PASS, ConfigError
from compress.records import Record
from compress.toolchains import TOOLCHAINS
from compress.toolchains.environment import mending_command, state

if TYPE_CHECKING:
    from compress.schema import Target

_INT8_INSTRUCTIONS = ("avx_vnni", "avx512_vnni", "amx_int8", "i8mm")
_CORE = {"onnx": ("onnxruntime", "onnxruntime"), "openvino": ("openvino", "openvino"),
         "tflite": ("ai-edge-litert", "ai_edge_litert.interpreter")}  # fmt: skip
"""Distribution and module of each runtime that lives in the core environment, by runtime."""


class Finding(Record):
    """One thing that was looked at. ``mend``: the command that makes it ready; empty where there is none."""

    kind: Literal["machine", "runtime", "toolchain", "device"]
    name: str
    state: Literal["ready", "absent", "broken", "not configured", "out of reach"]
    facts: str
    mend: str = ""


class Findings(Record):
    """What ``compress doctor --json`` prints."""

    findings: tuple[Finding, ...]


def examine(as_json: bool) -> int:
    """Print what is ready and what is not; always 0, since looking worked."""
    found = Findings(findings=(*machine(), *runtimes(), *toolchains(), *devices()))
    if as_json:
        click.echo(found.text(), nl=False)
    else:
        _print(found.findings)
    return EXIT_PASS


def machine() -> Iterator[Finding]:
    """This machine's processor, and how well it computes in int8."""
    facts = stable_facts()
    fast = [name for name in _INT8_INSTRUCTIONS if name in facts.get("instructions", "").split()]
    int8 = f"int8 with {', '.join(fast)}" if fast else "no int8 dot product (VNNI, I8MM): int8 gains less here"
    text = f"{facts.get('cpu', 'unknown processor')}, {facts.get('cores', '?')} cores; {int8}"
    yield Finding(kind="machine", name="local CPU", state="ready", facts=text)


def runtimes() -> Iterator[Finding]:
    """The runtimes that run builds in this environment, each imported to see that it works."""
    for name, (distribution, module) in _CORE.items():
        mend = f"pip install '{_requirement(distribution)}'"
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            yield Finding(kind="runtime", name=name, state="absent", facts=f"no {distribution}", mend=mend)
            continue
        try:
            import_module(module)
        except Exception as error:  # whatever a broken binary raises
            told = f"{distribution} {version}: {' '.join(str(error).split())[:200]}"
            mend = mend.replace("install", "install --force-reinstall --no-deps")
            yield Finding(kind="runtime", name=name, state="broken", facts=told, mend=mend)
        else:
            yield Finding(kind="runtime", name=name, state="ready", facts=f"{distribution} {version}")


def toolchains() -> Iterator[Finding]:
    """The isolated environments."""
    for name, toolchain in TOOLCHAINS.items():
        found = state(name)
        if found.kind == "ready":
            facts = f"{toolchain.sdk} {found.sdk_version}, Python {found.python}, {show_size(found.size_bytes)}"
            yield Finding(kind="toolchain", name=name, state="ready", facts=facts)
        else:
            facts = found.reason or toolchain.description
            yield Finding(kind="toolchain", name=name, state=found.kind, facts=facts, mend=mending_command(name))


def devices() -> Iterator[Finding]:
    """The device of each target, as its YAML says."""
    recipe = example_recipe()
    for name, path in listing("targets").items():
        try:
            target = load_target(path)
        except ConfigError as error:
            facts = f"{show_path(path)}: {'; '.join(error.problems)}"
            yield Finding(kind="device", name=name, state="broken", facts=facts)
        else:
            yield _device(name, target, f"compress run recipe={recipe} target={name} target.device.host=HOST")


def _device(name: str, target: Target, naming: str) -> Finding:
    device = target.device
    facts = f"{device.runtime} on {device.kind if device.host is None else f'{device.kind} {device.host}'}"
    if device.kind == "none":
        return Finding(kind="device", name=name, state="not configured", facts="no device: builds only")
    if device.kind == "local":
        return Finding(kind="device", name=name, state="ready", facts=f"{device.runtime} on this machine")
    if device.host is None:
        facts = f"{facts}, which is not named"
        return Finding(kind="device", name=name, state="not configured", facts=facts, mend=naming)
    found = reach(device.kind, device.host)
    if found.problem is None:
        return Finding(kind="device", name=name, state="ready", facts=f"{facts}, answers")
    return Finding(kind="device", name=name, state="out of reach", facts=f"{facts}: {found.problem}", mend=found.mend)


def _requirement(distribution: str) -> str:
    """The requirement that this package declares for a distribution, or its bare name."""
    try:
        declared = metadata.requires("compress") or []
    except metadata.PackageNotFoundError:
        declared = []
    heads = (re.match(r"[\w.-]+", line) for line in declared)
    found = (line for line, head in zip(declared, heads, strict=True) if head and head[0] == distribution)
    return next(found, distribution).partition(";")[0].strip()


def _print(findings: tuple[Finding, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from compress.console import table_console

    table = Table("what", "name", "state", "facts", box=SIMPLE_HEAD)
    for one in findings:
        colour = "green" if one.state == "ready" else "red" if one.state == "broken" else "yellow"
        table.add_row(one.kind, Text(one.name), Text(one.state, colour), Text(one.facts))
    table_console().print(table)
    for one in findings:  # below the table, whole, so that it can be copied
        if one.mend:
            click.echo(f"{one.kind} {one.name}:  {one.mend}")
