"""Backend savedmodel: each weight once, the signature a server would run, and nothing that does more than compute."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from promises import (
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays,
    answers_as_keras_does,
    calls_of_several_batch_sizes_stay_valid,
    takes_floats_gives_floats_and_keeps_the_accuracy,
)
from trained import NOISE, conversion, loading, trained_file

import tradeoff
from tradeoff.backends.savedmodel import SavedModelBackend
from tradeoff.engine import engine_environment, training_environment
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = SavedModelBackend()
PRECISIONS = BACKEND.capabilities.precisions


@cache
def artifact(precision: str = "float32") -> Path:
    """The trained net in ``precision``, converted once."""
    return BACKEND.convert(conversion(Path(mkdtemp(prefix="tradeoff-savedmodel-")), precision))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def module(folder: Path, serve: Callable[[Any], Any], shape: tuple[int | None, ...] = (None, 2), **parts: Any) -> Path:
    """A stranger's folder, whose signature is ``serve`` of floats."""
    import tensorflow

    made = tensorflow.Module()
    for name, part in parts.items():
        setattr(made, name, part)
    made.serve = tensorflow.function(serve, input_signature=[tensorflow.TensorSpec(shape, name="x")], autograph=False)
    tensorflow.saved_model.save(made, str(folder / "foreign"), signatures={"serving_default": made.serve})
    return folder / "foreign"


def test_a_request_answers_as_keras_does() -> None:
    answers_as_keras_does(BACKEND.load(loading(artifact())))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_takes_floats_gives_floats_and_keeps_the_accuracy(precision: str) -> None:
    takes_floats_gives_floats_and_keeps_the_accuracy(BACKEND.load(loading(artifact(precision))))


def test_each_weight_is_written_once() -> None:
    weights = 4 * keras_files.load_model(trained_file()).count_params()
    (variables,) = (artifact() / "variables").glob("variables.data*")
    assert weights <= variables.stat().st_size < 1.1 * weights


@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_sixteen_bits_halve_what_the_weights_take(precision: str) -> None:
    weights = 2 * keras_files.load_model(trained_file()).count_params()
    half, whole = (
        next((artifact(name) / "variables").glob("variables.data*")).stat().st_size for name in (precision, "float32")
    )
    assert whole - half == pytest.approx(weights, rel=0.01)
    assert size(artifact(precision)) < size(artifact())


def test_content_is_the_same_however_the_files_came_out(tmp_path: Path) -> None:
    assert BACKEND.content(BACKEND.convert(conversion(tmp_path))) == BACKEND.content(artifact())
    assert BACKEND.content(artifact("fp16")) != BACKEND.content(artifact())


def test_content_does_not_depend_on_what_layers_are_called(tmp_path: Path) -> None:
    import keras

    model = keras_files.load_model(trained_file())
    twin = keras.models.clone_model(model, clone_function=lambda layer: _renamed(layer))
    twin.set_weights(model.get_weights())
    keras_files.save_model(twin, tmp_path / "twin.keras")
    made = BACKEND.convert(conversion(tmp_path, model_file=tmp_path / "twin.keras"))
    assert BACKEND.content(made) == BACKEND.content(artifact())


def _renamed(layer: Any) -> Any:
    return type(layer).from_config({**layer.get_config(), "name": f"other_{layer.name}"})


def test_one_other_weight_is_other_content(tmp_path: Path) -> None:
    model = keras_files.load_model(trained_file())
    first, *rest = model.get_weights()
    first[0, 0, 0, 0] += 1e-3
    model.set_weights([first, *rest])
    keras_files.save_model(model, tmp_path / "other.keras")
    made = BACKEND.convert(conversion(tmp_path, model_file=tmp_path / "other.keras"))
    assert BACKEND.content(made) != BACKEND.content(artifact())


def test_bound_calls_of_several_batch_sizes_stay_valid() -> None:
    calls_of_several_batch_sizes_stay_valid(BACKEND.load(loading(artifact())))


def test_a_request_reads_the_batch_as_it_is_then() -> None:
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays(BACKEND.load(loading(artifact())))


# --- a stranger's folder ----------------------------------------------------------------------------


def test_a_folder_of_another_exporter_is_run(tmp_path: Path) -> None:
    found = module(tmp_path, lambda x: {"y": 2 * x})
    assert np.array_equal(BACKEND.load(loading(found)).bind(np.ones((3, 2), np.float32))(), np.full((3, 2), 2.0))


def test_a_table_of_words_is_run_and_has_no_content_of_its_own(tmp_path: Path) -> None:
    import tensorflow

    pairs = tensorflow.lookup.KeyValueTensorInitializer([1, 2], [10.0, 20.0], tensorflow.int64, tensorflow.float32)
    table = tensorflow.lookup.StaticHashTable(pairs, -1.0)
    found = module(tmp_path, lambda x: {"y": table.lookup(tensorflow.cast(x, tensorflow.int64))}, table=table)
    assert BACKEND.load(loading(found)).bind(np.array([[1, 7]], np.float32))().tolist() == [[10.0, -1.0]]
    assert BACKEND.content(found) is None


def test_a_keras_model_that_looks_numbers_up_is_exported_with_its_table(tmp_path: Path) -> None:
    import keras

    layers = (keras.layers.IntegerLookup(vocabulary=[3, 5]), keras.layers.Embedding(3, 2), keras.layers.Flatten())
    model = keras.Sequential([keras.Input((2,)), *layers])
    job = conversion(tmp_path)
    made = BACKEND.convert(tradeoff.Conversion(**{**vars(job), "load_model": lambda: model}))
    x = np.array([[3, 9]], np.float32)
    assert np.allclose(BACKEND.load(loading(made)).bind(x)(), keras_files.outputs_of(model, x))


def _python(x: Any) -> Any:
    import tensorflow

    return {
        "y": tensorflow.ensure_shape(tensorflow.py_function(lambda value: value, [x], tensorflow.float32), (None, 2))
    }


def _reading(x: Any) -> Any:
    import tensorflow

    return {"y": x + tensorflow.cast(tensorflow.strings.length(tensorflow.io.read_file("/etc/hostname")), "float32")}


def _writing(x: Any) -> Any:
    import tensorflow

    with tensorflow.control_dependencies([tensorflow.io.write_file("written", "text")]):
        return {"y": tensorflow.identity(x)}


def _checkpointing(x: Any) -> Any:
    import tensorflow

    write = tensorflow.raw_ops.SaveV2(prefix="written", tensor_names=["x"], shape_and_slices=[""], tensors=[x])
    with tensorflow.control_dependencies([write]):
        return {"y": tensorflow.identity(x)}


@pytest.mark.parametrize(
    ("serve", "told"),
    [(_python, "EagerPyFunc"), (_reading, "ReadFile"), (_writing, "WriteFile"), (_checkpointing, "SaveV2")],
)
def test_what_does_more_than_compute_is_refused(tmp_path: Path, serve: Callable[[Any], Any], told: str) -> None:
    found = module(tmp_path, serve)
    with pytest.raises(tradeoff.BadInput, match=rf"do more than compute: .*{told}.*--tradeoff-allow-code"):
        BACKEND.load(loading(found))
    with pytest.raises(tradeoff.BadInput, match="do more than compute"):
        BACKEND.content(found)


def test_it_is_run_by_who_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = module(tmp_path, _reading)
    monkeypatch.setattr(keras_files, "code_is_permitted", lambda: True)
    outputs = BACKEND.load(loading(found)).bind(np.zeros((1, 2), np.float32))()
    assert (outputs == len(Path("/etc/hostname").read_bytes())).all()


@pytest.mark.parametrize("kept", [0, 5, 2000, -100])
def test_a_graph_that_is_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    copy = copytree(artifact(), tmp_path / "short")
    (copy / "saved_model.pb").write_bytes((copy / "saved_model.pb").read_bytes()[:kept])
    with pytest.raises(tradeoff.BadInput, match="short"):
        BACKEND.load(loading(copy))


@pytest.mark.parametrize(
    "gone", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_a_folder_that_lacks_a_file_is_named(tmp_path: Path, gone: str) -> None:
    copy = copytree(artifact(), tmp_path / "partial")
    (copy / gone).unlink()
    with pytest.raises(tradeoff.BadInput, match="partial"):
        BACKEND.load(loading(copy))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(tradeoff.BadInput, match=r"model\.keras has no saved_model\.pb in it"):
        BACKEND.load(loading(trained_file()))


def test_without_a_signature_nobody_knows_what_to_run(tmp_path: Path) -> None:
    import tensorflow

    tensorflow.saved_model.save(tensorflow.Module(), str(tmp_path / "silent"))
    with pytest.raises(tradeoff.BadInput, match=r"silent has 0 signatures \(none\)"):
        BACKEND.load(loading(tmp_path / "silent"))


def test_several_answers_are_refused(tmp_path: Path) -> None:
    found = module(tmp_path, lambda x: {"y": x, "z": 2 * x})
    with pytest.raises(tradeoff.Refused, match="not implemented here: foreign has 1 inputs and 2 outputs"):
        BACKEND.load(loading(found))


def test_a_graph_for_requests_of_one_size_refuses_others(tmp_path: Path) -> None:
    runner = BACKEND.load(loading(module(tmp_path, lambda x: {"y": x}, (1, 2))))
    assert runner.bind(np.ones((1, 2), np.float32))().shape == (1, 2)
    with pytest.raises(tradeoff.Refused, match=r"not supported by format: it takes requests of shape \(1, 2\)"):
        runner.bind(np.ones((4, 2), np.float32))


# --- what it declares -------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["dynamic", "int8", "int8w", "int16x8", "int4"])
def test_integer_precisions_are_refused_with_a_way_out(precision: str) -> None:
    assert precision not in PRECISIONS
    assert "try a backend that converts the graph" in BACKEND.capabilities.refusals[precision].detail


def test_conversion_is_on_tensorflow_whatever_trained_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert BACKEND.conversion_environment({"threads": 1}) == engine_environment("tensorflow")


def test_threads_belong_to_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert BACKEND.environment({"threads": 1}, "host-cpu") == training_environment()
    assert BACKEND.environment({"threads": 2}, "host-cpu") != training_environment()


def test_a_graph_that_refers_to_what_is_gone_is_told_in_words(tmp_path: Path) -> None:
    copytree(artifact(), tmp_path / "given")
    graph = tmp_path / "given" / "saved_model.pb"
    # Names of the same length, so that the file is read: what a function gives is looked for under another name.
    changed = graph.read_bytes().replace(b"StatefulPartitionedCall:output:0", b"StatefulPartitionedXall:output:0")
    graph.write_bytes(changed)
    with pytest.raises(tradeoff.BadInput, match=r"cannot be loaded by TensorFlow: there is no '.*Xall.*' in it"):
        BACKEND.load(loading(tmp_path / "given"))


def test_an_operation_that_tensorflow_does_not_have_is_named(tmp_path: Path) -> None:
    import tensorflow

    found = module(tmp_path, lambda x: {"y": tensorflow.matmul(x, tensorflow.ones((2, 3)))})
    graph = found / "saved_model.pb"
    graph.write_bytes(graph.read_bytes().replace(b"MatMul", b"AcmeMM"))
    with pytest.raises(tradeoff.BadInput, match=r"cannot be loaded by TensorFlow: .*AcmeMM"):
        BACKEND.load(loading(found))


def test_code_that_stayed_where_it_was_exported_is_told_to_who_allowed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = module(tmp_path, _python)
    graph = found / "saved_model.pb"
    # Python functions are numbered in the process that has them.
    graph.write_bytes(re.sub(rb"pyfunc_\d", b"pyfunc_x", graph.read_bytes()))
    monkeypatch.setattr(keras_files, "code_is_permitted", lambda: True)
    with pytest.raises(tradeoff.BadInput, match=r"foreign cannot be run by TensorFlow: .*pyfunc_x"):
        BACKEND.load(loading(found)).bind(np.zeros((1, 2), np.float32))
