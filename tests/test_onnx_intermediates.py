"""A file of ONNX tells what it computes: each result of an operator, integers as what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tradeoff.backends.onnx.intermediates import intermediates  # noqa: E402 - it needs both
from tradeoff.formats.keras_layers import LayerOutput  # noqa: E402
from tradeoff.parity.layers import compare_layers  # noqa: E402

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(5, 2, 3, 3)).astype(np.float32)
WEIGHTS = RNG.normal(size=(5, 3)).astype(np.float32)
X = RNG.normal(size=(4, 2, 6, 6)).astype(np.float32)
SCALE = np.float32(0.02)


def node(kind: str, *inputs: str, to: str, **options: Any) -> Any:
    return onnx.helper.make_node(kind, list(inputs), [to], name=to, **options)


def saved(folder: Path, *nodes: Any, **constants: Any) -> Path:
    """A file with these operators, from ``x`` to ``y``."""
    shape = ["batch", *X.shape[1:]]
    graph = onnx.helper.make_graph(
        nodes,
        "net",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_empty_tensor_value_info("y")],
        [onnx.numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    path = folder / "model.onnx"
    onnx.save(made, path)
    return path


def net(folder: Path, kernel: Any = KERNEL) -> Path:
    return saved(
        folder,
        node("Conv", "x", "kernel", to="conv/Conv", pads=[1, 1, 1, 1]),
        node("Relu", "conv/Conv", to="conv/Relu"),
        node("ReduceMean", "conv/Relu", to="pool", axes=[2, 3], keepdims=0),
        node("MatMul", "pool", "weights", to="dense/MatMul"),
        node("Softmax", "dense/MatMul", to="y"),
        kernel=kernel,
        weights=WEIGHTS,
    )


def test_every_result_is_told_in_order(tmp_path: Path) -> None:
    found = intermediates(net(tmp_path), X)
    assert list(found) == ["conv/Conv", "conv/Relu", "pool", "dense/MatMul", "y"]
    np.testing.assert_array_equal(found["conv/Relu"], np.maximum(found["conv/Conv"], 0))
    np.testing.assert_allclose(found["dense/MatMul"], found["pool"] @ WEIGHTS, rtol=1e-4, atol=1e-5)
    assert found["y"].shape == (4, 3)


def test_the_file_is_left_as_it_was(tmp_path: Path) -> None:
    path = net(tmp_path)
    before = path.read_bytes()
    intermediates(path, X)
    assert path.read_bytes() == before


def test_a_wrong_kernel_is_found_at_its_layer(tmp_path: Path) -> None:
    right = intermediates(net(tmp_path), X)
    kinds = {"conv": "conv/Relu", "pool": "pool", "dense": "y"}
    # Keras has its channels last.
    layers = [
        LayerOutput(name, name, np.moveaxis(right[tensor], 1, -1) if right[tensor].ndim == 4 else right[tensor])
        for name, tensor in kinds.items()
    ]
    good = compare_layers(layers, intermediates(net(tmp_path), X))
    assert [(row.tensor, row.exact) for row in good] == [(tensor, True) for tensor in kinds.values()]
    wrong = compare_layers(layers, intermediates(net(tmp_path, KERNEL[::-1]), X))
    assert next(row.layer for row in wrong if row.beyond(20)) == "conv"


def test_integers_are_told_as_what_they_stand_for_and_unpacked_weights_not_at_all(tmp_path: Path) -> None:
    packed = np.round(WEIGHTS / SCALE).astype(np.int8)
    path = saved(
        tmp_path,
        node("ReduceMean", "x", to="pool", axes=[2, 3], keepdims=0),
        node("QuantizeLinear", "pool", "scale", "zero", to="pool_quantized"),
        node("DequantizeLinear", "pool_quantized", "scale", "zero", to="pool_again"),
        node("DequantizeLinear", "packed", "scale", "zero", to="weights"),
        node("MatMul", "pool_again", "weights", to="y"),
        packed=packed[:2],
        scale=SCALE,
        zero=np.int8(0),
    )
    found = intermediates(path, X)
    assert list(found) == ["pool", "pool_quantized", "pool_again", "y"]
    np.testing.assert_array_equal(found["pool_quantized"], found["pool_again"])
    np.testing.assert_allclose(found["pool_quantized"], found["pool"], atol=SCALE)


def test_shapes_and_indices_are_not_told(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        node("Shape", "x", to="shape"),
        node("Reshape", "x", "shape", to="same"),
        node("Relu", "same", to="y"),
    )
    assert list(intermediates(path, X)) == ["same", "y"]
