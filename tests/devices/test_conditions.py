"""What a target wants of its board: read, waited for, set right by listed commands only, and never passed over."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from loopback import BoardHere, board_here
from one_node import model_of
from onnx import helper

from compress.devices.conditions import NO_CONDITIONS, Conditions, Wanted
from compress.devices.remote import BoardBuild, BoardResults, Place, run_on_board
from compress.devices.runner.conditions import SetupFailed, cool_down, set_up, too_warm, unmet, unsteady
from compress.devices.runner.fingerprint import fingerprint
from compress.devices.runner.hardware import boot_id, hardware_facts, hottest_c
from compress.errors import DeviceError
from compress.schema import DeviceSpec


def _pin(fact: str, value: str) -> dict[str, str]:
    return {"fact": fact, "value": value}


def test_versions_are_met_part_by_part() -> None:
    pins = [_pin("tensorrt", "10.3")]
    assert unmet(pins, {"tensorrt": "10.3"}) == unmet(pins, {"tensorrt": "10.3.0"}) == []
    assert unmet(pins, {"tensorrt": "10.30"}) == ["tensorrt wanted 10.3, found 10.30"]
    assert unmet(pins, {}) == ["tensorrt wanted 10.3, found nothing"]


def test_a_word_among_several_is_met_whole() -> None:
    pin = {**_pin("instructions", "avx512_bf16"), "among": True}
    assert unmet([pin], {"instructions": "avx2 avx512_bf16 amx_int8"}) == []
    found = unmet([pin], {"instructions": "avx2 avx512_bf16x"})
    assert found == ["instructions wanted avx512_bf16, found avx2 avx512_bf16x"]
    assert unmet([_pin("instructions", "avx2")], {"instructions": "avx2 amx_int8"})  # only where it is said


def test_a_fact_that_is_right_before_and_wrong_after_is_not_met() -> None:
    pins = [_pin("governor", "performance")]
    good, bad = {"governor": "performance"}, {"governor": "schedutil"}
    assert unmet(pins, good, good) == []
    assert unmet(pins, good, bad) == ["governor wanted performance, found schedutil after it"]
    assert unmet(pins, bad, good) == ["governor wanted performance, found schedutil"]


def test_what_should_be_steady() -> None:
    assert unsteady(["throttled_times"], {"throttled_times": "3"}, {"throttled_times": "3"}) == []
    assert unsteady(["throttled_times"], {}, {}) == []
    assert unsteady(["throttled_times"], {"throttled_times": "3"}, {"throttled_times": "5"}) == [
        "throttled_times wanted steady, found 3 before and 5 after"
    ]


def test_a_board_cools_until_it_is_as_wanted_or_the_time_is_up() -> None:
    readings, said = iter([60.0, 55.0, 50.0, 49.0]), []
    cool_down({"start_below_c": 50.0, "cool_wait_s": 0.3}, lambda: next(readings), said.append)
    assert said[0] == "waits to cool down from 60.0 to 50 degrees C" and len(said) < 4
    readings = iter([60.0])
    cool_down({"start_below_c": 50.0, "cool_wait_s": 0.0}, lambda: next(readings), said.append)
    cool_down({"start_below_c": 50.0, "cool_wait_s": 9.0}, lambda: None, said.append)
    cool_down({"start_below_c": None}, lambda: pytest.fail("nobody asked"), said.append)
    assert too_warm({"start_below_c": 50.0}, {"temperature_c": "50.0"}) == too_warm({"start_below_c": None}, {}) == []
    assert too_warm({"start_below_c": 50.0}, {"temperature_c": "50.1"}) == [
        "temperature_c wanted at most 50 at the start, found 50.1"
    ]
    assert too_warm({"start_below_c": 50.0}, {}) == ["temperature_c wanted at most 50 at the start, found nothing"]


def test_a_command_that_sets_nothing_right_ends_it() -> None:
    set_up([["true"], ["sh", "-c", "exit 0"]])
    with pytest.raises(SetupFailed, match="setup 'sh -c echo no; exit 3' ended with 3: no"):
        set_up([["sh", "-c", "echo no; exit 3"]])
    with pytest.raises(SetupFailed, match="setup 'nosuchcommand -m 0': .*nosuchcommand"):
        set_up([["nosuchcommand", "-m", "0"]])


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


def test_facts_of_a_rockchip_as_its_kernel_lays_them_out(tmp_path: Path) -> None:
    """Files as Linux documents them and Rockchip's scripts use them, made here; no board was at hand."""
    cpu, npu = "sys/devices/system/cpu/cpufreq", "sys/class/devfreq/fdab0000.npu"
    policies = {"policy0": ("schedutil", 1008, 408, 1800), "policy4": ("performance", 2352, 2352, 2352)}
    files = {
        f"{cpu}/{name}/scaling_{what}": str(value)
        for name, (governor, now, low, high) in policies.items()
        for what, value in (("governor", governor), ("cur_freq", now * 1000), ("min_freq", low * 1000),
                            ("max_freq", high * 1000))
    }  # fmt: skip
    files |= {f"{npu}/governor": "userspace", f"{npu}/cur_freq": "1000000000", f"{npu}/min_freq": "300000000",
              f"{npu}/max_freq": "1000000000"}  # fmt: skip
    files |= {"sys/class/thermal/thermal_zone0/type": "soc-thermal", "sys/class/thermal/thermal_zone0/temp": "41500",
              "sys/class/thermal/thermal_zone10/type": "npu-thermal", "sys/class/thermal/thermal_zone10/temp": "43461",
              "sys/class/thermal/thermal_zone2/temp": "", "sys/class/thermal/cooling_device0/cur_state": "0",
              "sys/class/thermal/cooling_device1/type": "cpufreq-cpu4",
              "sys/class/thermal/cooling_device1/cur_state": "2",
              "sys/class/thermal/cooling_device1/max_state": "5"}  # fmt: skip
    files |= {"sys/kernel/debug/rknpu/version": "RKNPU driver: v0.9.6",
              "usr/lib/librknnrt.so": "\x00librknnrt version: 2.3.2 (429f97ae6b@2025-04-09T09:09:27)\x00"}  # fmt: skip
    root = _tree(tmp_path, files)
    assert hardware_facts(root, lambda _: "") == {
        "cpu_clocks_fixed": "no", "governor": "performance, schedutil",
        "cpu_clocks_mhz": "1008, 2352", "cpu_ranges_mhz": "408-1800, 2352-2352",
        "fdab0000.npu governor": "userspace", "fdab0000.npu clock_mhz": "1000", "fdab0000.npu range_mhz": "300-1000",
        "fdab0000.npu clock_fixed": "no",
        "temperature_c": "43.5", "thermal_zones_c": "soc-thermal 41.5, npu-thermal 43.5",
        "cooling": "cpufreq-cpu4 2 of 5", "rknpu_driver": "0.9.6", "rknn_runtime": "2.3.2",
    }  # fmt: skip
    (root / "sys/kernel/debug/rknpu/version").unlink()
    (root / "sys/bus/platform/drivers/RKNPU").mkdir(parents=True)
    log = "[    5.1] [drm] Initialized rknpu 0.9.8 20240828 for fdab0000.npu on minor 1\n"
    assert hardware_facts(root, lambda words: log * (words == ["dmesg"]))["rknpu_driver"] == "0.9.8"


def test_facts_of_a_jetson(tmp_path: Path) -> None:
    """As NVIDIA's tools write them; no board was at hand."""
    root = _tree(
        tmp_path,
        {
            "etc/nv_tegra_release": "# R36 (release), REVISION: 4.7, GCID: 4, BOARD: generic, EABI: aarch64, DATE: x",
            "sys/class/hwmon/hwmon3/oc1_event_cnt": "2", "sys/class/hwmon/hwmon3/oc3_event_cnt": "1",
        },
    )  # fmt: skip
    told = "NVPM WARN: fan mode is not set!\nNV Power Mode: MAXN_SUPER\n2\n"
    assert hardware_facts(root, lambda words: told * (words == ["nvpmodel", "-q"])) == {
        "power_mode": "MAXN_SUPER", "power_mode_id": "2", "l4t": "36.4.7", "over_current_times": "3",
    }  # fmt: skip


def test_a_machine_that_tells_nothing_has_no_facts(tmp_path: Path) -> None:
    assert hardware_facts(tmp_path, lambda _: "") == {}
    assert hottest_c(tmp_path) is None and boot_id(tmp_path) == ""
    assert len(boot_id()) == 36 and boot_id() == boot_id()


def test_a_target_without_conditions_measures_what_it_measured_before() -> None:
    assert set(DeviceSpec(kind="ssh").identity()) == {
        "kind", "host", "python", "runtime", "threads", "float_precision", "machine",
    }  # fmt: skip


def test_sources_and_words_about_cooling_change_no_measurement() -> None:
    pins = (Wanted(fact="governor", value="performance", source="one"),)
    one = DeviceSpec(kind="ssh", conditions=Conditions(pins=pins, cooling="a fan")).identity()
    other = (pins[0].model_copy(update={"source": "another"}),)
    assert one == DeviceSpec(kind="ssh", conditions=Conditions(pins=other)).identity()
    assert one != DeviceSpec(kind="ssh").identity()
    assert one != DeviceSpec(kind="ssh", conditions=Conditions(sdk=pins)).identity()


@pytest.fixture(params=["asyncssh", "adb"])
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardHere]:
    with board_here(request.param, tmp_path) as made:
        made.enter(monkeypatch)
        yield made


def _run(here: BoardHere, folder: Path, conditions: Conditions) -> BoardResults:
    onnx.save(model_of([helper.make_node("Abs", ["dark"], ["bright"])], (1, 3, 8, 8)), str(folder / "one.onnx"))
    build = BoardBuild("one", "onnx", (folder / "one.onnx",), 1, "f32", -np.ones((2, 3, 8, 8), np.float32))
    results = run_on_board(Place(here.board, sys.executable, conditions), (build,), 1, 3, lambda *_: None)
    assert np.array_equal(results.answers["one"], np.ones((2, 3, 8, 8)))
    return results


def test_a_board_that_is_not_as_wanted_is_not_timed(here: BoardHere, tmp_path: Path) -> None:
    here.tool("nvpmodel", "echo 'NV Power Mode: 15W'; echo 0")
    wanted = Wanted(fact="power_mode", value="MAXN_SUPER")
    results = _run(here, tmp_path, Conditions(pins=(wanted, Wanted(fact="onnxruntime", value="0.1"))))
    version = fingerprint()["onnxruntime"]
    assert results.samples_ms == {} and results.facts.unmet_sdk == ()
    assert results.facts.unmet == (
        "power_mode wanted MAXN_SUPER, found 15W", f"onnxruntime wanted 0.1, found {version}",
    )  # fmt: skip
    here.tool("nvpmodel", "echo 'NV Power Mode: MAXN_SUPER'; echo 2")
    results = _run(here, tmp_path, Conditions(pins=(wanted,), sdk=(Wanted(fact="onnxruntime", value="0.1"),)))
    assert len(results.samples_ms["one"]) == 3 and results.facts.unmet == ()
    assert results.facts.unmet_sdk == (f"onnxruntime wanted 0.1, found {version}",)
    assert results.facts.before["power_mode"] == results.facts.after["power_mode"] == "MAXN_SUPER"


def test_a_board_is_set_right_only_by_commands_that_are_listed(here: BoardHere, tmp_path: Path) -> None:
    """The tool changes what it tells, as nvpmodel does."""
    here.tool("nvpmodel", 'case "$1" in -q) echo "NV Power Mode: $(cat ~/mode)";; *) echo "$2" > ~/mode;; esac')
    (here.home / "mode").write_text("15W")
    pins = (Wanted(fact="power_mode", value="MAXN"),)
    assert _run(here, tmp_path, Conditions(pins=pins)).samples_ms == {}
    assert (here.home / "mode").read_text() == "15W"
    results = _run(here, tmp_path, Conditions(pins=pins, setup=(("nvpmodel", "-m", "MAXN"),)))
    assert results.facts.unmet == () and len(results.samples_ms["one"]) == 3
    with pytest.raises(DeviceError, match=f"{here.host}: the runner ended with 1: SetupFailed: setup 'false'.*with 1"):
        _run(here, tmp_path, Conditions(setup=(("false",),)))


def test_what_changes_while_it_is_timed_is_told(here: BoardHere, tmp_path: Path) -> None:
    here.tool("nvpmodel", 'echo x >> ~/asked; echo "NV Power Mode: MODE$(wc -l < ~/asked)"')
    results = _run(here, tmp_path, Conditions(steady=("power_mode", "kernel")))
    assert results.samples_ms == {}
    assert results.facts.unmet == ("power_mode wanted steady, found MODE1 before and MODE2 after",)
    assert _run(here, tmp_path, NO_CONDITIONS).facts.unmet == ()
