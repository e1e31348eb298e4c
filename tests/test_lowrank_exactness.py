"""Before any fine-tuning the factors give what the layer gives with the kernel that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lowrank_jobs import factorised, lowly
from trained import NOISE

pytestmark = [pytest.mark.frameworks, *(pytest.mark.filterwarnings(line) for line in NOISE)]
#: To make a case smaller takes longer than to look at it.
QUICK: Any = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
SIZES = st.integers(4, 24)
#: Nothing is too small here, and nothing is trained.
RAW = "smallest=1:epochs=0"


def one_layer(layer: Any, shape: tuple[int, ...], seed: int = 0) -> Any:
    """A model of that layer alone, with a bias that is not zero."""
    import keras

    keras.utils.set_random_seed(seed)
    entry = keras.Input(shape)
    made = keras.Model(entry, layer(entry), name="one")
    kernel = lowly(layer.kernel.shape, 9, 0.3, seed)
    layer.set_weights([kernel / np.linalg.norm(kernel), *(w + 0.5 for w in layer.get_weights()[1:])])
    return made


def outputs(model: Any, shape: tuple[int, ...]) -> Any:
    import keras

    x = np.random.default_rng(5).normal(size=(3, *shape)).astype(np.float32)
    return keras.ops.convert_to_numpy(model(x, training=False))


def agree(model: Any, made: Any, kernel: Any, shape: tuple[int, ...]) -> None:
    """The layer with ``kernel`` instead gives the same as the factors, to 1e-5 of the largest value."""
    (layer,) = model.layers[1:]
    whole = layer.get_weights()
    layer.set_weights([kernel.reshape(whole[0].shape), *whole[1:]])
    expected = outputs(model, shape)
    layer.set_weights(whole)
    assert np.abs(outputs(made, shape) - expected).max() <= 1e-5 * max(1.0, np.abs(expected).max())


def truncated(kernel: Any, rank: int) -> Any:
    left, values, right = np.linalg.svd(kernel.astype(np.float64).reshape(kernel.shape[-2:]), full_matrices=False)
    return (left[:, :rank] * values[:rank]) @ right[:rank]


@settings(QUICK, max_examples=20)
@given(SIZES, SIZES, st.integers(1, 90), st.sampled_from([(), (5,), (2, 3)]), st.booleans())
def test_svd_of_a_dense_layer(taken: int, made: int, cut: int, around: tuple[int, ...], bias: bool) -> None:
    import keras

    shape = (*around, taken)
    layer = keras.layers.Dense(made, activation="tanh", use_bias=bias)
    model = one_layer(layer, shape)
    rank = int((1 - cut / 100) * taken * made) // (taken + made)
    if not rank:
        return
    found = factorised(model, f"svd:{cut / 100}:{RAW}")
    facts = found.facts["layers"][layer.name]
    assert facts["ranks"] == [rank]
    agree(model, found.model, truncated(layer.get_weights()[0], rank), shape)


@QUICK
@given(SIZES, SIZES, st.integers(1, 3), st.sampled_from([(1, "Conv1D"), (2, "Conv2D"), (3, "Conv3D")]))
def test_svd_of_a_convolution_of_one_tap(taken: int, made: int, strides: int, kind: tuple[int, str]) -> None:
    import keras

    dimensions, name = kind
    layer = getattr(keras.layers, name)(made, 1, strides=strides, activation="tanh")
    shape = (*([6, 5, 4][:dimensions]), taken)
    model = one_layer(layer, shape)
    found = factorised(model, f"svd:0.6:{RAW}") if 0.4 * taken * made >= taken + made else None
    if found:
        (rank,) = found.facts["layers"][layer.name]["ranks"]
        agree(model, found.model, truncated(layer.get_weights()[0], rank), shape)


CONVOLUTIONS: dict[str, tuple[Callable[[int], Any], tuple[int, ...]]] = {}


def convolution(name: str, shape: tuple[int, ...], **options: Any) -> None:
    def make(filters: int) -> Any:
        import keras

        kind = getattr(keras.layers, f"Conv{len(shape)}D")
        return kind(filters, **{"kernel_size": 3, "activation": "tanh", **options})

    CONVOLUTIONS[name] = make, shape


convolution("plain", (7, 6))
convolution("padded", (7, 6), padding="same", use_bias=False)
convolution("strided", (9, 8), strides=2, padding="same")
convolution("dilated", (9, 8), dilation_rate=2)
convolution("oblong", (6, 9), kernel_size=(2, 4), padding="same")
convolution("row", (12,), kernel_size=5, padding="same")
convolution("causal", (12,), padding="causal")
convolution("volume", (5, 4, 6), kernel_size=2)


def of_parts(made: Any, prefix: str) -> Any:
    """The kernel that the layers of ``made`` stand for, from their weights, and nothing of the technique's own."""
    kernel: Any = None
    for layer in made.layers[1:]:
        assert layer.name.startswith(prefix)
        weights = layer.get_weights()[0].astype(np.float64)
        if kernel is None:
            kernel = weights
        elif "Depthwise" in type(layer).__name__:
            kernel = np.einsum("...ir,...rx->...ir", kernel, weights[..., 0][..., None])
        elif weights.shape[:-2] == (1,) * (weights.ndim - 2):
            kernel = np.einsum("...ir,ro->...io", kernel, weights.reshape(weights.shape[-2:]))
        else:
            kernel = np.einsum("ir,...ro->...io", kernel.reshape(kernel.shape[-2:]), weights)
    return kernel


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_tucker_of_a_convolution(kind: str) -> None:
    make, around = CONVOLUTIONS[kind]

    @QUICK
    @given(SIZES, SIZES, st.integers(30, 80))
    def check(taken: int, filters: int, cut: int) -> None:
        shape, layer = (*around, taken), make(filters)
        model = one_layer(layer, shape)
        found = factorised(model, f"tucker:{cut / 100}:{RAW}")
        facts = found.facts["layers"][layer.name]
        kernel = of_parts(found.model, layer.name)
        agree(model, found.model, kernel, shape)
        original = layer.get_weights()[0]
        error = np.linalg.norm(kernel - original) / np.linalg.norm(original)
        assert facts["error"] == pytest.approx(error, abs=1e-4)
        assert error <= hosvd_error(original, facts["ranks"]) + 1e-4
        assert sum(w.size for w in found.model.get_weights() if w.ndim > 1) == facts["weights"][1]
        assert facts["weights"][1] <= (1 - cut / 100) * facts["weights"][0]

    check()


def hosvd_error(kernel: Any, ranks: list[int]) -> float:
    """Of the truncation that the iteration starts from."""
    made = kernel.astype(np.float64)
    for axis, rank in zip((-2, -1), ranks, strict=True):
        flat = np.moveaxis(kernel, axis, 0).reshape(kernel.shape[axis], -1)
        left = np.linalg.svd(flat.astype(np.float64), full_matrices=False)[0][:, :rank]
        made = np.moveaxis(np.tensordot(left @ left.T, np.moveaxis(made, axis, 0), 1), 0, axis)
    return float(np.linalg.norm(made - kernel) / np.linalg.norm(kernel))


FOR_CP = [
    (kind, taps)
    for kind in CONVOLUTIONS
    for taps in ("together", "apart")
    if kind not in ("causal", "volume") and (kind, taps) != ("strided", "apart")
]


@pytest.mark.parametrize(("kind", "taps"), FOR_CP)
def test_cp_of_a_convolution(kind: str, taps: str) -> None:
    make, around = CONVOLUTIONS[kind]

    @settings(QUICK, max_examples=3)
    @given(SIZES, SIZES, st.integers(30, 80))
    def check(taken: int, filters: int, cut: int) -> None:
        shape, layer = (*around, taken), make(filters)
        model = one_layer(layer, shape)
        found = factorised(model, f"cp:{cut / 100}:taps={taps}:{RAW}")
        facts = found.facts["layers"][layer.name]
        kernel = of_parts_of_cp(found.model)
        agree(model, found.model, kernel, shape)
        original = layer.get_weights()[0]
        error = np.linalg.norm(kernel - original) / np.linalg.norm(original)
        assert facts["error"] == pytest.approx(error, abs=1e-4)
        assert sum(w.size for w in found.model.get_weights() if w.ndim > 1) == facts["weights"][1]

    check()


def of_parts_of_cp(made: Any) -> Any:
    first, *middle, last = (layer.get_weights()[0].astype(np.float64) for layer in made.layers[1:])
    taps = np.prod(np.broadcast_arrays(*(weights[..., 0] for weights in middle)), axis=0)
    return np.einsum("ir,...r,ro->...io", first.reshape(first.shape[-2:]), taps, last.reshape(last.shape[-2:]))


@pytest.mark.parametrize("text", ["tucker:energy=0.9999", "cp:energy=0.9999", "cp:energy=0.9999:taps=apart"])
def test_a_kernel_that_has_a_low_rank_is_found_out(text: str) -> None:
    import keras

    layer = keras.layers.Conv2D(24, 3, name="low")
    model = one_layer(layer, (6, 6, 20))
    layer.set_weights([lowly((3, 3, 20, 24), 3), layer.get_weights()[1]])
    facts = factorised(model, f"{text}:{RAW}").facts["layers"]["low"]
    assert facts["error"] < 0.02
    assert max(facts["ranks"]) <= 6
