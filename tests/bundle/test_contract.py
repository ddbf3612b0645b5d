"""What a contract says is compared with the files themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_builds import make_build, tensor

from compress.bundle.contract import check_build, read_ports
from compress.errors import BuildError


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
@pytest.mark.parametrize("shape", [(1, 3, 8, 16), (1, 3, "height", "width")])
def test_what_is_so_passes(tmp_path: Path, runtime: str, shape: tuple[int | str, ...]) -> None:
    check_build(make_build(tmp_path, runtime, shape), tmp_path)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_every_difference_is_named(tmp_path: Path, runtime: str) -> None:
    build = make_build(tmp_path, runtime)
    true = build.contract.output
    lie = build.contract.model_copy(
        update={"input": tensor("image", 1, 3, 8, 8), "output": true.model_copy(update={"dtype": "int8"})}
    )
    with pytest.raises(BuildError) as caught:
        check_build(build.model_copy(update={"contract": lie, "size_bytes": 1}), tmp_path)
    text = str(caught.value)
    shape, dtype = str(list(true.shape)), f"output is {true.dtype}"
    for part in ("named dark", "says image", shape, "[1, 3, 8, 8]", dtype, "json says 1"):
        assert part in text
    assert "\n" not in text


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_broken_and_missing_files(tmp_path: Path, runtime: str) -> None:
    build = make_build(tmp_path, runtime)
    main = tmp_path / build.files[0]
    main.write_bytes(main.read_bytes()[: main.stat().st_size // 2])
    with pytest.raises(BuildError, match=rf"can't read {main.name} back") as caught:
        check_build(build, tmp_path)
    assert "\n" not in str(caught.value)
    main.unlink()
    with pytest.raises(BuildError, match=f"missing {main.name}"):
        check_build(build, tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    build = make_build(tmp_path, "onnx").model_copy(update={"runtime": "rknn"})
    with pytest.raises(BuildError, match="not a whole .rknn file"):
        read_ports(build, tmp_path)
