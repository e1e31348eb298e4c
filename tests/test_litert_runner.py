"""A ``.tflite`` file that somebody else made: a request is floats in and floats out, or a refusal that says why."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from litert_nets import BACKEND, artifact, folder, loaded, ordered, own_layer, saved, strangers
from trained import NOISE, data, trained_file

import tradeoff
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


@cache
def whole_numbered(kind: str) -> Path:
    """The trained net, quantized, with inputs and outputs of ``kind``."""
    import tensorflow

    def ask(converter: Any) -> None:
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tensorflow, kind)

    return strangers(folder(), keras_files.load_model(trained_file()), ask, data().calibration.x)


def test_a_file_of_litert_is_read_as_it_is() -> None:
    assert BACKEND.capabilities.reads == (".tflite",)


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_whole_numbers_are_made_of_floats_and_turned_back(kind: str) -> None:
    x = data().test.x
    found = loaded(whole_numbered(kind)).bind(x)()
    assert found.dtype == np.float32
    assert np.abs(found - loaded(artifact("int8")).bind(x)()).max() <= 2 / 256
    assert np.mean(found.argmax(-1) == data().test.y) >= 0.95


def test_floats_beyond_the_range_stay_at_its_end() -> None:
    run = loaded(whole_numbered("int8"))
    most = np.ones((1, 8, 8, 1), np.float32)
    assert np.array_equal(run.bind(most * 1000)(), run.bind(most)())


def test_turning_floats_into_whole_numbers_is_a_part_of_the_request() -> None:
    batch = data().test.x[:1].copy()
    call = loaded(whole_numbered("int8")).bind(batch)
    first = call()
    kept = first.copy()
    batch[:] = data().test.x[1:2]
    assert not np.allclose(call(), kept)
    assert np.array_equal(first, kept)


def test_two_calls_on_whole_numbers_answer_for_their_own_data() -> None:
    run = loaded(whole_numbered("uint8"))
    calls = [run.bind(data().test.x[start : start + 4]) for start in (0, 4)]
    first, second = (call() for call in calls)
    assert not np.allclose(first, second)
    assert np.array_equal(calls[0](), first)


def test_a_file_for_one_batch_refuses_others(tmp_path: Path) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Flatten(), keras.layers.Dense(4), batch=2)
    run = loaded(BACKEND.convert(ordered(tmp_path, "float32", path)))
    assert run.bind(data().test.x[:2])().shape == (2, 4)
    with pytest.raises(tradeoff.Refused, match=r"not supported by format: .* batches of exactly 2, not 8"):
        run.bind(data().test.x[:8])


def test_operators_of_tensorflow_are_named(tmp_path: Path) -> None:
    import keras
    import tensorflow

    def ask(converter: Any) -> None:
        sets = tensorflow.lite.OpsSet
        converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS, sets.SELECT_TF_OPS]

    taken = keras.Input((8, 8, 1))
    path = strangers(tmp_path, keras.Model(taken, own_layer("atan")(taken)), ask)
    with pytest.raises(tradeoff.Refused, match=r"not supported by format: strange\.tflite needs .*: FlexAtan"):
        loaded(path)


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    import keras

    taken = [keras.Input((4,)), keras.Input((4,))]
    path = strangers(tmp_path, keras.Model(taken, keras.layers.Add()(taken)))
    with pytest.raises(tradeoff.Refused, match=r"strange\.tflite has 2 inputs and 1 outputs"):
        loaded(path)


def test_whole_numbers_without_a_scale_are_refused(tmp_path: Path) -> None:
    import keras

    taken = keras.Input((4,), dtype="uint8")
    path = strangers(tmp_path, keras.Model(taken, keras.ops.cast(taken, "float32")))
    with pytest.raises(tradeoff.Refused, match=r"the input of strange\.tflite is uint8 without a scale"):
        loaded(path)


@pytest.mark.parametrize("kernels", ["xnnpack", "builtin", "reference"])
def test_what_is_no_file_of_litert_is_named_whatever_the_kernels(tmp_path: Path, kernels: str) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"TFL3" * 100)
    with pytest.raises(tradeoff.BadInput, match=r"broken\.tflite cannot be loaded by LiteRT"):
        loaded(path, kernels)
