"""What the tests of LiteRT share: nets as ``.tflite`` files, converted once, and what is in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from trained import conversion, data

import tradeoff
from tradeoff.backends.litert.backend import LiteRTBackend
from tradeoff.backends.litert.graph import Graph, read_graph
from tradeoff.formats import keras_files

BACKEND = LiteRTBackend()
PRECISIONS = BACKEND.capabilities.precisions
KERNELS = ("xnnpack", "builtin", "reference")


def folder() -> Path:
    return Path(mkdtemp(prefix="tradeoff-litert-"))


def ordered(
    where: Path, precision: str, model_file: Path | None = None, calibration: Any = None, **values: Any
) -> tradeoff.Conversion:
    """An order with the values that ``precision`` has when nothing else is written."""
    given = {"float": "ends", "count": 1, **values} if precision == "mixed" else values
    return replace(conversion(where, precision, model_file, calibration), values=given)


@cache
def artifact(precision: str = "float32", **values: Any) -> Path:
    """The trained net in ``precision``."""
    return BACKEND.convert(ordered(folder(), precision, **values))


def saved(where: Path, *layers: Any, shape: tuple[int | None, ...] = (8, 8, 1), batch: int | None = None) -> Path:
    """A file with an untrained net of ``layers``."""
    import keras

    keras.utils.set_random_seed(0)
    path = where / "given.keras"
    keras_files.save_model(keras.Sequential([keras.Input(shape, batch_size=batch), *layers]), path)
    return path


def own_layer(function: str) -> Any:
    """A layer of one TensorFlow function, registered so that it loads again."""
    import keras
    import tensorflow

    @keras.saving.register_keras_serializable("tests")
    class Own(keras.layers.Layer):  # type: ignore[misc]
        def __init__(self, function: str, **options: Any) -> None:
            super().__init__(**options)
            self.function = function

        def call(self, inputs: Any) -> Any:
            return getattr(tensorflow.math, self.function)(inputs)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "function": self.function}

    return Own(function)


def strangers(
    where: Path, model: Any, ask: Callable[[Any], None] = lambda converter: None, samples: Any = None
) -> Path:
    """A file that somebody made of a Keras model with a converter set up by ``ask``."""
    import tensorflow

    model.export(str(where / "exported"), verbose=False)
    converter = tensorflow.lite.TFLiteConverter.from_saved_model(str(where / "exported"))
    if samples is not None:
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    ask(converter)
    path = where / "strange.tflite"
    path.write_bytes(converter.convert())
    return path


def loaded(path: Path, kernels: str = "xnnpack") -> tradeoff.Runner:
    return BACKEND.load(tradeoff.Loading(path, {"threads": 1, "kernels": kernels}, "host-cpu"))


def graph(path: Path) -> Graph:
    return read_graph(path.read_bytes())


def weights(path: Path) -> list[tuple[str, str]]:
    """Kind of operator and type of its weights, in the order in which they run."""
    found = graph(path)
    return [(node.kind, tensor.type) for node, tensor in found.weighted()]


def interpreter(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(path), num_threads=1)


def operators(path: Path) -> list[str]:
    return [operator["op_name"] for operator in interpreter(path)._get_ops_details()]


def accuracy(path: Path, kernels: str = "xnnpack") -> float:
    outputs = loaded(path, kernels).bind(data().test.x)()
    assert outputs.dtype == np.float32
    return float(np.mean(outputs.argmax(-1) == data().test.y))
