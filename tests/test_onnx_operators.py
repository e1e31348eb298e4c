"""Files of strangers: nothing outside their folder is opened, what cannot run is refused, what can run does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tradeoff
from tradeoff.backends.onnx.backend import OnnxRuntimeBackend
from tradeoff.backends.onnx.operators import DOMAINS, check_onnx
from tradeoff.formats.onnx_contents import read_contents

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.frameworks
BACKEND = OnnxRuntimeBackend()
PARAMETERS = {"threads": 1, "layout": "qdq", "optimization": "all"}
X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=(4, 2)).astype(np.float32)


def tensor(where: str | None = None, name: str = "w") -> Any:
    """The weights, or a promise that they lie at ``where``."""
    made = onnx.numpy_helper.from_array(WEIGHTS, name)
    if where is not None:
        made.ClearField("raw_data")
        made.data_location = onnx.TensorProto.EXTERNAL
        made.external_data.add(key="location", value=where)
    return made


def node(kind: str = "MatMul", domain: str = "", inputs: tuple[str, ...] = ("x", "w"), **attributes: Any) -> Any:
    return onnx.helper.make_node(kind, list(inputs), ["y"], domain=domain, **attributes)


def model(
    *nodes: Any,
    constants: tuple[Any, ...] | None = None,
    batch: int | str = "batch",
    kind: int = 1,
    functions: tuple[Any, ...] = (),
    inputs: tuple[str, ...] = ("x",),
    outputs: tuple[str, ...] = ("y",),
) -> Any:
    """A product with constant weights, or what else is given."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        list(nodes or (node(),)),
        "g",
        [value(name, kind, [batch, 4]) for name in inputs],
        [value(name, kind, None) for name in outputs],
        [tensor()] if constants is None else list(constants),
    )
    opsets = [onnx.helper.make_opsetid(domain, 21 if not domain else 1) for domain in ("", "com.microsoft", "com.evil")]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=list(functions))


def written(folder: Path, made: Any) -> Path:
    path = folder / "theirs.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def load(path: Path) -> tradeoff.Runner:
    return BACKEND.load(tradeoff.Loading(path, PARAMETERS, "host-cpu"))


def test_a_file_of_somebody_else_runs_with_batches_of_any_size(tmp_path: Path) -> None:
    runner = load(written(tmp_path, model()))
    for size in (3, 1):
        assert np.allclose(runner.bind(X[:size])(), X[:size] @ WEIGHTS, atol=1e-6)


def test_a_fixed_batch_is_taken_and_every_other_refused(tmp_path: Path) -> None:
    runner = load(written(tmp_path, model(batch=3)))
    assert np.allclose(runner.bind(X)(), X @ WEIGHTS, atol=1e-6)
    with pytest.raises(tradeoff.Refused, match=r"not supported by format: .*takes 3 x 4 alone, .* is 1 x 4"):
        runner.bind(X[:1])


@pytest.mark.parametrize("shape", [(3, 5), (3, 2, 2), (3,)])
def test_samples_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(tradeoff.Refused, match="takes any x 4 alone"):
        load(written(tmp_path, model())).bind(np.zeros(shape, np.float32))


@pytest.mark.parametrize(("kind", "name"), [(10, np.float16), (11, np.float64)])
def test_other_floats_are_taken_and_float32_is_given(tmp_path: Path, kind: int, name: type) -> None:
    constant = onnx.numpy_helper.from_array(WEIGHTS.astype(name), "w")
    found = load(written(tmp_path, model(constants=(constant,), kind=kind))).bind(X)()
    assert found.dtype == np.float32
    assert np.allclose(found, X @ WEIGHTS, atol=0.01)


def test_whole_numbers_are_refused(tmp_path: Path) -> None:
    made = model(node("Identity", inputs=("x",)), constants=(), kind=onnx.TensorProto.INT64)
    with pytest.raises(tradeoff.Refused, match=r"not implemented here: .* takes tensor\(int64\)"):
        load(written(tmp_path, made))


def test_a_shape_that_is_not_what_the_file_says_is_an_error_and_no_overflow(tmp_path: Path) -> None:
    one = onnx.numpy_helper.from_array(np.ones((1, 1), np.float32), "w")
    sizes = onnx.helper.make_node("Shape", ["x"], ["sizes"])
    made = model(sizes, node("Expand", inputs=("w", "sizes")), constants=(one,))
    made.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y", 1, ["batch", 1]))
    runner = load(written(tmp_path, made))
    with pytest.raises(RuntimeError, match="Expand"):
        runner.bind(X)()


def test_two_inputs_and_two_outputs_are_refused(tmp_path: Path) -> None:
    for edges in ({"inputs": ("x", "w")}, {"outputs": ("y", "z")}):
        second = onnx.helper.make_node("Identity", ["y"], ["z"])
        made = model(node(), second, constants=() if "inputs" in edges else None, **edges)
        with pytest.raises(tradeoff.Refused, match="not one of each"):
            load(written(tmp_path, made))


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "theirs.onnx"
    for content in (b"PK\x03\x04", b"hello, I am a text", bytes(100), b"\x08\x0a"):
        path.write_bytes(content)
        with pytest.raises(tradeoff.BadInput, match=r"theirs\.onnx is not an ONNX file"):
            check_onnx(path)
    path.write_bytes(b"")
    with pytest.raises(tradeoff.BadInput, match=r"theirs\.onnx is empty"):
        check_onnx(path)
    with pytest.raises(tradeoff.BadInput, match="is a folder"):
        check_onnx(tmp_path)
    with pytest.raises(tradeoff.BadInput, match="there is no such file"):
        check_onnx(tmp_path / "missing.onnx")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "theirs.onnx")
    with pytest.raises(tradeoff.BadInput, match="is a named pipe"):
        check_onnx(tmp_path / "theirs.onnx")


def test_what_the_runtime_cannot_load_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, model(node("NoSuchOperator")))
    with pytest.raises(tradeoff.BadInput, match=r"theirs\.onnx cannot be loaded by ONNX Runtime: .*NoSuchOperator"):
        load(path)


def test_what_fails_with_the_first_request_is_named(tmp_path: Path) -> None:
    to = onnx.numpy_helper.from_array(np.array([7, 7]), "w")
    with pytest.raises(tradeoff.BadInput, match=r"theirs\.onnx cannot be run by ONNX Runtime"):
        load(written(tmp_path, model(node("Reshape"), constants=(to,)))).bind(X)


# --- weights elsewhere ------------------------------------------------------------------------------


def test_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    for where in ("weights.bin", "deeper/weights.bin"):
        (tmp_path / where).write_bytes(WEIGHTS.tobytes())
        assert np.allclose(load(written(tmp_path, model(constants=(tensor(where),)))).bind(X)(), X @ WEIGHTS, atol=1e-6)


#: Each leads to a file that is there, one folder above the model's.
OUTSIDE: dict[str, Callable[[Path], str]] = {
    "an absolute path": lambda secret: str(secret),
    "a way up": lambda secret: "../secret",
    "a way down and up": lambda secret: "deeper/../../secret",
    "nothing": lambda secret: "",
    "the folder itself": lambda secret: ".",
    "a path of Windows": lambda secret: "..\\secret",
    "a drive": lambda secret: "C:secret",
    "a zero": lambda secret: "weights\0.bin",
    "memory": lambda secret: "*/_ORT_MEM_ADDR_/*",
}


@pytest.mark.parametrize("way", OUTSIDE)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, way: str) -> None:
    (tmp_path / "secret").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "model" / "deeper").mkdir(parents=True)
    path = written(tmp_path / "model", model(constants=(tensor(OUTSIDE[way](tmp_path / "secret")),)))
    with pytest.raises(tradeoff.BadInput, match="leads out of its folder") as caught:
        load(path)
    assert str(caught.value).isprintable()


def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(WEIGHTS.tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "linked").symlink_to(tmp_path / "outside")
    (folder / "secret").symlink_to(tmp_path / "outside" / "secret")
    for where in ("linked/secret", "secret"):
        with pytest.raises(tradeoff.BadInput, match="is a link"):
            load(written(folder, model(constants=(tensor(where),))))


def test_weights_that_are_missing_or_a_folder_or_a_pipe_are_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for where, message in (("missing", "no such file"), ("folder", "no plain file"), ("pipe", "no plain file")):
        with pytest.raises(tradeoff.BadInput, match=message):
            load(written(tmp_path, model(constants=(tensor(where),))))


def hidden(way: str, secret: Any) -> Any:
    """A model with ``secret``, a tensor, in another place than among its constants."""
    helper = onnx.helper
    inner = helper.make_graph([helper.make_node("Identity", ["w"], ["z"])], "i", [], [], [secret])
    if way == "a constant operator":
        return model(helper.make_node("Constant", [], ["w"], value=secret), node(), constants=())
    if way == "a list of tensors":
        return model(node(many=[secret]))
    if way == "a graph inside an operator":
        return model(node(then=inner))
    if way == "a list of graphs":
        return model(node(graphs=[inner]))
    if way == "graphs inside graphs":
        for _ in range(20):
            inner = helper.make_graph([node(then=inner)], "i", [], [])
        return model(node(then=inner))
    if way == "a function":
        body = helper.make_node("Constant", [], ["o"], value=secret)
        function = helper.make_function("com.evil", "F", [], ["o"], [body], [helper.make_opsetid("", 21)])
        return model(functions=(function,))
    if way == "a sparse constant":
        made = model()
        made.graph.sparse_initializer.add().indices.CopyFrom(secret)
        return made
    made = model()
    made.training_info.add().initialization.initializer.append(secret)
    return made


@pytest.mark.parametrize(
    "way",
    [
        "a constant operator",
        "a list of tensors",
        "a graph inside an operator",
        "a list of graphs",
        "graphs inside graphs",
        "a function",
        "a sparse constant",
        "what is for training",
    ],
)
def test_every_place_where_a_path_can_stand_is_looked_at(tmp_path: Path, way: str) -> None:
    path = written(tmp_path, hidden(way, tensor("../secret")))
    with pytest.raises(tradeoff.BadInput, match=r"'\.\./secret', which leads out of its folder"):
        check_onnx(path)


def test_of_two_fields_none_hides_the_other(tmp_path: Path) -> None:
    path = tmp_path / "theirs.onnx"
    # Readers join the two: constants of the first belong to the model as much as those of the second.
    path.write_bytes(model(constants=(tensor("../secret"),)).SerializeToString() + model().SerializeToString())
    with pytest.raises(tradeoff.BadInput, match="leads out of its folder"):
        check_onnx(path)


def test_graphs_inside_graphs_without_end_are_refused(tmp_path: Path) -> None:
    inner = onnx.helper.make_graph([node()], "i", [], [])
    blob = inner.SerializeToString()
    for _ in range(100):
        # A graph as an attribute of an operator of a graph.
        for key in (b"\x32", b"\x2a", b"\x0a"):
            blob = key + _length(blob) + blob
    path = tmp_path / "theirs.onnx"
    path.write_bytes(b"\x3a" + _length(blob) + blob)
    with pytest.raises(tradeoff.BadInput, match="without end"):
        check_onnx(path)


def _length(blob: bytes) -> bytes:
    number, made = len(blob), bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


# --- operators --------------------------------------------------------------------------------------


def test_operators_of_a_library_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, model(node("Steal", "com.evil\x1b[31m")))
    with pytest.raises(tradeoff.Refused, match=r"not supported by format: .* uses operators of com\.evil") as caught:
        load(path)
    assert str(caught.value).isprintable()


def test_functions_that_a_file_brings_itself_are_none_of_a_library(tmp_path: Path) -> None:
    helper = onnx.helper
    body = [helper.make_node("MatMul", ["a", "b"], ["c"])]
    function = helper.make_function("com.evil", "Mine", ["a", "b"], ["c"], body, [helper.make_opsetid("", 21)])
    runner = load(written(tmp_path, model(node("Mine", "com.evil"), functions=(function,))))
    assert np.allclose(runner.bind(X)(), X @ WEIGHTS, atol=1e-6)


def test_what_was_compiled_for_an_accelerator_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, model(node("EPContext", "com.microsoft", ep_cache_context="../secret", embed_mode=0)))
    with pytest.raises(tradeoff.Refused, match="compiled for an accelerator"):
        load(path)


def test_the_runtimes_own_operators_are_known(tmp_path: Path) -> None:
    assert "com.microsoft" in DOMAINS
    contents = read_contents(written(tmp_path, model(node("FusedMatMul", "com.microsoft"))))
    assert contents.operators == {("com.microsoft", "FusedMatMul")}
    assert np.allclose(load(tmp_path / "theirs.onnx").bind(X)(), X @ WEIGHTS, atol=1e-6)
