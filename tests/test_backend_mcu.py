"""Backend mcu: TFLM's own outputs and memory, and a word for each file that it cannot run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tflite_micro")

from litert_nets import artifact, loaded, ordered, own_layer, saved, strangers
from mcu_files import BACKEND, loading, with_scale
from trained import NOISE, conversion, data, task, trained_file

import tradeoff
from tradeoff import quality
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.formats import keras_files
from tradeoff.models import cnn, dense

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


@pytest.mark.parametrize("precision", BACKEND.capabilities.precisions)
def test_every_precision_takes_floats_gives_floats_and_keeps_the_accuracy(precision: str) -> None:
    outputs = BACKEND.load(loading(artifact(precision))).bind(data().test.x)()
    assert outputs.dtype == np.float32
    assert outputs.shape == (360, 10)
    assert quality.judge(outputs, data().test.y, task())["accuracy"] >= 0.95


@pytest.mark.parametrize("precision", ["float32", "int8", "mixed"])
def test_it_answers_to_the_last_bit_as_the_reference_kernels_of_litert(precision: str) -> None:
    x = data().test.x
    ours = BACKEND.load(loading(artifact(precision))).bind(x)()
    assert np.array_equal(ours, loaded(artifact(precision), "reference").bind(x)())


# LiteRT rounds dense layers in another way in its reference kernels than in its optimised ones, and TFLM as the latter.
@pytest.mark.parametrize(("build", "kernels"), [(dense.build, "builtin"), (cnn.build, "reference")])
def test_so_it_does_of_the_other_built_in_models(tmp_path: Path, build: Callable[[], Any], kernels: str) -> None:
    import keras

    keras.utils.set_random_seed(0)
    keras_files.save_model(build(), tmp_path / "net.keras")
    made = BACKEND.convert(conversion(tmp_path, "int8", tmp_path / "net.keras"))
    x = data().test.x
    ours = BACKEND.load(loading(made)).bind(x)()
    assert np.array_equal(ours, loaded(made, kernels).bind(x)())
    # The answer is a softmax in steps of 1/256.
    assert np.abs(ours - loaded(made, "reference").bind(x)()).max() <= 1 / 256


def test_the_file_is_the_one_that_litert_writes(tmp_path: Path) -> None:
    made = BACKEND.convert(ordered(tmp_path, "int8"))
    assert made.name == "model.tflite"
    ours = BACKEND.load(loading(made)).bind(data().test.x[:32])()
    assert np.array_equal(ours, BACKEND.load(loading(artifact("int8"))).bind(data().test.x[:32])())


def test_what_it_does_not_realise_has_a_reason_each() -> None:
    can = BACKEND.capabilities
    assert set(can.refusals) == {"fp16", "bf16", "dynamic", "int4", "int8w", "layerwise"}
    assert "answers wrongly" in can.refusals["int8w"].detail


@pytest.mark.parametrize("precision", ["fp16", "dynamic", "int4"])
def test_files_of_other_precisions_are_refused_in_the_words_of_tflm(precision: str) -> None:
    with pytest.raises(tradeoff.Refused, match=r"TFLM does not run model.tflite: .*failed to prepare"):
        BACKEND.load(loading(artifact(precision)))


def test_a_file_that_it_would_answer_wrongly_is_refused() -> None:
    with pytest.raises(tradeoff.Refused, match=r"unpacks the weights of .*, which TFLM runs and answers wrongly"):
        BACKEND.load(loading(artifact("int8w")))


def test_a_file_with_whole_numbers_at_its_edges_is_given_floats_all_the_same(tmp_path: Path) -> None:
    import tensorflow

    def ask(converter: tensorflow.lite.TFLiteConverter) -> None:
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample[None]] for sample in data().calibration.x[:100])
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tensorflow.int8

    path = strangers(tmp_path, keras_files.load_model(trained_file()), ask)
    x = data().test.x[:64]
    found = BACKEND.load(loading(path)).bind(x)()
    assert found.dtype == np.float32
    assert np.array_equal(found, loaded(path, "reference").bind(x)())
    assert quality.judge(found, data().test.y[:64], task())["accuracy"] >= 0.95


def test_operators_that_it_does_not_have_are_all_named(tmp_path: Path) -> None:
    import keras

    first = (keras.layers.Flatten(), keras.layers.Dense(4, activation="gelu"), own_layer("sign"))
    layers = (*first, keras.layers.Reshape((2, 2, 1, 1)), keras.layers.Conv3D(2, 1))
    made = LiteRTBackend().convert(conversion(tmp_path, "float32", saved(tmp_path, *layers)))
    with pytest.raises(tradeoff.Refused, match=r"needs operators that TFLM does not have: GELU, SIGN, CONV_3D$"):
        BACKEND.load(loading(made))


@pytest.mark.parametrize("scale", [0.0, float("nan")])
def test_scales_that_mean_nothing_are_refused_in_the_words_of_tflm(tmp_path: Path, scale: float) -> None:
    path = tmp_path / "odd.tflite"
    path.write_bytes(with_scale(artifact("int8").read_bytes(), "CONV_2D", scale))
    with pytest.raises(tradeoff.Refused, match=r"TFLM does not run odd\.tflite: .*Node CONV_2D \(number 1\) failed"):
        BACKEND.load(loading(path))


def test_a_file_that_aborts_tflm_is_refused_and_the_next_one_runs(tmp_path: Path) -> None:
    import keras

    given = keras.Input((8, 8, 1))
    both = keras.layers.Add()([keras.layers.Conv2D(2, 3)(given), keras.layers.Conv2D(2, 3)(given)])
    net = keras.Model(given, keras.layers.Dense(3)(keras.layers.Flatten()(both)))
    keras_files.save_model(net, tmp_path / "net.keras")
    made = BACKEND.convert(conversion(tmp_path, "int8", tmp_path / "net.keras"))
    path = tmp_path / "aborts.tflite"
    path.write_bytes(with_scale(made.read_bytes(), "ADD", 1e-12))
    with pytest.raises(
        tradeoff.Refused, match=r"aborts\.tflite ends TFLM's process with SIG\w+, as it would stop"
    ) as caught:
        BACKEND.load(loading(path))
    assert "\n" not in str(caught.value)
    assert BACKEND.load(loading(made)).bind(data().test.x[:2])().shape == (2, 3)


@pytest.mark.parametrize("content", [b"", b"no model at all, but some bytes", None], ids=["empty", "foreign", "cut"])
def test_a_file_that_is_none_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "spoilt.tflite"
    path.write_bytes(artifact("int8").read_bytes()[:2000] if content is None else content)
    with pytest.raises(tradeoff.BadInput, match=r"spoilt.tflite cannot be read by TFLM: it is no .tflite file, or"):
        BACKEND.load(loading(path))


def test_a_batch_of_another_shape_is_refused() -> None:
    runner = BACKEND.load(loading(artifact("int8")))
    with pytest.raises(tradeoff.Refused, match=r"takes 1x8x8x1, and 4x9x9x1 is no batch of such"):
        runner.bind(np.zeros((4, 9, 9, 1), np.float32))


def test_its_operators_are_those_of_the_file_without_seconds() -> None:
    profile = BACKEND.profile(loading(artifact("int8")), data().test.x[:1])
    told = LiteRTBackend().profile(
        tradeoff.Loading(artifact("int8"), {"threads": 1, "kernels": "reference"}, "host-cpu"), data().test.x[:1]
    )
    assert told is not None
    assert [replaced(operator) for operator in profile.operators] == [replaced(operator) for operator in told.operators]
    assert profile.seconds == "unavailable"
    assert all(operator.seconds is None for operator in profile.operators)


def replaced(operator: tradeoff.Operator) -> tuple[object, ...]:
    return (operator.name, operator.kind, operator.weights_bytes, operator.output_bytes, operator.flops)


def test_its_anatomy_is_that_of_one_sample() -> None:
    one = LiteRTBackend().anatomy(tradeoff.Loading(artifact("int8"), {"threads": 1}, "host-cpu"), 1)
    assert BACKEND.anatomy(loading(artifact("int8")), 32) == one


def test_a_finished_file_needs_neither_litert_nor_tensorflow() -> None:
    program = (
        "import sys\n"
        "sys.modules['ai_edge_litert'] = sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "import tradeoff\n"
        "from tradeoff.backends.mcu.backend import ANY, MCUBackend\n"
        "job = tradeoff.Loading(Path(sys.argv[1]), {}, ANY)\n"
        "x = np.zeros((2, 8, 8, 1), np.float32)\n"
        "print(MCUBackend().load(job).bind(x)().shape, len(MCUBackend().profile(job, x).operators))\n"
        "print(MCUBackend().anatomy(job, 1).weights_bytes > 0, MCUBackend().estimate(job, 1).figures[0].value > 0)\n"
    )
    command = [sys.executable, "-c", program, str(artifact("int8"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "(2, 10) 10\nTrue True\n", done.stderr
