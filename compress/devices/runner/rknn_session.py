"""RKNN builds through Rockchip's rknn-toolkit-lite2, on the NPU.

Not run on a board yet: written after Rockchip's API (airockchip/rknn-toolkit2, rknn-toolkit-lite2/examples) and tried
against a stand-in for the order of its calls only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from .no_runtime import NoRuntime


class Rknn:
    """RKNNLite. ``cores``: which of the NPU's, by its own names, like NPU_CORE_0; None where there is but one.

    One call of it also converts what goes in and what comes out (int8 to float32), on the CPU: that is in the times.
    """

    def __init__(self, path: Path, threads: int, float_precision: str, cores: str | None = None) -> None:
        try:
            from rknnlite.api import RKNNLite
        except ImportError:
            raise NoRuntime(
                "no RKNN runtime here; pip install rknn-toolkit-lite2, and librknnrt.so in /usr/lib"
            ) from None
        if cores is not None and not hasattr(RKNNLite, cores):
            raise ValueError(f"rknn-toolkit-lite2 knows no {cores}; correct target.device.cores")
        self._lite = RKNNLite()
        _sound(self._lite.load_rknn(str(path)), f"load_rknn refuses {path.name}: made for another chip, or cut short")
        asked = {} if cores is None else {"core_mask": getattr(RKNNLite, cores)}
        _sound(
            self._lite.init_runtime(**asked), "init_runtime fails: driver, librknnrt.so and toolkit must fit together"
        )

    def run(self, x: Any) -> Any:
        """The answers to one tensor, uint8 NHWC as the build takes it: float32 NCHW, in the order of its graph."""
        import numpy

        return [numpy.asarray(each).copy() for each in self._run(x)]

    def infer(self, x: Any) -> Any:
        """The first of ``run``."""
        return self.run(x)[0]

    def prepare(self, x: Any) -> Callable[[], Any]:
        """A call that runs the build on ``x``."""
        self.infer(x)
        return lambda: self._run(x)

    def _run(self, x: Any) -> Any:
        answers = self._lite.inference(inputs=[x], data_format=["nhwc"])
        if not answers:
            raise RuntimeError("inference gives nothing: the NPU refused the call; see dmesg")
        return answers


def _sound(code: Any, problem: str) -> None:
    if code != 0:
        raise RuntimeError(f"{problem} (code {code})")
