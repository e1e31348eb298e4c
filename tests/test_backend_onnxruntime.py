"""Backend onnxruntime: files that are what was asked for, and requests that cost what the runtime costs."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from mutations import fates, mutations
from promises import (
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays,
    answers_as_keras_does,
    calls_of_several_batch_sizes_stay_valid,
    two_calls_of_one_size_answer_for_their_own_data,
)
from trained import NOISE, conversion, data, silent, task, trained_file

import tradeoff
from tradeoff import quality, training
from tradeoff.backends.onnx.backend import OnnxRuntimeBackend
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense
from tradeoff.spelling import Value

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = OnnxRuntimeBackend()
PRECISIONS = BACKEND.capabilities.precisions
DEFAULTS: dict[str, Value] = {"threads": 1, "layout": "qdq", "optimization": "all"}


@cache
def artifact(precision: str = "float32", layout: str = "qdq") -> Path:
    """The trained net in ``precision``, converted once."""
    return converted(Path(mkdtemp(prefix="tradeoff-onnx-")), precision, layout=layout)


def converted(folder: Path, precision: str = "float32", model_file: Path | None = None, layout: str = "qdq") -> Path:
    job = conversion(folder, precision, model_file)
    return BACKEND.convert(tradeoff.Conversion(**{**vars(job), "parameters": {**DEFAULTS, "layout": layout}}))


def loading(path: Path, **parameters: Value) -> tradeoff.Loading:
    return tradeoff.Loading(path, {**DEFAULTS, **parameters}, "host-cpu")


def runner(path: Path, **parameters: Value) -> tradeoff.Runner:
    return BACKEND.load(loading(path, **parameters))


def graph(path: Path) -> Any:
    import onnx

    return onnx.load(path).graph


def kinds(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in graph(path).node)


@cache
def trained_model(module: ModuleType) -> Path:
    """One of the larger nets, trained for as long as it takes to be worth a comparison."""
    training.set_seed(0)
    model = module.build()
    recipe = tradeoff.Recipe(epochs=4 if module is cnn else 20, batch_size=64, learning_rate=5e-3)
    training.train(model, recipe, data().train, data().validation, task(), 0, silent)
    path = Path(mkdtemp(prefix="tradeoff-onnx-")) / "model.keras"
    keras_files.save_model(model, path)
    return path


def test_float32_answers_as_keras_does() -> None:
    answers_as_keras_does(runner(artifact()))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("module", [None, dense, cnn], ids=["ds_cnn", "dense", "cnn"])
def test_every_precision_keeps_the_answers_of_every_model(
    tmp_path: Path, precision: str, module: ModuleType | None
) -> None:
    path = trained_model(module) if module else trained_file()
    outputs = runner(converted(tmp_path, precision, path)).bind(data().test.x)()
    assert outputs.dtype == np.float32
    assert outputs.shape == (360, 10)
    reference = keras_files.outputs_of(keras_files.load_model(path), data().test.x)
    lost = quality.judge(reference, data().test.y, task())["accuracy"]
    lost -= quality.judge(outputs, data().test.y, task())["accuracy"]
    assert lost <= 0.015
    assert float((outputs.argmax(1) == reference.argmax(1)).mean()) >= 0.98


def test_smaller_numbers_make_smaller_files() -> None:
    sizes = {precision: artifact(precision).stat().st_size for precision in PRECISIONS}
    parts = {precision: size / sizes["float32"] for precision, size in sizes.items()}
    assert parts["fp16"] < 0.6
    assert parts["bf16"] < 0.6
    assert parts["int8"] < 0.6
    assert parts["dynamic"] < 0.5
    assert parts["int8w"] < 0.4
    assert parts["int16x8"] < 0.6
    assert parts["int4"] < 0.3


def test_int8_has_8_bits_on_both_sides_of_every_layer_with_weights() -> None:
    from onnx import numpy_helper

    found = graph(artifact("int8"))
    constants = {constant.name: numpy_helper.to_array(constant) for constant in found.initializer}
    unpacked = {node.output[0]: node.input for node in found.node if node.op_type == "DequantizeLinear"}
    layers = [node for node in found.node if node.op_type in {"Conv", "Gemm"}]
    assert len(layers) == 6
    for node in layers:
        assert node.input[0] in unpacked
        weights, scales, _ = unpacked[node.input[1]]
        assert constants[weights].dtype == np.int8
        assert constants[scales].size > 1


def test_the_layouts_say_the_same_in_two_ways() -> None:
    pairs, operators = kinds(artifact("int8")), kinds(artifact("int8", "qoperator"))
    assert (pairs["Conv"], pairs["QLinearConv"]) == (5, 0)
    assert (operators["Conv"], operators["QLinearConv"]) == (0, 5)
    assert artifact("int8", "qoperator").stat().st_size < artifact("int8").stat().st_size
    x = data().test.x[:64]
    assert np.allclose(runner(artifact("int8")).bind(x)(), runner(artifact("int8", "qoperator")).bind(x)(), atol=0.05)


def test_little_of_a_file_is_anything_but_weights() -> None:
    for precision in ("float32", "int8", "int4"):
        weights = BACKEND.anatomy(loading(artifact(precision)), 1).weights_bytes
        assert artifact(precision).stat().st_size - weights < 5000


def test_16_bits_have_no_layout_of_operators() -> None:
    can = BACKEND.abilities({**DEFAULTS, "layout": "qoperator"})
    assert "int16x8" not in can.precisions
    assert str(can.refusals["int16x8"]).startswith("not supported by format: ")
    assert "int16x8" in BACKEND.abilities(DEFAULTS).precisions


@pytest.mark.parametrize("precision", ["fp16", "bf16", "int8w"])
def test_short_weights_are_unpacked_at_load_and_not_with_every_request(precision: str) -> None:
    run = [operator.kind for operator in BACKEND.profile(loading(artifact(precision)), data().test.x[:1]).operators]
    plain = [operator.kind for operator in BACKEND.profile(loading(artifact()), data().test.x[:1]).operators]
    assert run == plain


def test_int4_has_dense_layers_on_4_bit_kernels_and_depthwise_ones_in_8() -> None:
    from onnx import TensorProto

    found = graph(artifact("int4"))
    (kernel,) = [node for node in found.node if node.op_type == "MatMulNBits"]
    options = {attribute.name: attribute.i for attribute in kernel.attribute}
    assert (options["bits"], options["K"], options["N"], options["accuracy_level"]) == (4, 128, 10, 4)
    types = Counter(constant.data_type for constant in found.initializer)
    assert (types[TensorProto.INT4], types[TensorProto.INT8]) == (2, 3)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_converting_twice_gives_the_same_bytes(tmp_path: Path, precision: str) -> None:
    assert converted(tmp_path, precision).read_bytes() == artifact(precision).read_bytes()


def test_a_model_that_was_built_later_in_a_process_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for number in range(2):
        training.set_seed(0)
        keras_files.save_model(dense.build(), tmp_path / f"{number}.keras")
        (tmp_path / str(number)).mkdir()
        files.append(converted(tmp_path / str(number), model_file=tmp_path / f"{number}.keras").read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
def test_bound_calls_of_several_batch_sizes_stay_valid(precision: str) -> None:
    calls_of_several_batch_sizes_stay_valid(runner(artifact(precision)))


def test_two_calls_of_one_batch_size_answer_for_their_own_data() -> None:
    two_calls_of_one_size_answer_for_their_own_data(runner(artifact()))


def test_an_answer_stays_as_it_was_when_the_next_request_comes() -> None:
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays(runner(artifact()))


def test_more_threads_and_less_optimization_give_the_same_answer() -> None:
    x = data().test.x[:32]
    expected = runner(artifact()).bind(x)()
    assert np.allclose(runner(artifact(), threads=2).bind(x)(), expected, atol=1e-6)
    for level in ("extended", "basic", "none"):
        assert np.allclose(runner(artifact(), optimization=level).bind(x)(), expected, atol=1e-5)


def test_optimization_is_what_was_asked_for() -> None:
    x = data().test.x[:1]
    run = {
        level: Counter(
            operator.kind for operator in BACKEND.profile(loading(artifact(), optimization=level), x).operators
        )
        for level in ("all", "none")
    }
    assert (run["all"]["Relu"], run["none"]["Relu"]) == (0, 5)


def test_what_stays_in_float32_for_the_most_part_is_refused(tmp_path: Path) -> None:
    import keras

    path = tmp_path / "given.keras"
    layers = [keras.layers.Conv2DTranspose(16, 3), keras.layers.Flatten(), keras.layers.Dense(2)]
    keras_files.save_model(
        keras.Sequential([keras.Input((8, 8, 1)), layers[0], keras.layers.Conv2DTranspose(32, 5), *layers[1:]]), path
    )
    with pytest.raises(
        tradeoff.Refused, match=r"not supported by format: dynamic: ONNX Runtime leaves \d+ of \d+ weights"
    ):
        converted(tmp_path, "dynamic", path)


# --- anatomy and profile ----------------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_of_the_profile_are_those_of_the_anatomy_and_nearly_the_file(precision: str) -> None:
    job = loading(artifact(precision))
    anatomy = BACKEND.anatomy(job, 1)
    profile = BACKEND.profile(job, data().test.x[:1])
    weights = [operator.weights_bytes for operator in profile.operators]
    assert None not in weights
    assert sum(weights) == anatomy.weights_bytes
    assert 0 < anatomy.weights_bytes < artifact(precision).stat().st_size


def test_results_grow_with_the_batch_and_are_those_of_the_graph() -> None:
    sizes = [BACKEND.anatomy(loading(artifact()), samples).activations_bytes for samples in (1, 4)]
    assert sizes[1] == 4 * sizes[0]
    # Reshaped input; a stem and four convolutions, each with its activation; pooled, flattened, two of ten.
    stages = (8 * 8 * 32, 4 * 4 * 32, 4 * 4 * 64, 2 * 2 * 64, 2 * 2 * 128)
    assert sizes[0] == 4 * (64 + 2 * sum(stages) + 2 * 128 + 2 * 10)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_profile_counts_the_arithmetic_of_the_model(precision: str) -> None:
    from tradeoff.accounting import account

    expected = account(keras_files.load_model(trained_file())).macs
    profile = BACKEND.profile(loading(artifact(precision)), data().test.x[:3])
    assert sum(operator.flops or 0 for operator in profile.operators) == 2 * 3 * expected
    assert profile.seconds == "measured"
    assert all(operator.seconds is not None and operator.seconds >= 0 for operator in profile.operators)
    assert sum(operator.seconds for operator in profile.operators) > 0


def test_a_profile_names_layers_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    profile = BACKEND.profile(loading(artifact()), data().test.x[:1])
    named = {operator.name: operator.kind for operator in profile.operators}
    assert named["depthwise_conv2d_1"] == "Conv"
    assert named["dense_1"] == "Gemm"
    assert list(tmp_path.iterdir()) == []


# --- files of others --------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0, 4, 1000, -1000, -1])
def test_a_file_that_is_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(artifact("int8").read_bytes()[:kept])
    with pytest.raises(tradeoff.BadInput, match=r"short\.onnx is (empty|not an ONNX file)"):
        runner(path)


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(trained_file().read_bytes())
    with pytest.raises(tradeoff.BadInput, match=r"foreign\.onnx"):
        runner(path)


def test_running_imports_neither_keras_nor_onnx() -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np; import tradeoff; "
        "from tradeoff.backends.onnx.backend import OnnxRuntimeBackend; "
        f"job = tradeoff.Loading(Path({str(artifact())!r}), {DEFAULTS!r}, 'host-cpu'); "
        "OnnxRuntimeBackend().load(job).bind(np.zeros((2, 8, 8, 1), np.float32))(); "
        "sys.exit(bool({'tensorflow', 'keras', 'onnx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_conversion_needs_no_worker_of_its_own() -> None:
    assert BACKEND.conversion_environment(DEFAULTS) is None
    assert BACKEND.environment(DEFAULTS, "host-cpu") == BACKEND.environment({**DEFAULTS, "threads": 4}, "host-cpu")


@pytest.mark.deep
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_changed_files_cost_their_own_request_at_most(tmp_path: Path, precision: str) -> None:
    files = []
    for number, blob in enumerate(mutations(artifact(precision).read_bytes(), seed=0, count=250)):
        files.append(tmp_path / f"{number}.onnx")
        files[-1].write_bytes(blob)
    found = fates(BACKEND, dict(DEFAULTS), files, task(), tmp_path)
    assert found.total() == 250
    # Many changes are none in meaning, many are seen before the runtime is asked; none may be an error unforeseen.
    assert found["answered"] >= 25
    assert found["refused"] >= 50
    assert found["failed"] == 0
