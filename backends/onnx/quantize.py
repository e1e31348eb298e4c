"""A model of ONNX in other precisions; what goes in and what comes out stays float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from ..layerwise import LAYERWISE
from .narrow import narrow, narrow_to_4_bits

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array, Ranges


@dataclass(frozen=True)
class Learnt:
    """What a training has found out for the quantization.

    :param ranges: the smallest and the largest value of results, by their names in the graph.
    :param per_tensor: whether the kernels were trained with one scale each.
    """

    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    per_tensor: bool = False


def learnt_ranges(ranges: Ranges, results: Mapping[str, str]) -> Learnt:
    """Ranges of layers as those of what they give; of kernels, there are some where each has one scale."""
    found = {results[layer]: edges for layer, edges in ranges.items() if layer in results}
    return Learnt(found, any("/" in name for name in ranges))


def realise(
    model: Any,
    precision: str,
    layout: str,
    calibration: Array,
    learnt: Learnt | None = None,
    left: Sequence[str] = (),
) -> Any:
    """``model`` in ``precision``; what cannot be had is refused with the reason.

    :param left: the operators that ``layerwise`` leaves in floating point.
    """
    if precision == "float32":
        return model
    ways: dict[str, Callable[[], Any]] = {
        "fp16": lambda: narrow(model, "fp16"),
        "bf16": lambda: narrow(model, "bf16"),
        "int8w": lambda: narrow(model, "int8w"),
        "int4": lambda: narrow_to_4_bits(model),
        "dynamic": lambda: _dynamic(model),
        LAYERWISE: lambda: _dynamic(model, left),
        "int8": lambda: _static(model, layout, 8, calibration, learnt or Learnt()),
        "int16x8": lambda: _static(model, layout, 16, calibration, Learnt()),
    }
    # The quantizer raises whatever it stumbles over, down to KeyError and AssertionError.
    try:
        made = ways[precision]()
    except tradeoff.Refused:
        raise
    except Exception as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise tradeoff.Refused("not supported by format", f"ONNX Runtime's quantizer: {told[0][:300]}") from error
    if precision != LAYERWISE:
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


def _dynamic(model: Any, left: Sequence[str] = ()) -> Any:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as name:
        folder = Path(name)
        # Convolutions of signed weights take twice as long as those of unsigned ones.
        quantize_dynamic(
            _prepared(model, folder),
            folder / "made.onnx",
            per_channel=True,
            weight_type=QuantType.QUInt8,
            nodes_to_exclude=list(left),
        )
        return onnx.load(folder / "made.onnx")


def _static(model: Any, layout: str, bits: int, calibration: Array, learnt: Learnt) -> Any:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    options: dict[str, Any] = {"ActivationSymmetric": True} if bits == 16 else dict(_OPTIONS)
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepared = _prepared(model, folder)
        options = _with_ranges(options, prepared, learnt)
        quantize_static(
            prepared,
            folder / "made.onnx",
            _reader(calibration),
            quant_format=QuantFormat.QDQ if layout == "qdq" else QuantFormat.QOperator,
            op_types_to_quantize=_operators(),
            per_channel=not learnt.per_tensor,
            # Unsigned activations and signed weights are what x86 and Arm have fast kernels for in both layouts.
            activation_type=QuantType.QInt16 if bits == 16 else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options=options,
        )
        return onnx.load(folder / "made.onnx")


def _with_ranges(options: dict[str, Any], path: str, learnt: Learnt) -> dict[str, Any]:
    """The options with what the quantizer is to take for results instead of what it has found itself."""
    import onnx

    if not learnt.ranges:
        return options
    nodes = onnx.load(path).graph.node
    symmetric = all(-low > high for low, high in learnt.ranges.values())
    ranges = _spread(dict(learnt.ranges), nodes, symmetric)
    # It objects to names that preparing the graph has done away with.
    there = {name for node in nodes for name in (*node.input, *node.output)}
    overrides = {name: [_grid(*edges)] for name, edges in ranges.items() if name in there}
    return {**options, "ActivationSymmetric": symmetric, "TensorQuantOverrides": overrides}


def _spread(ranges: dict[str, tuple[float, float]], nodes: Sequence[Any], symmetric: bool) -> dict[str, Any]:
    """The ranges also of what has the same ones: numbers that are only moved, and what a rectifier cuts off."""
    for node in nodes:
        if node.op_type in _MOVING and node.input[0] in ranges:
            ranges.setdefault(node.output[0], ranges[node.input[0]])
    # Without negative numbers a rectifier is nothing but the range of what comes before it.
    alike = _MOVING if symmetric else _MOVING | _RECTIFYING
    for node in reversed(nodes):
        if node.op_type in alike and node.output[0] in ranges:
            ranges.setdefault(node.input[0], ranges[node.output[0]])
    return ranges


_MOVING: Final = frozenset({"Reshape", "Flatten", "Transpose", "MaxPool", "Squeeze", "Unsqueeze"})
_RECTIFYING: Final = frozenset({"Relu", "Clip"})


def _grid(low: float, high: float) -> dict[str, Any]:
    import numpy as np

    scale = (high - low) / _STEPS
    return {"scale": np.array(scale, np.float32), "zero_point": np.array(round(-low / scale), np.uint8)}


#: Between the edges of a range.
_STEPS: Final = 255
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
