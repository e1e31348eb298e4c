"""OpenVINO itself, kept from reporting to its makers that it was imported: a benchmark talks to nobody."""

import sys

sys.modules.setdefault("openvino_telemetry", None)

from openvino import Core, Tensor, save_model  # noqa: E402
from openvino.frontend import FrontEndManager  # noqa: E402

__all__ = ["Core", "FrontEndManager", "Tensor", "save_model"]
