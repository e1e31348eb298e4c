"""Where a request goes: counted against sums that a person can make, timed against the request itself."""

from __future__ import annotations

import timeit
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from litert_nets import BACKEND, artifact, folder, graph, loaded, ordered, saved
from trained import NOISE, data

import tradeoff
from tradeoff.backends.litert import prefixes as litert_prefixes
from tradeoff.formats import keras_files

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]


def profile(path: Path, kernels: str = "xnnpack", batch: Any = None) -> tradeoff.Profile:
    x = data().test.x[:1] if batch is None else batch
    found = BACKEND.profile(tradeoff.Loading(path, {"threads": 1, "kernels": kernels}, "host-cpu"), x)
    assert found is not None
    return found


def test_operators_stand_in_the_order_in_which_they_run() -> None:
    found = profile(artifact()).operators
    assert [one.kind for one in found] == [
        "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX",
    ]  # fmt: skip
    assert all("re_lu" in one.name for one in found[:5])


def test_arithmetic_is_two_for_each_product() -> None:
    found = [one.flops for one in profile(artifact()).operators]
    # 8 x 8 results of 32 filters over 3 x 3 x 1, depthwise with stride 2, pointwise to 64; and so on.
    assert found == [
        2 * 64 * 32 * 9, 2 * 16 * 32 * 9, 2 * 16 * 64 * 32, 2 * 4 * 64 * 9, 2 * 4 * 128 * 64, None, 2 * 128 * 10, None,
    ]  # fmt: skip


@pytest.mark.parametrize("precision", ["float32", "fp16", "int8", "int4", "int8w", "int16x8", "mixed"])
def test_the_parts_add_up_to_the_anatomy(precision: str) -> None:
    found = profile(artifact(precision)).operators
    whole = BACKEND.anatomy(tradeoff.Loading(artifact(precision), {"threads": 1}, "host-cpu"), 1)
    assert sum(one.weights_bytes or 0 for one in found) == whole.weights_bytes
    assert sum(one.output_bytes or 0 for one in found) == whole.activations_bytes


def test_what_only_unpacks_constants_is_counted_with_who_uses_them() -> None:
    assert "DEQUANTIZE" in [node.kind for node in graph(artifact("fp16")).nodes]
    half, whole = (profile(artifact(precision)).operators for precision in ("fp16", "float32"))
    assert [one.kind for one in half] == [one.kind for one in whole]
    assert half[4].weights_bytes == (whole[4].weights_bytes or 0) / 2


def test_a_batch_multiplies_results_and_arithmetic_and_not_weights() -> None:
    one, eight = (profile(artifact(), batch=data().test.x[:size]).operators for size in (1, 8))
    assert [found.weights_bytes for found in eight] == [found.weights_bytes for found in one]
    assert [found.output_bytes for found in eight] == [8 * (found.output_bytes or 0) for found in one]
    assert eight[0].flops == 8 * (one[0].flops or 0)


@pytest.mark.parametrize("kernels", ["xnnpack", "builtin", "reference"])
def test_times_add_up_to_the_request(kernels: str) -> None:
    x = data().test.x[:64]
    found = profile(artifact(), kernels, x)
    assert found.seconds == "measured"
    assert f"{kernels} kernels" in found.source
    call = loaded(artifact(), kernels).bind(x)
    request = min(timeit.repeat(call, number=5, repeat=20)) / 5
    # Where another process takes the processor meanwhile, operators take longer.
    assert 0.5 * request < sum(one.seconds or 0.0 for one in found.operators) < 10 * request


def test_the_pointwise_convolutions_take_longer_than_the_softmax() -> None:
    found = profile(artifact(), "reference", data().test.x[:64]).operators
    assert min(found[2].seconds or 0.0, found[4].seconds or 0.0) > 5 * (found[-1].seconds or 0.0)


def test_a_profile_costs_less_than_a_second() -> None:
    assert timeit.timeit(lambda: profile(artifact()), number=1) < 1.0


@pytest.mark.parametrize("kernels", ["xnnpack", "builtin"])
def test_a_branch_takes_its_own_time_and_not_where_it_is_joined(tmp_path: Path, kernels: str) -> None:
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    taken = keras.Input((32, 32, 16))
    slow = layers.Conv2D(64, 5, padding="same")(taken)
    joined = layers.Add()([slow, layers.Conv2D(64, 1)(taken)])
    path = tmp_path / "given.keras"
    keras_files.save_model(keras.Model(taken, layers.GlobalAveragePooling2D()(joined)), path)
    made = BACKEND.convert(ordered(folder(), "float32", path))
    batch = np.random.default_rng(0).random((1, 32, 32, 16), dtype=np.float32)
    found = {one.flops: one.seconds for one in profile(made, kernels, batch).operators}
    slowest = found.pop(2.0 * 32 * 32 * 64 * 25 * 16) or 0.0
    assert slowest > sum(seconds or 0.0 for seconds in found.values())


def test_what_was_left_in_float_is_said() -> None:
    assert "left in float32: ds_cnn" in profile(artifact("int4")).note
    assert "left in" not in profile(artifact("int8")).note
    assert "left in" not in profile(artifact()).note


def test_a_file_that_would_take_too_long_has_sizes_without_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_prefixes, "_PATIENCE", 0.0)
    found = profile(artifact())
    assert found.seconds == "unavailable"
    assert {one.seconds for one in found.operators} == {None}
    assert found.operators[0].flops
    assert "too long" in found.note


def test_a_file_too_large_to_be_held_many_times_is_timed_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_prefixes, "_HELD", 0)
    x = data().test.x[:64]
    found = profile(artifact(), "reference", x)
    assert found.seconds == "measured"
    assert min(found.operators[2].seconds or 0.0, found.operators[4].seconds or 0.0) > 0.0


def test_whole_numbers_coming_in_are_profiled(tmp_path: Path) -> None:
    import keras

    path = saved(tmp_path, keras.layers.Embedding(20, 8), keras.layers.Flatten(), keras.layers.Dense(3), shape=(6,))
    made = BACKEND.convert(ordered(tmp_path, "float32", path))
    found = profile(made, batch=np.ones((2, 6), np.float32))
    assert found.operators[-1].kind == "FULLY_CONNECTED"


def test_a_file_that_does_not_run_when_cut_short_has_sizes_and_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_prefixes, "_open_ends", lambda graph, end: [10**6])
    found = profile(artifact())
    assert found.seconds == "unavailable"
    assert "a file cut short does not run" in found.note
    assert found.operators[0].weights_bytes
