"""Backend ``litert``: a ``.tflite`` file on LiteRT, formerly TensorFlow Lite, with its XNNPACK kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Final

import tradeoff
from tradeoff.engine import KERAS, engine_environment

from .litert_anatomy import anatomy
from .litert_intermediates import intermediates

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

ARTIFACT: Final = "model.tflite"


class LiteRTBackend(tradeoff.Backend):
    """Converts with TensorFlow's converter; a request is floats in and floats out in every precision."""

    name = "litert"
    summary = "LiteRT with XNNPACK, the runtime of phones and small boards"
    capabilities = tradeoff.Capabilities(precisions=("float32", "fp16", "dynamic", "int8"))
    parameters = (tradeoff.Parameter("threads", int, default=1, minimum=1, runtime=True, summary="of the interpreter"),)
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (tradeoff.Requirement("ai_edge_litert", "ai-edge-litert"),)
    converter_requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (
        KERAS,
        tradeoff.Requirement("tensorflow", "tensorflow"),
    )
    install = "tradeoff[litert]"

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """One worker for all thread counts: the interpreter takes them, not the process."""
        return tradeoff.Environment("litert", modules=("ai_edge_litert.interpreter",))

    def conversion_environment(self, parameters: Mapping[str, Value]) -> tradeoff.Environment:
        """The converter reads TensorFlow graphs alone, whatever engine the model was trained on."""
        return engine_environment("tensorflow")

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Write the flatbuffer, and make sure that it is what was asked for."""
        job.progress("converting", 0.1)
        blob = _converted(job.load_model(), job.precision, job.calibration)
        if job.precision == "int8":
            job.progress("checking operators", 0.9)
            _check_int8(blob)
        (job.folder / ARTIFACT).write_bytes(blob)
        return job.folder / ARTIFACT

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Load the file and allocate it."""
        return LiteRTRunner(job.artifact, int(job.parameters["threads"]))

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Constants as they are stored, and what operators fill from a request."""
        return anatomy(job.artifact, samples)

    def intermediates(self, job: tradeoff.Loading, batch: Array) -> Mapping[str, Array]:
        """The results of its operators, as LiteRT's own kernels compute them."""
        return intermediates(job.artifact, batch)


class LiteRTRunner:
    """A loaded file; an interpreter for each shape of batch, so that all bound calls stay valid."""

    def __init__(self, artifact: Path, threads: int) -> None:
        self._artifact = artifact
        self._threads = threads
        first = _interpreter(artifact, threads)
        details = first.get_input_details()
        if len(details) != 1 or len(first.get_output_details()) != 1:
            raise tradeoff.Refused("not implemented here", f"{artifact.name} takes {len(details)} inputs, not one")
        self._input: int = details[0]["index"]
        self._output: int = first.get_output_details()[0]["index"]
        self._dtype = details[0]["dtype"]
        self._allocated = {tuple(details[0]["shape"].tolist()): first}

    def bind(self, batch: Array) -> Callable[[], Array]:
        """A call that is one whole request on ``batch``."""
        import numpy as np

        interpreter = self._for(batch.shape)
        given = np.ascontiguousarray(batch, dtype=self._dtype)

        # Defaults are locals: looking names up in the enclosing scope costs another 1 % of a request of 4 us.
        def answer(
            copy_in: Callable[[int, Array], None] = interpreter.set_tensor,
            source: int = self._input,
            batch: Array = given,
            invoke: Callable[[], None] = interpreter.invoke,
            copy_out: Callable[[int], Array] = interpreter.get_tensor,
            target: int = self._output,
        ) -> Array:
            copy_in(source, batch)
            invoke()
            return copy_out(target)

        return answer

    def _for(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._allocated:
            interpreter = _interpreter(self._artifact, self._threads)
            try:
                interpreter.resize_tensor_input(self._input, shape)
                interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as error:
                raise tradeoff.Refused("not supported by format", f"no batch of shape {shape}: {error}") from error
            self._allocated[shape] = interpreter
        return self._allocated[shape]


def _interpreter(artifact: Path, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_path=str(artifact), num_threads=threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise tradeoff.BadInput(f"{artifact} cannot be loaded by LiteRT: {error}") from error
    return interpreter


def _converted(model: Any, precision: str, calibration: Array) -> bytes:
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
            _export(model, folder)
            converter = tensorflow.lite.TFLiteConverter.from_saved_model(folder)
            _ask_for(converter, precision, calibration)
            blob: bytes = converter.convert()
    except Exception as error:
        raise tradeoff.Refused("not supported by format", _told(error)) from error
    return blob


def _export(model: Any, folder: str) -> None:
    """Write a SavedModel that answers a batch of any size."""
    import keras
    import tensorflow

    (taken,) = model.inputs
    archive = keras.export.ExportArchive()
    archive.track(model)
    with ExitStack() as open_batches:
        for layer in model._flatten_layers():
            open_batches.enter_context(_open_batch(layer))
        archive.add_endpoint(
            "serve",
            lambda x: model(x, training=False),
            input_signature=[tensorflow.TensorSpec(taken.shape, taken.dtype, name=taken.name)],
        )
        # Tracing happens here, not before.
        archive.write_out(folder, verbose=False)


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


def _check_int8(blob: bytes) -> None:
    """Nothing but what comes in and what goes out may be float."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=blob)
    edges = {details["index"] for details in (*interpreter.get_input_details(), *interpreter.get_output_details())}
    left = [
        details["name"]
        for details in interpreter.get_tensor_details()
        if details["dtype"].__name__.startswith("float") and details["index"] not in edges
    ]
    if left:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        raise tradeoff.Refused(
            "not supported by format", f"the converter left tensors in float: {', '.join(left[:3])}{more}"
        )


def _told(error: Exception) -> str:
    """The telling line of the converter's pages of text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if "error:" in line or line.startswith("TF Select ops:")]
    told = (telling or lines or [type(error).__name__])[0]
    # Before it stands where in the graph it happened, in nested words of the compiler.
    return (told.partition("error: ")[2] or told)[:300]


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``litert``."""
    return [LiteRTBackend()]
