"""The searched arena and a program of one size are within a tenth of the RAM that EdgeMark publishes for TFLM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tflite_micro")

from litert_nets import strangers
from trained import NOISE

from tradeoff.backends.mcu.arena import figures

pytestmark = [pytest.mark.frameworks, pytest.mark.deep, *(pytest.mark.filterwarnings(line) for line in NOISE)]
#: Bytes of a whole program with the net that has one multiplication, on a Nucleo-L4R5ZI.
SMALLEST = 5040


def smallest() -> Any:
    import keras

    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def anomaly_detection() -> Any:
    import keras

    widths = (128, 128, 128, 128, 8, 128, 128, 128, 128)
    hidden = [keras.layers.Dense(width, activation="relu") for width in widths]
    return keras.Sequential([keras.Input((640,)), *hidden, keras.layers.Dense(640)])


def keyword_spotting() -> Any:
    from keras import Input, Sequential
    from keras import layers as of

    pairs = [(of.DepthwiseConv2D(3, padding="same"), of.Conv2D(64, 1)) for _ in range(4)]
    block = [part for pair in pairs for layer in pair for part in (layer, of.ReLU())]
    first = of.Conv2D(64, (10, 4), 2, padding="same", activation="relu")
    end = [of.AveragePooling2D((25, 5)), of.Flatten(), of.Dense(12, activation="softmax")]
    return Sequential([Input((49, 10, 1)), first, *block, *end])


def arena(folder: Path, build: Callable[[], Any], *, quantized: bool) -> float:
    """On 32 bits; quantized files have whole numbers at their edges, as on a board."""
    import tensorflow

    folder.mkdir()
    net = build()

    def whole(converter: Any) -> None:
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tensorflow.int8

        # As the published files are: dense layers with one scale.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True

    if quantized:
        samples = np.random.default_rng(0).normal(size=(20, *net.input_shape[1:])).astype(np.float32)
        path = strangers(folder, net, whole, samples)
    else:
        path = strangers(folder, net)
    return float(figures(path)[1].value or 0)


@pytest.mark.parametrize(
    ("build", "quantized", "published"),
    [
        (anomaly_detection, True, 7728),
        (keyword_spotting, True, 27760),
        (keyword_spotting, False, 71824),
    ],
)
def test_it_is_near_to_what_was_published(
    tmp_path: Path, build: Callable[[], Any], quantized: bool, published: int
) -> None:
    program = SMALLEST - arena(tmp_path / "smallest", smallest, quantized=True)
    assert arena(tmp_path / "net", build, quantized=quantized) + program == pytest.approx(published, rel=0.1)
