"""Backend jax: one file of StableHLO for any batch, that runs without Keras and is opened with distrust."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from mutations import fates, mutations
from promises import (
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays,
    calls_of_several_batch_sizes_stay_valid,
    takes_floats_gives_floats_and_keeps_the_accuracy,
    two_calls_of_one_size_answer_for_their_own_data,
)
from trained import NOISE, data, loading, task, trained_file

import tradeoff
from tradeoff import quality
from tradeoff.backends.jax.artifact import PLATFORMS
from tradeoff.backends.jax.backend import JaxBackend
from tradeoff.engine import engine_environment
from tradeoff.formats import keras_files

pytest.importorskip("jax", exc_type=ImportError)
pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
BACKEND = JaxBackend()
PRECISIONS = BACKEND.capabilities.precisions
#: In a process of its own, where Keras runs on JAX: one order after the other; what is refused is told in a file.
CONVERT = """
import json, sys
from pathlib import Path
import tradeoff
from tradeoff.backends.jax.backend import JaxBackend
from trained import conversion

for model, precision, folder in json.loads(sys.argv[1]):
    try:
        JaxBackend().convert(conversion(Path(folder), precision, Path(model)))
    except tradeoff.Refused as refused:
        (Path(folder) / "refused").write_text(str(refused), encoding="utf-8")
"""


def convert(*orders: tuple[Path, str]) -> list[Path]:
    """The folder that each model in its precision was converted into."""
    folders = [Path(mkdtemp(prefix="tradeoff-jax-")) for _ in orders]
    told = json.dumps(
        [(str(model), precision, str(to)) for (model, precision), to in zip(orders, folders, strict=True)]
    )
    variables = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, "-c", CONVERT, told], env=variables, check=True)
    return folders


@cache
def made() -> dict[str, Path]:
    """The trained net in every precision, and nets that are made for one test each."""
    folder = Path(mkdtemp(prefix="tradeoff-jax-"))
    names = {**dict.fromkeys(PRECISIONS, trained_file()), **{name: saved(folder / name) for name in OTHERS}}
    orders = [(path, name if name in PRECISIONS else OTHERS[name][1]) for name, path in names.items()]
    return dict(zip(names, convert(*orders), strict=True))


def artifact(name: str = "float32") -> Path:
    return made()[name] / "model.stablehlo"


def refusal(name: str) -> str:
    return (made()[name] / "refused").read_text(encoding="utf-8")


def reshaping() -> Any:
    import keras

    layers = (keras.layers.Reshape((16, -1)), keras.layers.Conv1D(3, 2), keras.layers.Flatten(), keras.layers.Dense(2))
    return keras.Sequential([keras.Input((8, 8, 1)), *layers])


def twofold() -> Any:
    import keras

    first, second = keras.Input((4,)), keras.Input((4,))
    return keras.Model([first, second], keras.layers.Add()([first, second]))


def large() -> Any:
    import keras

    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.set_weights([np.full((64, 2), 1e6), np.zeros(2)])
    return model


#: Nets by what is told of them, and the precision they are converted in.
OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    "reshaping": (reshaping, "float32"),
    "twofold": (twofold, "float32"),
    "large": (large, "fp16"),
}


def saved(path: Path) -> Path:
    import keras

    keras.utils.set_random_seed(0)
    given = path.with_suffix(".keras")
    keras_files.save_model(OTHERS[path.name][0](), given)
    return given


def expected(path: Path, x: Any) -> Any:
    return keras_files.outputs_of(keras_files.load_model(path), x)


def foreign(path: Path, function: Callable[..., Any], *shapes: Any, **options: Any) -> Path:
    """A file as somebody else may have exported it."""
    import jax
    import jax.export

    given = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
    path.write_bytes(jax.export.export(jax.jit(function), **options)(*given).serialize())
    return path


def test_float32_answers_as_keras_does() -> None:
    x = data().test.x[:32]
    assert np.allclose(BACKEND.load(loading(artifact())).bind(x)(), expected(trained_file(), x), atol=1e-5)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_takes_floats_gives_floats_and_keeps_the_accuracy(precision: str) -> None:
    takes_floats_gives_floats_and_keeps_the_accuracy(BACKEND.load(loading(artifact(precision))))
    outputs = BACKEND.load(loading(artifact(precision))).bind(data().test.x)()
    assert quality.agreement(outputs, expected(trained_file(), data().test.x), task())["top1_agreement"] >= 0.98


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_halves_the_weights(precision: str) -> None:
    half, full = (BACKEND.anatomy(loading(artifact(name)), 1).weights_bytes for name in (precision, "float32"))
    assert half == pytest.approx(full / 2, rel=0.01)
    assert artifact(precision).stat().st_size < 0.65 * artifact().stat().st_size


def test_weights_that_float16_cannot_hold_are_refused() -> None:
    assert refusal("large").startswith("not supported by format: ")
    assert "too large for float16" in refusal("large")


def test_a_model_of_several_inputs_is_refused() -> None:
    assert refusal("twofold") == "not implemented here: the model has 2 inputs, not one"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_another_process_makes_the_same_bytes(precision: str) -> None:
    assert again()[precision].read_bytes() == artifact(precision).read_bytes()


@cache
def again() -> dict[str, Path]:
    folders = convert(*((trained_file(), precision) for precision in reversed(PRECISIONS)))
    return {name: folder / "model.stablehlo" for name, folder in zip(reversed(PRECISIONS), folders, strict=True)}


def test_nothing_of_this_machine_is_in_the_file() -> None:
    blob = artifact().read_bytes()
    assert b".py" not in blob
    assert str(Path.cwd()).encode() not in blob


@pytest.mark.parametrize("name", ["float32", "reshaping"])
def test_one_file_takes_any_batch(name: str) -> None:
    runner = BACKEND.load(loading(artifact(name)))
    whole = runner.bind(data().test.x[:50])()
    for size in (1, 7, 32):
        assert np.allclose(runner.bind(data().test.x[:size])(), whole[:size], atol=1e-5)


def test_one_file_is_for_the_processor_and_for_gpus() -> None:
    import jax.export

    module = jax.export.deserialize(bytearray(artifact().read_bytes()))
    assert module.platforms == PLATFORMS
    assert {"cpu", "cuda"} <= set(PLATFORMS)


def test_bound_calls_of_several_batch_sizes_stay_valid() -> None:
    calls_of_several_batch_sizes_stay_valid(BACKEND.load(loading(artifact())), atol=1e-6)


def test_two_calls_of_one_batch_size_answer_for_their_own_data_and_are_compiled_once() -> None:
    runner: Any = BACKEND.load(loading(artifact()))
    two_calls_of_one_size_answer_for_their_own_data(runner)
    assert runner._function._cache_size() == 1


def test_a_request_reads_the_batch_as_it_is_then_and_its_answer_stays() -> None:
    a_request_reads_the_batch_as_it_is_then_and_its_answer_stays(BACKEND.load(loading(artifact())))


def test_a_request_compiles_nothing() -> None:
    runner: Any = BACKEND.load(loading(artifact()))
    call = runner.bind(data().test.x[:2])
    compiled = runner._function._cache_size()
    call()
    assert runner._function._cache_size() == compiled == 1


@pytest.mark.parametrize("precision", ["dynamic", "int8", "int8w", "int16x8", "int4"])
def test_integer_precisions_are_refused_with_a_way_out(precision: str) -> None:
    told = BACKEND.capabilities.refusals[precision]
    assert precision not in PRECISIONS
    assert str(told).startswith("not implemented here: ")
    assert "try a backend that quantizes" in told.detail


# --- where it runs ----------------------------------------------------------------------------------


def test_running_imports_neither_keras_nor_tensorflow() -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np; "
        "from tradeoff.backends.jax.backend import JaxRunner; "
        f"JaxRunner(Path({str(artifact())!r})).bind(np.zeros((2, 8, 8, 1), np.float32))(); "
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    variables = {**os.environ, "JAX_PLATFORMS": "cpu"}
    assert subprocess.run([sys.executable, "-c", code], env=variables, check=False).returncode == 0


def test_what_is_required_to_run_is_neither_keras_nor_tensorflow() -> None:
    assert {need.module for need in BACKEND.needs({"threads": 1})} == {"jax", "flatbuffers"}
    assert {need.module for need in BACKEND.converter_requires} == {"keras"}


def test_conversion_is_on_jax_whatever_trained_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert BACKEND.conversion_environment({"threads": 1}) == engine_environment("jax")


def test_thread_counts_and_devices_are_workers_of_their_own() -> None:
    one, two = (BACKEND.environment({"threads": threads}, "host-cpu") for threads in (1, 2))
    gpu = BACKEND.environment({"threads": 1}, "host-gpu")
    assert (one.name, two.name, gpu.name) == ("jax", "jax, 2 threads", "jax, GPU")
    assert dict(two.variables)["NPROC"] == "2"
    assert dict(one.variables)["JAX_PLATFORMS"] == "cpu"
    assert dict(gpu.variables)["JAX_PLATFORMS"] != "cpu"


@pytest.mark.parametrize(("platforms", "found"), [("cuda,cpu", "cpu"), ("unheard_of", "nothing")])
def test_a_gpu_that_jax_cannot_use_is_refused_with_what_to_install(platforms: str, found: str) -> None:
    import jax

    if jax.default_backend() != "cpu":
        pytest.skip("JAX has an accelerator here")
    code = (
        "import tradeoff; from pathlib import Path; from tradeoff.backends.jax.backend import JaxBackend\n"
        "try: JaxBackend().load(tradeoff.Loading(Path('none'), {'threads': 1}, 'host-gpu'))\n"
        "except tradeoff.Refused as refused: print(refused)"
    )
    variables = {**os.environ, "JAX_PLATFORMS": platforms}
    done = subprocess.run([sys.executable, "-c", code], env=variables, check=True, capture_output=True, text=True)
    assert f"no such device: host-gpu: JAX runs on {found}" in done.stdout
    assert "pip install 'jax[cuda13]'" in done.stdout


# --- files of strangers -----------------------------------------------------------------------------


def test_a_stranger_s_file_is_run_as_it_is(tmp_path: Path) -> None:
    path = foreign(tmp_path / "theirs.stablehlo", lambda x: {"scores": x.sum(axis=1)}, (3, 4))
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.allclose(BACKEND.load(loading(path)).bind(x)(), x.sum(axis=1))


def test_a_size_of_batch_that_a_file_does_not_take_is_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path / "fixed.stablehlo", lambda x: x * 2, (3, 4))
    runner = BACKEND.load(loading(path))
    with pytest.raises(
        tradeoff.Refused, match=r"not supported by format: no batch of shape \(2, 4\) for float32\[3,4\]"
    ):
        runner.bind(np.zeros((2, 4), np.float32))


def test_a_file_that_wants_its_weights_beside_it_is_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path / "split.stablehlo", lambda weights, x: x @ weights, (4, 2), (3, 4))
    with pytest.raises(tradeoff.Refused, match=r"split\.stablehlo takes 2 arrays"):
        BACKEND.load(loading(path))


def test_a_file_for_another_platform_is_refused(tmp_path: Path) -> None:
    path = foreign(tmp_path / "theirs.stablehlo", lambda x: x * 2, (3, 4), platforms=["tpu"])
    with pytest.raises(tradeoff.Refused, match="was exported for tpu, not for cpu"):
        BACKEND.load(loading(path))


def test_a_file_that_calls_code_outside_of_it_is_refused_before_it_is_compiled(tmp_path: Path) -> None:
    import jax
    import jax.export

    def calling(x: Any) -> Any:
        return jax.ffi.ffi_call("somewhere_else", jax.ShapeDtypeStruct(x.shape, x.dtype))(x)

    checks = [jax.export.DisabledSafetyCheck.custom_call("somewhere_else")]
    path = foreign(tmp_path / "theirs.stablehlo", calling, (3, 4), disabled_checks=checks)
    with pytest.raises(tradeoff.Refused, match=r"theirs\.stablehlo calls code outside the module: somewhere_else"):
        BACKEND.load(loading(path))


@pytest.mark.deep
def test_changed_files_never_bring_down_a_run(tmp_path: Path) -> None:
    files = []
    for number, blob in enumerate(mutations(artifact("reshaping").read_bytes(), seed=0, count=500)):
        files.append(tmp_path / f"{number}.stablehlo")
        files[-1].write_bytes(blob)
    found = fates(BACKEND, {"threads": 1}, files, task(), tmp_path)
    print(dict(found))
    assert found.total() == 500
    assert found["refused"] > 100


@pytest.mark.parametrize("kept", [0, 4, 1000, -1000, -40000])
def test_a_file_that_is_cut_short_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "short.stablehlo"
    path.write_bytes(artifact().read_bytes()[:kept])
    with pytest.raises(tradeoff.BadInput, match=r"short\.stablehlo cannot be loaded by JAX"):
        BACKEND.load(loading(path))


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "foreign.stablehlo"
    path.write_bytes(trained_file().read_bytes())
    with pytest.raises(tradeoff.BadInput, match=r"foreign\.stablehlo"):
        BACKEND.load(loading(path))


def test_converting_on_another_engine_is_told(tmp_path: Path) -> None:
    import keras
    from trained import conversion

    if keras.config.backend() == "jax":
        pytest.skip("Keras runs on JAX here")
    with pytest.raises(tradeoff.BadInput, match="needs Keras on JAX"):
        BACKEND.convert(conversion(tmp_path))


# --- what it consists of ----------------------------------------------------------------------------


def test_weights_are_those_of_the_model() -> None:
    counted = BACKEND.anatomy(loading(artifact()), 1)
    whole = keras_files.load_model(trained_file()).count_params() * 4
    # Beside them only numbers such as the epsilon of a normalization.
    assert counted.weights_bytes == pytest.approx(whole, rel=0.01)


def test_activations_grow_with_the_batch() -> None:
    one, eight = (BACKEND.anatomy(loading(artifact()), samples).activations_bytes for samples in (1, 8))
    assert one is not None
    assert eight is not None
    assert eight == pytest.approx(8 * one, rel=0.2)


def test_a_profile_tells_of_every_layer_with_its_time() -> None:
    found = BACKEND.profile(loading(artifact()), data().test.x[:1])
    assert found.seconds == "measured"
    assert all(operator.seconds and operator.seconds > 0 for operator in found.operators)
    text = " ".join(operator.name for operator in found.operators)
    layers = [layer.name for layer in keras_files.load_model(trained_file()).layers if "conv" in layer.name]
    assert len(layers) > 3
    assert [layer for layer in layers if layer not in text] == []


def test_a_profile_counts_as_xla_does() -> None:
    import jax

    from tradeoff.backends.jax.artifact import open_artifact

    x = data().test.x[:1]
    found = BACKEND.profile(loading(artifact()), x)
    whole = jax.jit(open_artifact(artifact()).call).lower(x).compile().cost_analysis()["flops"]
    counts = [operator.flops for operator in found.operators]
    assert None not in counts
    # XLA leaves out what a convolution would multiply beyond the edges.
    assert whole <= sum(count or 0 for count in counts) <= 1.25 * whole
    weights = [operator.weights_bytes or 0 for operator in found.operators]
    assert sum(weights) == pytest.approx(BACKEND.anatomy(loading(artifact()), 1).weights_bytes, rel=0.1)
