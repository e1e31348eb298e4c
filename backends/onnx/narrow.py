"""Weights in fewer bits, which the runtime unpacks once, when it loads the file.

An operator ``Cast``, and ``Mul`` with a scale, stand between the stored weights and what reads them. The runtime
takes a constant's ``Cast`` and ``Mul`` for a constant, so that a request costs what it costs in float32; it would
do ``DequantizeLinear`` with every request.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: Weights of a dense layer that share a scale.
BLOCK: Final = 32
#: Biases are few, and are added to sums of many products.
_FEW: Final = 2


def narrow(model: Any, kind: str) -> Any:
    """``model`` with the weights of its layers in ``fp16``, ``bf16`` or ``int8w``."""
    return _rewritten(model, lambda name, array, axis: _stored(name, array, axis, kind))


def narrow_to_4_bits(model: Any) -> Any:
    """Dense layers on 4-bit kernels, which round what they are given to 8 bits; other weights are only stored so."""
    from onnxruntime.quantization.onnx_model import ONNXModel

    whole = ONNXModel(_copy(model))
    whole.replace_gemm_with_matmul()
    _use_kernels(whole.model)
    # Few numbers make a depthwise kernel, and each weighs much.
    return _rewritten(
        whole.model,
        lambda name, array, axis: _stored(name, array, axis, "int8w" if _depthwise(array) else "int4"),
    )


def _depthwise(array: Floats) -> bool:
    return array.ndim > _FEW and array.shape[1] == 1


def _copy(model: Any) -> Any:
    made = type(model)()
    made.CopyFrom(model)
    return made


def _rewritten(model: Any, store: Any) -> Any:
    """``model`` with what ``store`` gives for each weight: constants, and the operators that unpack them."""
    from onnx import numpy_helper

    made = _copy(model)
    axes = _channel_axes(made.graph)
    constants, operators = [], []
    for constant in made.graph.initializer:
        array = numpy_helper.to_array(constant)
        if array.dtype != "float32" or array.ndim == 0:
            constants.append(constant)
            continue
        parts, unpacking = store(constant.name, array, axes.get(constant.name, 0))
        constants += parts or [constant]
        operators += unpacking
    nodes = [*operators, *made.graph.node]
    del made.graph.node[:], made.graph.initializer[:]
    made.graph.node.extend(nodes)
    made.graph.initializer.extend(constants)
    return made


def _channel_axes(graph: Any) -> dict[str, int]:
    """Along which axis of each weight its results lie."""
    found = {}
    for node in graph.node:
        for name in node.input[1:]:
            found[name] = {"Gemm": 1, "MatMul": -1, "ConvTranspose": 1}.get(node.op_type, 0)
    return found


def _stored(name: str, array: Floats, axis: int, kind: str) -> tuple[list[Any], list[Any]]:
    import ml_dtypes
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    short = f"{name}/{kind}"
    if kind in {"fp16", "bf16"}:
        # What becomes infinite is seen in the answers.
        with np.errstate(over="ignore"):
            stored = array.astype(np.float16 if kind == "fp16" else ml_dtypes.bfloat16)
        unpack = helper.make_node("Cast", [short], [name], name=f"{name}/Cast", to=TensorProto.FLOAT)
        return [numpy_helper.from_array(stored, short)], [unpack]
    if array.ndim < _FEW:
        return [], []
    most = 127 if kind == "int8w" else 7
    others = tuple(place for place in range(array.ndim) if place != axis % array.ndim)
    scale = _scale(np.abs(array).max(others, keepdims=True), most)
    whole = np.clip(np.rint(array / scale), -most, most).astype(np.int8)
    constants = [
        numpy_helper.from_array(whole if kind == "int8w" else whole.astype(ml_dtypes.int4), short),
        numpy_helper.from_array(scale, f"{name}/scale"),
    ]
    return constants, [
        helper.make_node("Cast", [short], [f"{name}/whole"], name=f"{name}/Cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}/whole", f"{name}/scale"], [name], name=f"{name}/Mul"),
    ]


def _scale(largest: Floats, most: int) -> Floats:
    import numpy as np

    return np.where(largest > 0, largest / np.float32(most), np.float32(1)).astype(np.float32)


def _use_kernels(model: Any) -> None:
    """Have products with a constant matrix done by ONNX Runtime's ``MatMulNBits``."""
    from onnx import helper, numpy_helper

    constants = {constant.name: constant for constant in model.graph.initializer}
    replaced = set()
    for node in model.graph.node:
        constant = constants.get(node.input[1]) if node.op_type == "MatMul" else None
        if constant is None or len(constant.dims) != _FEW:
            continue
        rows, columns = constant.dims
        blocks, scales = _blocks(numpy_helper.to_array(constant))
        parts = (f"{constant.name}/int4", f"{constant.name}/scales")
        if constant.name not in replaced:
            model.graph.initializer.extend(
                [numpy_helper.from_array(blocks, parts[0]), numpy_helper.from_array(scales, parts[1])]
            )
        replaced.add(constant.name)
        node.CopyFrom(
            helper.make_node(
                "MatMulNBits",
                [node.input[0], *parts],
                list(node.output),
                name=node.name,
                domain="com.microsoft",
                K=rows,
                N=columns,
                bits=4,
                block_size=BLOCK,
                accuracy_level=4,
            )
        )
    kept = [constant for constant in model.graph.initializer if constant.name not in replaced]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    if replaced and all(found.domain != "com.microsoft" for found in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _blocks(matrix: Floats) -> tuple[Any, Floats]:
    """For each column its blocks of rows, two numbers in a byte, the first in the lower half; and their scales."""
    import numpy as np

    rows, columns = matrix.shape
    count = math.ceil(rows / BLOCK)
    padded = np.zeros((columns, count * BLOCK), np.float32)
    padded[:, :rows] = matrix.T
    split = padded.reshape(columns, count, BLOCK)
    scale = _scale(np.abs(split).max(-1, keepdims=True), 7)
    # Where no zero points are given, 8 stands for nothing.
    whole = (np.clip(np.rint(split / scale), -7, 7) + 8).astype(np.uint8)
    return whole[..., 0::2] | (whole[..., 1::2] << 4), scale.reshape(-1)
