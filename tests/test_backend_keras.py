"""Backend keras: the model itself as a file, run compiled, with one whole request as the call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from promises import (
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays,
    calls_of_several_batch_sizes_stay_valid,
)
from trained import NOISE, conversion, data, loading, task, trained_file

import tradeoff
from tradeoff import quality
from tradeoff.backends.keras.backend import KerasBackend
from tradeoff.backends.keras.calls import KerasRunner, _tensorflow_sees_gpu
from tradeoff.engine import ENGINES, engine_environment, keras_engine, training_environment
from tradeoff.formats import keras_files
from tradeoff.spelling import Value, parse_values, spell

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = KerasBackend()


def given(*arguments: str) -> dict[str, Value]:
    """The backend's parameters as a cell writes them."""
    return parse_values("keras", BACKEND.parameters, arguments)


def runner(folder: Path, precision: str = "float32") -> tradeoff.Runner:
    return BACKEND.load(loading(BACKEND.convert(conversion(folder, precision))))


def scaled(folder: Path, kernel: float, inputs: float = 1.0) -> tradeoff.Conversion:
    """An order for a net whose weights and calibration inputs are as large as it says."""
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.set_weights([np.full((4, 3), kernel), np.zeros(3)])
    keras_files.save_model(model, folder / "given.keras")
    calibration = np.full((8, 4), inputs, np.float32)
    return conversion(folder, "fp16", model_file=folder / "given.keras", calibration=calibration)


def test_a_request_answers_as_the_model_does(tmp_path: Path) -> None:
    x = data().test.x[:32]
    expected = keras_files.outputs_of(keras_files.load_model(trained_file()), x)
    outputs = runner(tmp_path).bind(x)()
    assert isinstance(outputs, np.ndarray)
    assert np.allclose(outputs, expected, atol=1e-5)


def test_bound_calls_of_several_batch_sizes_stay_valid(tmp_path: Path) -> None:
    calls_of_several_batch_sizes_stay_valid(runner(tmp_path))


def test_a_request_reads_the_batch_as_it_is_then_and_its_answer_stays(tmp_path: Path) -> None:
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays(runner(tmp_path))


@pytest.mark.parametrize(("precision", "dtype"), [("fp16", "float16"), ("bf16", "bfloat16")])
def test_half_precision_halves_the_file_and_keeps_the_accuracy(tmp_path: Path, precision: str, dtype: str) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "full").mkdir()
    half, full = (
        BACKEND.convert(conversion(tmp_path / name, p)) for name, p in (("half", precision), ("full", "float32"))
    )
    model = keras_files.load_model(half)
    assert {str(weight.dtype) for weight in model.weights} == {dtype}
    assert full.stat().st_size - half.stat().st_size == pytest.approx(2 * model.count_params(), rel=0.05)
    outputs = BACKEND.load(loading(half)).bind(data().test.x)()
    assert outputs.dtype == np.float32
    assert quality.judge(outputs, data().test.y, task())["accuracy"] >= 0.95


def test_half_precision_is_refused_for_weights_it_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(tradeoff.Refused, match=r"not supported by format: .*too large for float16"):
        BACKEND.convert(scaled(tmp_path, kernel=1e6))


def test_half_precision_is_refused_for_results_it_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(tradeoff.Refused, match="overflows on 8 of 8 calibration samples"):
        BACKEND.convert(scaled(tmp_path, kernel=1e4, inputs=1e4))


@pytest.mark.parametrize("precision", ["dynamic", "int8"])
def test_integer_precisions_are_refused_with_a_way_out(precision: str) -> None:
    refusal = BACKEND.capabilities.refusals[precision]
    assert precision not in BACKEND.capabilities.precisions
    assert str(refusal).startswith("not implemented here: ")
    assert "try a backend that converts the graph" in refusal.detail


def test_content_is_that_of_the_model_not_of_the_zip(tmp_path: Path) -> None:
    artifact = BACKEND.convert(conversion(tmp_path))
    assert BACKEND.content(artifact) == keras_files.content(keras_files.load_model(trained_file()))


def test_one_thread_runs_where_models_are_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert BACKEND.environment(given(), "host-cpu") == training_environment()
    assert BACKEND.environment(given("threads=2"), "host-cpu") != training_environment()


def test_what_is_required_is_keras_and_its_engine() -> None:
    assert [need.module for need in BACKEND.requires] == ["keras", keras_engine()]
    assert [need.module for need in BACKEND.needs(given("engine=torch"))] == ["keras", "torch"]


@pytest.mark.parametrize("engine", list(ENGINES))
def test_an_engine_that_is_named_decides_the_worker_whatever_else_keras_runs_on(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert BACKEND.environment(given(f"engine={engine}"), "host-cpu") == engine_environment(engine)


def test_without_an_engine_the_spelling_is_that_of_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert spell("keras", BACKEND.parameters, given()) == "keras"
    assert dict(BACKEND.environment(given(), "host-cpu").variables)["KERAS_BACKEND"] == "jax"


def test_neither_engine_nor_threads_change_the_file() -> None:
    assert {parameter.name for parameter in BACKEND.parameters if not parameter.runtime} == {"policy"}


def test_an_equal_shape_is_compiled_once(tmp_path: Path) -> None:
    loaded = runner(tmp_path)
    assert isinstance(loaded, KerasRunner)
    compiled: list[tuple[int, ...]] = []
    compile_ = loaded._compile
    loaded._compile = lambda batch: compiled.append(batch.shape) or compile_(batch)  # type: ignore[func-returns-value]
    first, second = (loaded.bind(data().test.x[start : start + 4]) for start in (0, 4))
    assert compiled == [(4, 8, 8, 1)]
    assert not np.allclose(first(), second())


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_policy_computes_in_16_bits_on_weights_of_float32(tmp_path: Path, policy: str) -> None:
    order = replace(conversion(tmp_path), parameters=given(f"policy={policy}"))
    artifact = BACKEND.convert(order)
    model = keras_files.load_model(artifact)
    assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers} == {policy.removeprefix("mixed_")}
    outputs = BACKEND.load(loading(artifact)).bind(data().test.x)()
    assert outputs.dtype == np.float32
    assert quality.judge(outputs, data().test.y, task())["accuracy"] >= 0.95


def test_a_policy_and_a_precision_say_the_same_thing_twice() -> None:
    can = BACKEND.abilities(given("policy=mixed_bfloat16"))
    assert can.precisions == ("float32",)
    assert "leave it out" in can.refusals["bf16"].detail
    assert "bf16" in BACKEND.abilities(given()).precisions


def test_a_gpu_that_the_engine_cannot_use_is_refused_with_what_to_install(tmp_path: Path) -> None:
    import keras

    if keras.config.backend() != "tensorflow" or _tensorflow_sees_gpu():
        pytest.skip("TensorFlow has a GPU here, or is not what Keras runs on")
    order = replace(loading(tmp_path / "model.keras"), device="host-gpu")
    with pytest.raises(tradeoff.Refused, match=r"no such device: .*tensorflow.*pip install 'tensorflow\[and-cuda\]'"):
        BACKEND.load(order)


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_an_artifact_that_is_no_model_is_named(tmp_path: Path, content: Any) -> None:
    (tmp_path / "broken.keras").write_bytes(content)
    with pytest.raises(tradeoff.BadInput, match=r"broken\.keras"):
        BACKEND.load(loading(tmp_path / "broken.keras"))
