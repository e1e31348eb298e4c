"""What a ``.tflite`` file computes between its input and its output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array


def intermediates(artifact: Path, batch: Array) -> Mapping[str, Array]:
    """The results of its operators for ``batch``, in the order in which they run; quantized ones as floats.

    LiteRT's own kernels compute them: with XNNPACK, which a request runs on, the graph is one operator of tensors
    that nobody sees.
    """
    import numpy as np

    interpreter = _preserving(artifact)
    (taken,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(taken["index"], batch.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken["index"], np.ascontiguousarray(batch, dtype=taken["dtype"]))
    interpreter.invoke()
    details = {found["index"]: found for found in interpreter.get_tensor_details()}
    found: dict[str, Array] = {}
    for index in _results(interpreter, taken["index"]):
        values = _as_floats(interpreter.get_tensor(index), details[index])
        if values is not None:
            name = details[index]["name"]
            found[name if name not in found else f"{name} #{index}"] = values
    return found


def _preserving(artifact: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_path=str(artifact),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


def _results(interpreter: Any, source: int) -> Iterator[int]:
    """What depends on the input: weights that are only unpacked are no results."""
    reached = {source}
    # There is no public list of operators.
    for operator in interpreter._get_ops_details():
        if reached & {int(index) for index in operator["inputs"]}:
            outputs = [int(index) for index in operator["outputs"]]
            reached.update(outputs)
            yield from outputs


def _as_floats(values: Array, details: Mapping[str, Any]) -> Array | None:
    """``values`` as what they stand for; nothing for shapes and indices, which stand for themselves."""
    import numpy as np

    if np.issubdtype(values.dtype, np.floating):
        return values.astype(np.float32)
    told = details["quantization_parameters"]
    if len(told["scales"]) != 1:
        return None
    shifted = values.astype(np.float32) - np.float32(told["zero_points"][0])
    return shifted * np.float32(told["scales"][0])
