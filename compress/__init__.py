"""compress: from a trained camera network to a signed, measured build for a device."""

import sys

__version__ = "0.1.0"

# OpenVINO tells a statistics service of every import, unless its package for that can't be had.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
