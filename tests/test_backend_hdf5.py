"""Backend hdf5: the same model as the backend keras ships, in Keras's older format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trained import NOISE, conversion, data, loading, task, trained_file

import tradeoff
from tradeoff import quality
from tradeoff.backends.hdf5 import HDF5Backend
from tradeoff.backends.keras.backend import KerasBackend
from tradeoff.engine import training_environment
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = HDF5Backend()


def test_a_request_answers_as_the_model_does(tmp_path: Path) -> None:
    x = data().test.x[:32]
    expected = keras_files.outputs_of(keras_files.load_model(trained_file()), x)
    loaded = BACKEND.load(loading(BACKEND.convert(conversion(tmp_path))))
    calls = {size: loaded.bind(x[:size]) for size in (1, 8, 32)}
    for size, call in [*calls.items(), *calls.items()]:
        assert np.allclose(call(), expected[:size], atol=1e-5)


def test_the_file_is_hdf5_and_says_so(tmp_path: Path) -> None:
    made = BACKEND.convert(conversion(tmp_path))
    assert made.suffix == ".h5"
    assert made.read_bytes()[:8] == b"\x89HDF\r\n\x1a\n"


def test_half_precision_is_what_it_is_for_the_backend_keras(tmp_path: Path) -> None:
    (tmp_path / "keras").mkdir()
    made = BACKEND.convert(conversion(tmp_path, "fp16"))
    other = KerasBackend().convert(conversion(tmp_path / "keras", "fp16"))
    assert BACKEND.content(made) == KerasBackend().content(other)
    outputs = BACKEND.load(loading(made)).bind(data().test.x)()
    assert outputs.dtype == np.float32
    assert quality.judge(outputs, data().test.y, task())["accuracy"] >= 0.95


def test_half_precision_makes_a_smaller_file(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    whole = BACKEND.convert(conversion(tmp_path)).stat().st_size
    half = BACKEND.convert(conversion(tmp_path / "half", "fp16")).stat().st_size
    parameters = keras_files.load_model(trained_file()).count_params()
    assert whole - half == pytest.approx(2 * parameters, rel=0.1)


def test_content_is_that_of_the_model(tmp_path: Path) -> None:
    made = BACKEND.convert(conversion(tmp_path))
    assert BACKEND.content(made) == keras_files.content(keras_files.load_model(trained_file()))


def test_its_anatomy_is_that_of_the_keras_file(tmp_path: Path) -> None:
    job = loading(BACKEND.convert(conversion(tmp_path)))
    other = loading(KerasBackend().convert(conversion(tmp_path)))
    assert BACKEND.anatomy(job, 1) == KerasBackend().anatomy(other, 1)


@pytest.mark.parametrize("kept", [0, 4, 1000, -1000])
def test_a_file_that_is_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    whole = BACKEND.convert(conversion(tmp_path)).read_bytes()
    (tmp_path / "short.h5").write_bytes(whole[:kept])
    with pytest.raises(tradeoff.BadInput, match=r"short\.h5 is (empty|not an HDF5 file|an HDF5 file that is damaged)"):
        BACKEND.load(loading(tmp_path / "short.h5"))


def test_bare_weights_are_named_as_such(tmp_path: Path) -> None:
    keras_files.load_model(trained_file()).save_weights(tmp_path / "bare.weights.h5")
    with pytest.raises(
        tradeoff.BadInput,
        match=r"has no Keras model in it, only layers, vars: weights alone do not do",
    ):
        BACKEND.load(loading(tmp_path / "bare.weights.h5"))


def test_code_in_a_file_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    import keras

    path = tmp_path / "lambda.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x + 1)]).save(path)
    with pytest.raises(tradeoff.BadInput, match=r"lambda\.h5 needs code that is not Keras's own"):
        BACKEND.load(loading(path))


@pytest.mark.parametrize("precision", ["dynamic", "int8", "bf16"])
def test_other_precisions_are_refused_with_a_reason(precision: str) -> None:
    assert precision not in BACKEND.capabilities.precisions
    assert BACKEND.capabilities.refusals[precision].detail


def test_one_thread_runs_where_models_are_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert BACKEND.environment({"threads": 1}, "host-cpu") == training_environment()
    assert BACKEND.environment({"threads": 2}, "host-cpu") != training_environment()


def test_a_layer_that_keras_cannot_write_in_it_is_refused(tmp_path: Path) -> None:
    import keras

    path = tmp_path / "given.keras"
    layers = (keras.layers.RandomContrast(0.1), keras.layers.Flatten(), keras.layers.Dense(2))
    keras_files.save_model(keras.Sequential([keras.Input((8, 8, 1)), *layers]), path)
    with pytest.raises(tradeoff.Refused, match="not supported by format: Keras cannot write it as HDF5"):
        BACKEND.convert(conversion(tmp_path, model_file=path))
