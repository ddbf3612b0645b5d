"""The table by slice: figures of what ships, nothing where a report has no slices."""

from __future__ import annotations

from compress.records import BuildList, QualityReport, QualityRow, Slice, SpeedReport, VerdictRecord
from compress.report.markdown import markdown_report
from compress.report.rows import Results


def _report(*slices: Slice) -> str:
    rows = tuple(
        QualityRow(
            variant="int8", runtime=runtime, psnr_db=(low, 20.0, 24.0), ssim=(0.5, 0.7, 0.9), psnr_gtmean_db=(1.0,) * 3
        )
        for runtime, low in (("onnx", 1.0), ("openvino", 10.0))
    )  # fmt: skip
    quality = QualityReport(
        definition="as ever", decoder="Pillow", data_digest="d" * 64, data_kind="paired", images=("a", "b", "c"),
        rows=rows, slices=slices,
    )  # fmt: skip
    speed = SpeedReport(device="none", fingerprint={}, rows=(), not_measured="no device")
    results = Results(BuildList(builds=()), quality, speed, "openvino")
    return markdown_report("title", results, VerdictRecord(result="pass", checks=()))


def test_each_slice_has_its_line_through_the_devices_runtime() -> None:
    text = _report(Slice(name="night", rule="named a|b", images=("a", "b")), Slice(name="day", rule="", images=("c",)))
    assert "## By slice: INT8 through openvino\n" in text
    assert "| night | 2 | 15.00 | 10.00 | 0.600 | named a\\|b |" in text
    assert "| day | 1 | 24.00 | 24.00 | 0.900 |  |" in text


def test_without_slices_there_is_no_table() -> None:
    assert "By slice" not in _report()
