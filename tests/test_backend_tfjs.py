"""Backend tfjs: files that a reader of their own turns back into the same answers, and refusals where it could not."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from tfjs_reader import function_of, weights_of
from trained import NOISE, conversion, data, task, trained_file

import tradeoff
from tradeoff import quality
from tradeoff.backends.tfjs import files as tfjs_files
from tradeoff.backends.tfjs.backend import TensorFlowJSBackend
from tradeoff.engine import engine_environment
from tradeoff.fingerprint import digest_tree
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = TensorFlowJSBackend()
PRECISIONS = BACKEND.capabilities.precisions


@cache
def artifact(precision: str = "float32") -> Path:
    """The trained net in ``precision``, converted once."""
    return BACKEND.convert(conversion(Path(mkdtemp(prefix="tradeoff-tfjs-")), precision))


def saved(folder: Path, *layers: Any) -> Path:
    """A file with an untrained net of ``layers``."""
    import keras

    keras.utils.set_random_seed(0)
    path = folder / "given.keras"
    keras_files.save_model(keras.Sequential([keras.Input((8, 8, 1)), *layers]), path)
    return path


def written(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return found


def operations(folder: Path) -> list[str]:
    return [node["op"] for node in written(folder)["modelTopology"]["node"]]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def answers(folder: Path, x: Any) -> Any:
    import tensorflow

    return function_of(folder)(tensorflow.constant(x)).numpy()


def expected(path: Path, x: Any) -> Any:
    return keras_files.outputs_of(keras_files.load_model(path), x)


def test_the_files_say_what_keras_computes() -> None:
    x = data().test.x[:32]
    assert np.allclose(answers(artifact(), x), expected(trained_file(), x), atol=1e-5)


@pytest.mark.parametrize("build", [dense.build, cnn.build])
def test_the_other_models_that_come_with_it_are_said_as_well(tmp_path: Path, build: Any) -> None:
    path = tmp_path / "given.keras"
    keras_files.save_model(build(), path)
    x = data().test.x[:32]
    found = BACKEND.convert(conversion(tmp_path, model_file=path))
    assert np.allclose(answers(found, x), expected(path, x), atol=1e-5)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_keeps_the_accuracy(precision: str) -> None:
    outputs = answers(artifact(precision), data().test.x)
    assert quality.judge(outputs, data().test.y, task())["accuracy"] >= 0.95


def test_narrow_weights_make_small_shards() -> None:
    sizes = {precision: (artifact(precision) / "group1-shard1of1.bin").stat().st_size for precision in PRECISIONS}
    assert sizes["fp16"] == pytest.approx(sizes["float32"] / 2, rel=0.01)
    assert sizes["int8w"] == pytest.approx(sizes["float32"] / 4, rel=0.02)
    assert size(artifact("int8w")) < size(artifact("fp16")) < size(artifact())


def test_a_weight_of_eight_bits_is_within_half_a_step_and_zero_stays_zero() -> None:
    values = np.array([-0.3, -0.1, 0.0, 0.0, 0.7], np.float32)
    how, steps = tfjs_files._in_uint8("kernel", values)
    found = steps * how["scale"] + how["min"]
    assert np.abs(found - values).max() <= how["scale"] / 2 + 1e-9
    assert found[2] == found[3] == 0.0


@pytest.mark.parametrize("values", [[0.0, 0.0], [2.5, 2.5], [-1e-3, -1e-3], []])
def test_weights_that_are_all_the_same_are_kept(values: list[float]) -> None:
    how, steps = tfjs_files._in_uint8("bias", np.array(values, np.float32))
    assert np.allclose(steps * how["scale"] + how["min"], values, rtol=0.01)


def test_a_model_that_is_asked_for_is_simplified_and_answers_a_batch_of_any_size() -> None:
    found = operations(artifact())
    assert found.count("Placeholder") == 1
    assert not {"Rsqrt", "Sub", "Shape", "Pack", "StridedSlice", "Switch"} & set(found)
    taken = next(iter(written(artifact())["signature"]["inputs"].values()))
    assert [entry["size"] for entry in taken["tensorShape"]["dim"]] == ["-1", "8", "8", "1"]
    whole = answers(artifact(), data().test.x[:7])
    assert np.allclose(answers(artifact(), data().test.x[:1]), whole[:1], atol=1e-6)


def test_no_weight_is_left_in_the_text() -> None:
    for node in written(artifact())["modelTopology"]["node"]:
        if node["op"] == "Const":
            assert set(node["attr"]["value"]["tensor"]) <= {"dtype", "tensorShape"}


def test_weights_are_cut_into_shards_that_a_browser_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfjs_files, "_SHARD", 20_000)
    found = BACKEND.convert(conversion(tmp_path))
    shards = sorted(path.name for path in found.iterdir() if path.suffix == ".bin")
    assert shards == ["group1-shard1of3.bin", "group1-shard2of3.bin", "group1-shard3of3.bin"]
    one, three = weights_of(artifact()), weights_of(found)
    assert all(np.array_equal(one[name], three[name]) for name in one)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_converting_twice_gives_the_same_bytes(tmp_path: Path, precision: str) -> None:
    assert digest_tree(BACKEND.convert(conversion(tmp_path, precision))) == digest_tree(artifact(precision))


def test_a_loop_is_written_without_what_only_orders_it(tmp_path: Path) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Reshape((8, 8)), keras.layers.LSTM(3), keras.layers.Dense(2))
    found = BACKEND.convert(conversion(tmp_path, model_file=path))
    nodes = written(found)["modelTopology"]["node"]
    assert {"Enter", "Exit", "NextIteration"} <= {node["op"] for node in nodes}
    assert [node["op"] for node in nodes].count("Placeholder") == 1
    assert not any(given.startswith("^") for node in nodes for given in node.get("input", ()))


def test_the_complement_of_the_error_function_is_spelled_out(tmp_path: Path) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Flatten(), keras.layers.Dense(4, activation="gelu"), keras.layers.Dense(2))
    found = BACKEND.convert(conversion(tmp_path, model_file=path))
    assert "Erf" in operations(found)
    x = data().test.x[:32]
    assert np.allclose(answers(found, x), expected(path, x), atol=1e-5)


def test_an_operation_that_browsers_lack_is_refused_by_name(tmp_path: Path) -> None:
    import keras

    given = keras.Input((4,))
    inverse = keras.Model(given, keras.ops.erfinv(given))
    job = conversion(tmp_path)
    with pytest.raises(tradeoff.Refused, match=r"not supported by format: TensorFlow\.js has no Erfinv"):
        BACKEND.convert(tradeoff.Conversion(**{**vars(job), "load_model": lambda: inverse}))


def test_a_model_with_two_outputs_is_refused(tmp_path: Path) -> None:
    import keras

    given = keras.Input((4,))
    several = keras.Model(given, [keras.layers.Dense(2)(given), keras.layers.Dense(3)(given)])
    job = conversion(tmp_path)
    with pytest.raises(tradeoff.Refused, match="not implemented here: the model has 2 outputs, not one"):
        BACKEND.convert(tradeoff.Conversion(**{**vars(job), "load_model": lambda: several}))


def test_weights_too_large_for_sixteen_bits_are_refused(tmp_path: Path) -> None:
    import keras

    large = keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(1e6))
    path = saved(tmp_path, keras.layers.Flatten(), large)
    with pytest.raises(tradeoff.Refused, match="too large for float16"):
        BACKEND.convert(conversion(tmp_path, "fp16", model_file=path))


def test_wide_integers_are_narrowed_where_nothing_is_lost() -> None:
    entry, values = tfjs_files._stored("axis", np.array([-1, 3]), "float32")
    assert (entry["dtype"], values.dtype) == ("int32", np.dtype("<i4"))
    with pytest.raises(tradeoff.Refused, match="no int64, which seed needs"):
        tfjs_files._stored("seed", np.array([2**40]), "float32")
    with pytest.raises(tradeoff.Refused, match="no complex64"):
        tfjs_files._stored("spectrum", np.zeros(2, np.complex64), "float32")


@pytest.mark.parametrize("precision", ["dynamic", "int8", "int16x8", "bf16", "int4"])
def test_what_the_format_cannot_hold_is_refused_with_a_way_out(precision: str) -> None:
    refusal = BACKEND.capabilities.refusals[precision]
    assert precision not in PRECISIONS
    assert str(refusal).startswith("not supported by format: ")
    assert "int8w" in refusal.detail


def test_it_only_has_a_size_and_needs_nothing_to_run() -> None:
    assert not BACKEND.capabilities.runs
    assert BACKEND.requires == ()


def test_conversion_is_on_tensorflow_whatever_trained_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert BACKEND.conversion_environment({}) == engine_environment("tensorflow")
