"""What the formats of TensorFlow start from: a Keras model in a precision, and as a SavedModel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import tradeoff
from tradeoff.formats import keras_files

from .backend import KerasBackend

#: What TensorFlow says before it comes to what is wrong.
_AROUND: Final = ("Graph execution error", "Detected at node", "<stack traces")
Around = Callable[[Any], AbstractContextManager[None]]


def export(model: Any, folder: str, around: Around | None = None) -> None:
    """Write a SavedModel that answers a batch of any size with floats of 32 bits.

    :param around: what each layer is traced within, after :func:`_open_batch`.
    """
    import keras
    import tensorflow

    taken, given = _only(model, "inputs"), _only(model, "outputs")
    wide = keras.backend.standardize_dtype(given.dtype) not in ("float16", "bfloat16")
    archive = keras.export.ExportArchive()
    with ExitStack() as open_batches:
        for layer in model._flatten_layers():
            open_batches.enter_context(_open_batch(layer))
            if around is not None:
                open_batches.enter_context(around(layer))
            for table in _tables(layer):
                archive.track(table)
        # Variables are found by what the endpoint reads; of a model that is tracked too, each would be written twice.
        archive.add_endpoint(
            "serve",
            lambda x: _outputs(model(x, training=False), wide=wide),
            input_signature=[tensorflow.TensorSpec(taken.shape, taken.dtype, name=taken.name)],
        )
        # Tracing happens here, not before.
        archive.write_out(folder, verbose=False)


def realised(job: tradeoff.Conversion) -> Any:
    """The Keras model in the precision asked for, exactly as the backend ``keras`` ships it."""
    if job.precision == "float32":
        return job.load_model()
    backend = KerasBackend()
    parameters = {
        parameter.name: parameter.default for parameter in backend.parameters if parameter.default is not None
    }
    with TemporaryDirectory() as folder:
        return keras_files.load_model(
            backend.convert(replace(job, folder=Path(folder), parameters={**parameters, **job.parameters}))
        )


def require_tensorflow(what: str) -> None:
    """Raise where Keras runs on another engine than the one whose graphs are written."""
    import keras

    if keras.config.backend() != "tensorflow":
        raise tradeoff.BadInput(
            f"{what} needs Keras on TensorFlow, and this process runs it on {keras.config.backend()}"
        )


def told(error: Exception) -> str:
    """The first line of what a framework says, in a length for a table."""
    if isinstance(error, KeyError):
        # It says the key alone, and nothing of its being missed.
        return f"there is no {error} in it"[:300]
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith(_AROUND)]
    return (lines or [type(error).__name__])[0][:300]


def _only(model: Any, which: str) -> Any:
    found: Any = getattr(model, which, None) or ()
    if len(found) != 1:
        raise tradeoff.Refused("not implemented here", f"the model has {len(found) or 'no declared'} {which}, not one")
    return found[0]


def _outputs(outputs: Any, *, wide: bool) -> Any:
    import tensorflow

    return outputs if wide else tensorflow.cast(outputs, tensorflow.float32)


def _tables(layer: Any) -> Iterator[Any]:
    """The tables in which a layer looks words up; unlike variables they are not found by themselves."""
    from tensorflow.saved_model.experimental import TrackableResource

    return (part for part in vars(layer).values() if isinstance(part, TrackableResource))


@contextmanager
def _open_batch(layer: Any) -> Iterator[None]:
    """Have a reshaping layer leave the size of the batch to the runtime.

    Keras reads it from the input, which becomes three more operators in the file, about a microsecond of a
    request, and splits what XNNPACK would take as a whole. A graph for batches of exactly one avoids them and
    can then not be resized. Reshaping to (-1, ...) avoids them and can.
    """
    import keras

    reshaping = type(layer) in {keras.layers.Flatten, keras.layers.Reshape}
    if not reshaping or getattr(layer, "data_format", "") == "channels_first":
        yield
        return
    call = layer.call

    def reshape(inputs: Any) -> Any:
        rest = layer.compute_output_shape(tuple(inputs.shape))[1:]
        return call(inputs) if None in rest else keras.ops.reshape(inputs, (-1, *rest))

    layer.call = reshape
    try:
        yield
    finally:
        del layer.call
