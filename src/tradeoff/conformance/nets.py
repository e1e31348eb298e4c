"""The nets that plugins are checked with: built on the spot, small, and of weights that make them say something.

None of them is trained. Normalisations know their inputs, and the last layer is scaled so that each class is
the answer to some of the samples: a backend that answers wrongly shows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array, Splits

MODEL: Final = "model.keras"
OUTPUTS: Final = "outputs.npy"
CLASSES: Final = 10
SAMPLES: Final = 64
#: By name, with the shape of a sample. Some tensors of each are larger than converters leave alone.
SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "conv": (12, 12, 3),
    "depthwise": (12, 12, 3),
    "dense": (12, 12, 3),
    "large": (1024,),
}
#: Those that are converted in every precision, until one is not refused.
SMALL: Final = ("conv", "depthwise", "dense")
LARGE: Final = "large"
#: How far the logits of the nets are spread.
_SPREAD: Final = 2.0
_SETTLING: Final = 10


def write_net(name: str, folder: Path) -> None:
    """Write one net, the data that stands for its task, and what Keras answers to the test split."""
    import numpy as np

    from tradeoff.formats import keras_files

    model, data = net(name), splits(name)
    keras_files.save_model(model, folder / MODEL)
    for split in ("train", "calibration", "validation", "test"):
        found = getattr(data, split)
        np.savez(folder / f"{split}.npz", x=found.x, y=found.y)
    np.save(folder / OUTPUTS, keras_files.outputs_of(model, data.test.x))


def net(name: str) -> Any:
    """The net ``name``, the same every time."""
    import keras

    from tradeoff.training import set_seed

    set_seed(1)
    layers = _LAYERS[name]()
    last = keras.layers.Dense(CLASSES, activation="softmax")
    model = keras.Sequential([keras.Input(SHAPES[name]), *layers, last], name=name)
    _settle(model, last, samples(name, 0))
    return model


def samples(name: str, seed: int) -> Array:
    """Noise in the range that calibration sees, each sample with a level of its own."""
    import numpy as np

    generator = np.random.default_rng(seed)
    shape = SHAPES[name]
    level = generator.uniform(-0.5, 0.5, (SAMPLES, *[1] * (len(shape) - 1), shape[-1]))
    return (level + generator.uniform(-0.5, 0.5, (SAMPLES, *shape))).astype(np.float32)


def splits(name: str) -> Splits:
    """A task of noise; a sample's class is what the sums of its parts say."""
    import numpy as np

    from tradeoff.vocabulary import Split, Splits

    def split(seed: int) -> Split:
        x = samples(name, seed)
        parts = np.array_split(x.reshape(len(x), -1), CLASSES, axis=1)
        return Split(x, np.argmax([part.sum(axis=1) for part in parts], axis=0).astype(np.int64))

    return Splits(train=split(1), calibration=split(2), validation=split(3), test=split(4))


def _settle(model: Any, last: Any, x: Array) -> None:
    import keras
    import numpy as np

    for _ in range(_SETTLING):
        model(x, training=True)
    kernel, bias = last.get_weights()
    scores = keras.ops.convert_to_numpy(_before(model, x)) @ kernel
    scale = _SPREAD / scores.std(axis=0)
    last.set_weights([(kernel * scale).astype(np.float32), (bias - (scores * scale).mean(axis=0)).astype(np.float32)])


def _before(model: Any, x: Array) -> Any:
    """What the last layer is given."""
    for layer in model.layers[:-1]:
        x = layer(x)
    return x


def _conv() -> list[Any]:
    from keras import layers

    return [
        layers.Conv2D(16, 3, use_bias=False),
        layers.BatchNormalization(momentum=0.5),
        layers.ReLU(),
        layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(momentum=0.5),
        layers.ReLU(),
        layers.Flatten(),
    ]


def _depthwise() -> list[Any]:
    from keras import layers

    return [
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.BatchNormalization(momentum=0.5),
        layers.ReLU(),
        layers.Conv2D(64, 1, activation="relu"),
        layers.GlobalAveragePooling2D(),
    ]


def _dense() -> list[Any]:
    from keras import layers

    return [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu")]


def _large() -> list[Any]:
    from keras import layers

    return [layers.Dense(2048, activation="relu"), layers.Dense(2048, activation="relu")]


_LAYERS: Final[dict[str, Callable[[], list[Any]]]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "large": _large,
}
