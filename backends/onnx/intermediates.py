"""What a ``.onnx`` file computes between its input and its output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tradeoff

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: What an operator of the older layout gives is of integers; these of its inputs say what they stand for.
_SCALES: Final[Mapping[str, tuple[int, int]]] = {
    "QLinearConv": (6, 7),
    "QLinearMatMul": (6, 7),
    "QGemm": (7, 8),
    "QLinearAdd": (6, 7),
    "QLinearMul": (6, 7),
    "QLinearSigmoid": (3, 4),
    "QLinearLeakyRelu": (3, 4),
    "QLinearSoftmax": (3, 4),
    "QLinearAveragePool": (3, 4),
    "QLinearGlobalAveragePool": (3, 4),
}


def intermediates(path: Path, batch: Array) -> Mapping[str, Array]:
    """The results of its operators for ``batch``, in the order in which they run; quantized ones as floats.

    The graph runs as it stands in the file: whatever the runtime would make of it first has no names.
    """
    import numpy as np
    import onnx

    model = onnx.load(path)
    wanted = list(_results(model.graph))
    given = {output.name for output in model.graph.output}
    for name in wanted:
        if name not in given:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = _session(model)
    taken = session.get_inputs()[0]
    kind = np.float16 if taken.type == "tensor(float16)" else np.float32
    values = session.run(wanted, {taken.name: np.ascontiguousarray(batch, dtype=kind)})
    scales = dict(_scales(model.graph))
    shown = ((name, _as_floats(found, scales.get(name))) for name, found in zip(wanted, values, strict=True))
    return {name: found for name, found in shown if found is not None}


def _results(graph: Any) -> Iterator[str]:
    """What depends on the input: weights that are only unpacked are no results."""
    fixed = {one.name for one in graph.initializer}
    reached = {one.name for one in graph.input} - fixed
    for node in graph.node:
        if reached & set(node.input):
            outputs = [name for name in node.output if name]
            reached.update(outputs)
            yield from outputs


def _session(model: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    # It raises errors of several classes, which have no common base of their own.
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        first = str(error).strip().partition("\n")[0][:300]
        raise tradeoff.Refused("not supported by format", f"not with all its results: {first}") from error


def _scales(graph: Any) -> Iterator[tuple[str, tuple[Array, Array]]]:
    """What the integers of an output stand for, where its operator or the one before it says so."""
    import onnx

    stored = {one.name: one for one in graph.initializer}
    for node in graph.node:
        places = (1, 2) if node.op_type == "QuantizeLinear" else _SCALES.get(node.op_type)
        if places is None or max(places) >= len(node.input):
            continue
        told = [stored.get(node.input[place]) for place in places]
        found = [onnx.numpy_helper.to_array(one) for one in told if one is not None]
        if len(found) == len(places):
            yield node.output[0], (found[0], found[1])


def _as_floats(values: Any, scale: tuple[Array, Array] | None) -> Array | None:
    """``values`` as what they stand for; nothing for shapes and indices, which stand for themselves."""
    import numpy as np

    if not isinstance(values, np.ndarray):
        return None
    if np.issubdtype(values.dtype, np.floating):
        return np.asarray(values, np.float32)
    if scale is None or scale[0].size != 1:
        return None
    stands_for: Array = (values.astype(np.float32) - np.float32(scale[1].item())) * np.float32(scale[0].item())
    return stands_for
