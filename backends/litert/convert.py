"""From a Keras model to a ``.tflite`` file, by TensorFlow's converter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from ..keras.export import export

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: In the name of a tensor: the layer that made it. The converter numbers names; what is inside a mark stays.
_MARK: Final = re.compile(r"layer\.([^/;]+?)\.(?:_\d+)?(?=[/;:]|$)")


def converted(model: Any, precision: str, calibration: Array, marked: bool = False) -> bytes:
    """The flatbuffer; ``marked`` has every tensor tell its layer, see :func:`layers_in`."""
    import keras
    import tensorflow

    if keras.config.backend() != "tensorflow":
        raise tradeoff.BadInput(
            f"the LiteRT converter needs Keras on TensorFlow, and this process runs it on {keras.config.backend()}"
        )
    # The converter's own error class is private, and tracing raises whatever a layer raises.
    try:
        # By way of a SavedModel: from_keras_model() takes another, unmaintained road where that fails, silently.
        with TemporaryDirectory() as folder:
            export(model, folder, _mark if marked else None)
            converter = tensorflow.lite.TFLiteConverter.from_saved_model(folder)
            _ask_for(converter, precision, calibration)
            blob: bytes = converter.convert()
    except Exception as error:
        raise tradeoff.Refused("not supported by format", told(error)) from error
    return blob


@contextmanager
def _mark(layer: Any) -> Iterator[None]:
    """Have all that a layer computes carry the layer's name, as the person who wrote the model knows it."""
    import tensorflow

    own = vars(layer).get("call")
    call = layer.call
    scope = f"layer.{mark_of(layer.name)}."

    def marked(*inputs: Any, **options: Any) -> Any:
        with tensorflow.name_scope(scope):
            return call(*inputs, **options)

    layer.call = marked
    try:
        yield
    finally:
        if own is None:
            del layer.call
        else:
            layer.call = own


def mark_of(layer: str) -> str:
    """A layer's name as the names of tensors can have it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", layer)


def made_by(name: str) -> set[str]:
    """The innermost layers in a marked tensor's name: those that computed it, without the models around them."""
    marks = (_MARK.findall(part) for part in name.split(";"))
    return {found[-1] for found in marks if found}


def layers_in(name: str) -> set[str]:
    """The layers that a marked tensor's name tells; several where they were fused."""
    return set(_MARK.findall(name))


def _ask_for(converter: Any, precision: str, calibration: Array) -> None:
    import tensorflow

    if precision != "float32":
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tensorflow.float16]
    if precision == "int8":
        # Without this restriction an operator that cannot be quantized silently stays in float32.
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([sample[None]] for sample in calibration)


def told(error: Exception) -> str:
    """The telling line of the converter's pages of text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "error:" in line or line.startswith("TF Select ops:")]
    told = (telling or lines or [type(error).__name__])[0]
    # Before it stands where in the graph it happened, in nested words of the compiler.
    return (told.partition("error: ")[2] or told)[:300]
