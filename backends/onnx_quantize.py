"""A model of ONNX in other precisions; what goes in and what comes out stays float32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .onnx_narrow import narrow, narrow_to_4_bits

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array


def realise(model: Any, precision: str, layout: str, calibration: Array) -> Any:
    """``model`` in ``precision``; what cannot be had is refused with the reason."""
    if precision == "float32":
        return model
    ways: dict[str, Callable[[], Any]] = {
        "fp16": lambda: narrow(model, "fp16"),
        "bf16": lambda: narrow(model, "bf16"),
        "int8w": lambda: narrow(model, "int8w"),
        "int4": lambda: narrow_to_4_bits(model),
        "dynamic": lambda: _dynamic(model),
        "int8": lambda: _static(model, layout, 8, calibration),
        "int16x8": lambda: _static(model, layout, 16, calibration),
    }
    # The quantizer raises whatever it stumbles over, down to KeyError and AssertionError.
    try:
        made = ways[precision]()
    except tradeoff.Refused:
        raise
    except Exception as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise tradeoff.Refused("not supported by format", f"ONNX Runtime's quantizer: {told[0][:300]}") from error
    _check(made, precision)
    return made


def _prepared(model: Any, folder: Path) -> str:
    """With all shapes known and with what can be joined joined, as the quantizer wants it."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    given, path = folder / "given.onnx", str(folder / "prepared.onnx")
    # A model that is not in a file would be written with its weights beside it, and not be read again.
    given.write_bytes(model.SerializeToString(deterministic=True))
    # The symbolic inference is for models whose shapes hang together in ways that a Keras layer's do not.
    quant_pre_process(given, path, skip_symbolic_shape=True)
    return path


def _dynamic(model: Any) -> Any:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as name:
        folder = Path(name)
        # Convolutions of signed weights take twice as long as those of unsigned ones.
        quantize_dynamic(_prepared(model, folder), folder / "made.onnx", per_channel=True, weight_type=QuantType.QUInt8)
        return onnx.load(folder / "made.onnx")


def _static(model: Any, layout: str, bits: int, calibration: Array) -> Any:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    options: dict[str, Any] = {"ActivationSymmetric": True} if bits == 16 else dict(_OPTIONS)
    with TemporaryDirectory() as name:
        folder = Path(name)
        quantize_static(
            _prepared(model, folder),
            folder / "made.onnx",
            _reader(calibration),
            quant_format=QuantFormat.QDQ if layout == "qdq" else QuantFormat.QOperator,
            op_types_to_quantize=_operators(),
            per_channel=True,
            # Unsigned activations and signed weights are what x86 and Arm have fast kernels for in both layouts.
            activation_type=QuantType.QInt16 if bits == 16 else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options=options,
        )
        return onnx.load(folder / "made.onnx")


#: What comes next quantizes what it takes; rounding a dense layer's sums before that costs time and accuracy.
_OPTIONS: Final[dict[str, Any]] = {"OpTypesToExcludeOutputQuantization": ["Gemm"]}


#: Samples that the calibration is shown at a time.
_BATCH: Final = 32


def _operators() -> list[str]:
    """All that the quantizer knows but softmax: its result is the model's, and 8 bits of it are no faster."""
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    return sorted((set(QDQRegistry) | set(QLinearOpsRegistry)) - {"Softmax"})


def _reader(calibration: Array) -> Any:
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader

    starts = iter(range(0, len(calibration), _BATCH))

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Array] | None:
            start = next(starts, None)
            if start is None:
                return None
            return {"input": np.ascontiguousarray(calibration[start : start + _BATCH], np.float32)}

    return Reader()


def _check(model: Any, precision: str) -> None:
    """The quantizers leave what they do not know as it is, and say nothing."""
    from onnx import numpy_helper

    sizes: dict[bool, int] = {True: 0, False: 0}
    for constant in model.graph.initializer:
        array = numpy_helper.to_array(constant)
        if array.ndim > 1:
            sizes[array.dtype == "float32"] += array.size
    if sizes[True] > sizes[False]:
        raise tradeoff.Refused(
            "not supported by format",
            f"{precision}: ONNX Runtime leaves {sizes[True]} of {sum(sizes.values())} weights in float32",
        )
