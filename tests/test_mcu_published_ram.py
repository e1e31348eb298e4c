"""The searched arena tells the RAM that EdgeMark publishes for whole programs with TFLM.

EdgeMark counts a program's static memory. That is an arena, which it tries in steps, a copy of the output that its
harness keeps, and the same rest for all nets, which the smallest one tells.
"""

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
#: The steps in which EdgeMark tries arenas: of 512 bytes, of 1024 from 16 KiB on, of 2048 from 64 KiB on.
STEPS = ((16384, 512), (65536, 1024))
LARGEST_STEP = 2048


def dense(*widths: int, end: str | None = None) -> Callable[[], Any]:
    def build() -> Any:
        from keras import Input, Sequential
        from keras.layers import Dense

        hidden = [Dense(width, activation="relu") for width in widths[1:-1]]
        return Sequential([Input((widths[0],)), *hidden, Dense(widths[-1], activation=end)])

    return build


smallest = dense(1, 1)
anomaly_detection = dense(640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640)


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


def program(folder: Path, build: Callable[[], Any], *, quantized: bool) -> float:
    """Static memory of EdgeMark's program with this net."""
    rest = SMALLEST - stepped(arena(folder / "smallest", smallest, quantized=True))
    outputs = build().output_shape[-1]
    return rest + stepped(arena(folder / "net", build, quantized=quantized)) + outputs * (1 if quantized else 4)


def stepped(size: float) -> float:
    step = next((step for limit, step in STEPS if size < limit), LARGEST_STEP)
    return -(-size // step) * step


@pytest.mark.parametrize(
    ("build", "quantized", "published"),
    [
        (anomaly_detection, True, 7728),
        (anomaly_detection, False, 11696),
        (dense(13, 64, 32, 16, 1), True, 5552),
        (dense(13, 64, 64, 64, 1), False, 5552),
        (dense(13, 128, 128, 128, 1), True, 5552),
        (dense(13, 128, 128, 128, 1), False, 6064),
    ],
)
def test_nets_of_dense_layers_take_what_was_published(
    tmp_path: Path, build: Callable[[], Any], quantized: bool, published: int
) -> None:
    assert program(tmp_path, build, quantized=quantized) == pytest.approx(published, abs=16)


@pytest.mark.parametrize(
    ("build", "quantized", "published"),
    [
        (dense(1, 5, 1), True, 5592),
        (dense(50, 16, 8, 10, end="softmax"), True, 5600),
        (dense(784, 60, 32, 16, 10, end="softmax"), False, 8696),
        (dense(3072, 64, 32, 16, 10, end="softmax"), True, 8672),
        (keyword_spotting, True, 27760),
        (keyword_spotting, False, 71824),
    ],
)
def test_others_are_within_a_tenth(tmp_path: Path, build: Callable[[], Any], quantized: bool, published: int) -> None:
    assert program(tmp_path, build, quantized=quantized) == pytest.approx(published, rel=0.1)
