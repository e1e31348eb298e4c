"""What an artifact consists of, as the built-in backends count it: against sums that a person can make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import NOISE, conversion, loading

import tradeoff
from tradeoff.backends.keras import anatomy as keras_anatomy
from tradeoff.backends.keras.backend import KerasBackend
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
#: A dense net of 64 to 32 to 10.
WEIGHTS = 64 * 32 + 32 + 32 * 10 + 10


def given(folder: Path) -> Path:
    """The file of a net whose sizes are plain."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    net = keras.Sequential(
        [keras.Input((64,)), layers.Dense(32, "relu"), layers.Dropout(0.5), layers.Dense(10), layers.Softmax()]
    )
    # Biases of zero would be left out by the converter.
    net.set_weights([weight + np.float32(0.25) for weight in net.get_weights()])
    path = folder / "given.keras"
    keras_files.save_model(net, path)
    return path


def anatomy(backend: tradeoff.Backend, folder: Path, precision: str, samples: int = 1) -> tradeoff.Anatomy:
    calibration = np.random.default_rng(0).random((8, 64), dtype="float32")
    order = conversion(folder, precision, model_file=given(folder), calibration=calibration)
    found = backend.anatomy(loading(backend.convert(order)), samples)
    assert found is not None
    return found


@pytest.mark.parametrize(("precision", "size"), [("float32", 4), ("fp16", 2)])
def test_a_keras_file_has_every_weight_in_its_own_type(tmp_path: Path, precision: str, size: int) -> None:
    # Dropout hands on what it is given; the last layer gives its results in the type of the policy.
    assert anatomy(KerasBackend(), tmp_path, precision, 3) == tradeoff.Anatomy(
        size * WEIGHTS, size * 3 * (32 + 10 + 10)
    )


def test_a_tflite_file_has_its_constants_and_what_operators_fill(tmp_path: Path) -> None:
    found, more = (anatomy(LiteRTBackend(), tmp_path, "float32", samples) for samples in (1, 8))
    assert found == tradeoff.Anatomy(4 * WEIGHTS, 4 * (32 + 10 + 10))
    assert more == tradeoff.Anatomy(4 * WEIGHTS, 8 * 4 * (32 + 10 + 10))


def test_constants_that_are_only_unpacked_are_no_results_of_a_request(tmp_path: Path) -> None:
    half, whole = (anatomy(LiteRTBackend(), tmp_path, precision) for precision in ("fp16", "float32"))
    assert half.activations_bytes == whole.activations_bytes
    assert half.weights_bytes == 2 * WEIGHTS


def test_int8_has_a_quarter_of_both(tmp_path: Path) -> None:
    small, whole = (anatomy(LiteRTBackend(), tmp_path, precision) for precision in ("int8", "float32"))
    assert whole.weights_bytes is not None
    assert small.weights_bytes is not None
    # Biases stay in 32 bits.
    assert small.weights_bytes == pytest.approx(whole.weights_bytes / 4, rel=0.1)
    # What comes in is quantized first, what goes out is turned into floats at last.
    assert small.activations_bytes == 64 + 32 + 10 + 10 + 4 * 10


def test_nested_models_are_opened_and_shared_layers_count_each_time() -> None:
    import keras

    shared = keras.layers.Dense(8)
    inner_in = keras.Input((8,))
    inner = keras.Model(inner_in, shared(shared(inner_in)))
    taken = keras.Input((8,))
    model = keras.Model(taken, keras.ops.relu(inner(taken)))
    assert keras_anatomy.anatomy(model, 1) == tradeoff.Anatomy(4 * (64 + 8), 4 * 3 * 8)


def test_a_model_of_open_sizes_has_weights_and_no_sum_of_results() -> None:
    import keras

    taken: Any = keras.Input((None, 4))
    model = keras.Model(taken, keras.layers.Dense(2)(taken))
    assert keras_anatomy.anatomy(model, 1) == tradeoff.Anatomy(weights_bytes=4 * 10)
