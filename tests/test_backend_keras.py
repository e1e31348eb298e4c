"""Backend keras: the model itself as a file, run compiled, with one whole request as the call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import NOISE, conversion, data, loading, task, trained_file

import tradeoff
from tradeoff import quality
from tradeoff.backends.keras import KerasBackend
from tradeoff.engine import keras_engine, training_environment
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = KerasBackend()


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
    loaded = runner(tmp_path)
    x = data().test.x
    calls = {size: loaded.bind(x[:size]) for size in (1, 8, 3)}
    for size, call in [*calls.items(), *calls.items()]:
        assert np.allclose(call(), calls[8]()[:size], atol=1e-5)


def test_a_request_reads_the_batch_as_it_is_then(tmp_path: Path) -> None:
    batch = data().test.x[:1].copy()
    call = runner(tmp_path).bind(batch)
    before = call()
    batch[:] = data().test.x[1:2]
    assert not np.allclose(call(), before)


def test_half_precision_halves_the_file_and_keeps_the_accuracy(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "full").mkdir()
    half, full = (
        BACKEND.convert(conversion(tmp_path / name, p)) for name, p in (("half", "fp16"), ("full", "float32"))
    )
    model = keras_files.load_model(half)
    assert {str(weight.dtype) for weight in model.weights} == {"float16"}
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
    assert BACKEND.environment({"threads": 1}, "host-cpu") == training_environment()
    assert BACKEND.environment({"threads": 2}, "host-cpu") != training_environment()


def test_what_is_required_is_keras_and_its_engine() -> None:
    assert [need.module for need in BACKEND.requires] == ["keras", keras_engine()]


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_an_artifact_that_is_no_model_is_named(tmp_path: Path, content: Any) -> None:
    (tmp_path / "broken.keras").write_bytes(content)
    with pytest.raises(tradeoff.BadInput, match=r"broken\.keras"):
        BACKEND.load(loading(tmp_path / "broken.keras"))
