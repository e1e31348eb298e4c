"""Backend litert: a file that is what was asked for, and requests that cost what the runtime costs."""

from __future__ import annotations

import subprocess
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from litert_nets import (
    BACKEND,
    KERNELS,
    PRECISIONS,
    accuracy,
    artifact,
    interpreter,
    loaded,
    operators,
    ordered,
    own_layer,
    saved,
)
from promises import (
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays,
    answers_as_keras_does,
    calls_of_several_batch_sizes_stay_valid,
    takes_floats_gives_floats_and_keeps_the_accuracy,
    two_calls_of_one_size_answer_for_their_own_data,
)
from trained import NOISE, conversion, data, loading, trained_file

import tradeoff
from tradeoff.engine import engine_environment
from tradeoff.formats import keras_files
from tradeoff.models import dense

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def test_float32_answers_as_keras_does() -> None:
    answers_as_keras_does(BACKEND.load(loading(artifact())))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_takes_floats_gives_floats_and_keeps_the_accuracy(precision: str) -> None:
    takes_floats_gives_floats_and_keeps_the_accuracy(BACKEND.load(loading(artifact(precision))))


@pytest.mark.parametrize("kernels", ["builtin", "reference"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_all_kernels_keep_the_accuracy_of_every_precision(precision: str, kernels: str) -> None:
    assert accuracy(artifact(precision), kernels) == pytest.approx(accuracy(artifact()), abs=0.02)


def test_kernels_are_what_was_asked_for() -> None:
    x = data().test.x[:64]
    answers = {kernels: loaded(artifact("int8"), kernels).bind(x)() for kernels in KERNELS}
    assert np.allclose(answers["xnnpack"], answers["builtin"], atol=0.05)
    assert np.allclose(answers["xnnpack"], answers["reference"], atol=0.05)
    seconds = {kernels: fastest(loaded(artifact(), kernels).bind(x)) for kernels in KERNELS}
    assert seconds["xnnpack"] < seconds["builtin"] < seconds["reference"]


def fastest(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=3, repeat=10))


def test_kernels_are_no_part_of_the_artifact() -> None:
    threads, kernels = BACKEND.parameters
    assert threads.runtime
    assert kernels.runtime
    with pytest.raises(tradeoff.BadInput, match="one of xnnpack, builtin, reference"):
        kernels.parse("fast", "litert")


def test_without_the_quantizer_what_the_converter_makes_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tradeoff.Requirement, "installed", lambda need: need.module != "ai_edge_quantizer")
    can = BACKEND.abilities({"threads": 1, "kernels": "xnnpack"})
    assert can.precisions == ("float32", "fp16", "dynamic", "int8")
    assert {str(can.refusals[name]) for name in ("int16x8", "int4", "int8w", "mixed")} == {
        "not installed: ai-edge-quantizer: pip install 'tradeoff[litert]'"
    }


def test_bfloat16_is_refused_with_a_way_out() -> None:
    assert "fp16 is as small" in BACKEND.capabilities.refusals["bf16"].detail


def test_smaller_numbers_make_smaller_files() -> None:
    sizes = {precision: artifact(precision).stat().st_size for precision in PRECISIONS}
    assert sizes["fp16"] < 0.65 * sizes["float32"]
    assert sizes["dynamic"] < 0.5 * sizes["float32"]
    assert sizes["int8"] < 0.55 * sizes["float32"]
    assert sizes["int16x8"] < 0.55 * sizes["float32"]
    assert sizes["int8w"] < 0.5 * sizes["float32"]
    assert sizes["int4"] < 0.8 * sizes["int8w"]
    assert sizes["int8"] < sizes["mixed"] < sizes["float32"]


def test_int8_computes_in_int8_from_end_to_end() -> None:
    found = operators(artifact("int8"))
    assert (found[0], found[-1]) == ("QUANTIZE", "DEQUANTIZE")
    kinds = [details["dtype"].__name__ for details in interpreter(artifact("int8")).get_tensor_details()]
    assert kinds.count("float32") == 2


@pytest.mark.parametrize("precision", PRECISIONS)
def test_converting_twice_gives_the_same_bytes(tmp_path: Path, precision: str) -> None:
    assert BACKEND.convert(ordered(tmp_path, precision)).read_bytes() == artifact(precision).read_bytes()


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_flattening_costs_one_operator_and_takes_any_batch(tmp_path: Path, precision: str) -> None:
    path = tmp_path / "given.keras"
    keras_files.save_model(dense.build(), path)
    made = BACKEND.convert(conversion(tmp_path, precision, model_file=path))
    assert not {"SHAPE", "STRIDED_SLICE", "PACK"} & set(operators(made))
    runner = BACKEND.load(loading(made))
    whole = runner.bind(data().test.x[:50])()
    for size in (1, 7, 32):
        assert np.allclose(runner.bind(data().test.x[:size])(), whole[:size], atol=0.02)


def test_reshaping_costs_one_operator_and_takes_any_batch(tmp_path: Path) -> None:
    import keras

    layers = (keras.layers.Reshape((16, -1)), keras.layers.Conv1D(3, 2), keras.layers.GlobalMaxPooling1D())
    path = saved(tmp_path, *layers)
    made = BACKEND.convert(conversion(tmp_path, model_file=path))
    assert not {"SHAPE", "STRIDED_SLICE", "PACK"} & set(operators(made))
    x = data().test.x[:5]
    expected = keras_files.outputs_of(keras_files.load_model(path), x)
    assert np.allclose(BACKEND.load(loading(made)).bind(x)(), expected, atol=1e-5)


def test_converting_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = dense.build()
    path = tmp_path / "given.keras"
    keras_files.save_model(model, path)
    job = conversion(tmp_path, model_file=path)
    BACKEND.convert(tradeoff.Conversion(**{**vars(job), "load_model": lambda: model}))
    assert "call" not in vars(model.layers[0])


def test_bound_calls_of_several_batch_sizes_stay_valid() -> None:
    calls_of_several_batch_sizes_stay_valid(BACKEND.load(loading(artifact())), atol=1e-6)


def test_two_calls_of_one_batch_size_answer_for_their_own_data() -> None:
    two_calls_of_one_size_answer_for_their_own_data(BACKEND.load(loading(artifact())))


def test_an_answer_stays_as_it_was_when_the_next_request_comes() -> None:
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays(BACKEND.load(loading(artifact())))


def test_more_threads_give_the_same_answer() -> None:
    x = data().test.x[:32]
    one, two = (BACKEND.load(loading(artifact(), threads=threads)).bind(x)() for threads in (1, 2))
    assert np.allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_operator_the_format_lacks_is_refused_not_crashed(tmp_path: Path, precision: str) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Flatten(), own_layer("bessel_i0e"), keras.layers.Dense(2))
    with pytest.raises(tradeoff.Refused, match=r"not supported by format: .*BesselI0e"):
        BACKEND.convert(ordered(tmp_path, precision, path))


def test_int8_that_would_stay_in_float_is_refused(tmp_path: Path) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Flatten(), keras.layers.Dense(4), own_layer("sin"), keras.layers.Dense(2))
    assert BACKEND.convert(conversion(tmp_path, model_file=path)).exists()
    with pytest.raises(tradeoff.Refused, match="not supported by format"):
        BACKEND.convert(conversion(tmp_path, "int8", model_file=path))


@pytest.mark.parametrize("kept", [0, 4, 1000, -1000, -1])
def test_a_file_that_is_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "short.tflite"
    path.write_bytes(artifact("int8").read_bytes()[:kept])
    with pytest.raises(tradeoff.BadInput, match=r"short\.tflite cannot be loaded by LiteRT"):
        BACKEND.load(loading(path))


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(trained_file().read_bytes())
    with pytest.raises(tradeoff.BadInput, match=r"foreign\.tflite"):
        BACKEND.load(loading(path))


def test_running_imports_neither_keras_nor_tensorflow() -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np; "
        "from tradeoff.backends.litert.backend import LiteRTRunner; "
        f"LiteRTRunner(Path({str(artifact())!r}), 1).bind(np.zeros((2, 8, 8, 1), np.float32))(); "
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_conversion_is_on_tensorflow_whatever_trained_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert BACKEND.conversion_environment({"threads": 1}) == engine_environment("tensorflow")


def test_one_worker_serves_all_thread_counts() -> None:
    assert BACKEND.environment({"threads": 1}, "host-cpu") == BACKEND.environment({"threads": 4}, "host-cpu")
