"""Backend ``keras``: the Keras model itself, compiled by whichever engine Keras runs on here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import tradeoff
from tradeoff.engine import KERAS, engine_environment, engine_requirement, keras_engine
from tradeoff.formats import keras_files
from tradeoff.formats.keras_layers import layer_outputs

from .keras_anatomy import anatomy

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

    Call = Callable[[], Array]

ARTIFACT: Final = "model.keras"
_LAYERS_ONLY: Final = tradeoff.Refusal(
    "not implemented here",
    "Keras quantizes dense layers only, and calibrates none; try a backend that converts the graph",
)


class KerasBackend(tradeoff.Backend):
    """Writes a ``.keras`` file and runs it compiled, not with ``predict()``, whose overhead outweighs small models."""

    name = "keras"
    summary = "the Keras model on TensorFlow, JAX or PyTorch"
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "fp16"), refusals={"dynamic": _LAYERS_ONLY, "int8": _LAYERS_ONLY}
    )
    parameters = (
        tradeoff.Parameter(
            "threads", int, default=1, minimum=1, runtime=True, summary="of the engine on the processor"
        ),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (KERAS, engine_requirement())
    install = "tradeoff[tensorflow]"

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """Keras on its engine; with one thread it is the worker that trains."""
        return engine_environment(keras_engine(), int(parameters["threads"]))

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Write the model without its optimizer; for ``fp16`` weights and arithmetic become float16."""
        model = job.load_model()
        if job.precision == "fp16":
            job.progress("casting to float16", 0.2)
            model = _in_float16(model, job.calibration)
        keras_files.save_model(model, job.folder / ARTIFACT)
        return job.folder / ARTIFACT

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Load the file, ready to be compiled for a batch."""
        import keras

        return KerasRunner(keras_files.load_model(job.artifact), keras.config.backend())

    def content(self, artifact: Path) -> str:
        """By what the model is: two saves of one model differ as zip files."""
        return keras_files.content(keras_files.load_model(artifact))

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Weights in their own types, and the results of the layers."""
        return anatomy(keras_files.load_model(job.artifact), samples)

    def intermediates(self, job: tradeoff.Loading, batch: Array) -> Mapping[str, Array]:
        """What its layers give, one after the other and not compiled."""
        return {one.label: one.values for one in layer_outputs(keras_files.load_model(job.artifact), batch)}


class KerasRunner:
    """A loaded model; one compiled call for each shape of batch, all of them valid side by side."""

    def __init__(self, model: Any, engine: str) -> None:
        self._compile = _COMPILERS[engine](model)
        self._dtype = model.inputs[0].dtype

    def bind(self, batch: Array) -> Call:
        """A call that is one whole request on ``batch``."""
        import numpy as np

        call = self._compile(np.ascontiguousarray(batch, dtype=self._dtype))
        # Tracing and compiling belong to loading, not to the first request.
        call()
        return call


def _on_tensorflow(model: Any) -> Callable[[Array], Call]:
    import tensorflow

    constant = tensorflow.constant

    def answer(x: Any) -> Any:
        return tensorflow.cast(model(x, training=False), "float32")

    def compiled(batch: Array) -> Call:
        # A fixed signature: no choice among traces is left to the request.
        signature = tensorflow.TensorSpec(batch.shape, batch.dtype)
        function = traced.get_concrete_function(signature)
        return lambda: function(constant(batch)).numpy()

    traced = tensorflow.function(answer, autograph=False)
    return compiled


def _on_jax(model: Any) -> Callable[[Array], Call]:
    import jax
    import numpy as np

    fixed = [variable.value for variable in model.trainable_variables]
    moving = [variable.value for variable in model.non_trainable_variables]

    def answer(fixed: Any, moving: Any, x: Any) -> Any:
        return model.stateless_call(fixed, moving, x, training=False)[0].astype("float32")

    def compiled(batch: Array) -> Call:
        function = traced.lower(fixed, moving, batch).compile()
        return lambda: np.asarray(function(fixed, moving, batch))

    traced = jax.jit(answer)
    return compiled


def _on_torch(model: Any) -> Callable[[Array], Call]:
    import torch

    model.eval()
    tensor, inference = torch.from_numpy, torch.inference_mode

    def compiled(batch: Array) -> Call:
        def answer() -> Array:
            with inference():
                outputs: Array = model(tensor(batch), training=False).float().numpy()
            return outputs

        return answer

    return compiled


_COMPILERS: Final[dict[str, Callable[[Any], Callable[[Array], Call]]]] = {
    "tensorflow": _on_tensorflow,
    "jax": _on_jax,
    "torch": _on_torch,
}


def _in_float16(model: Any, calibration: Array) -> Any:
    """The same model with every weight and every result in float16."""
    import numpy as np

    try:
        half = type(model).from_config(_with_float16(model.get_config()))
        _copy_weights(model, half)
        outputs = keras_files.outputs_of(half, calibration)
    except tradeoff.Refused:
        raise
    # An engine without a float16 kernel, a layer that fixes its own type: each raises in its own way.
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise tradeoff.Refused("not supported by format", f"the model does not run in float16: {first}") from error
    lost = int(np.sum(~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=-1)))
    if lost:
        raise tradeoff.Refused(
            "not supported by format",
            f"in float16 the model overflows on {lost} of {len(outputs)} calibration samples",
        )
    return half


def _with_float16(node: Any) -> Any:
    """A configuration with every layer's policy replaced; what a model takes in stays as it is."""
    if isinstance(node, list | tuple):
        return [_with_float16(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    if node.get("class_name") == "InputLayer":
        return dict(node)
    if node.get("class_name") == "DTypePolicy":
        return {**node, "config": {"name": "float16"}}
    return {
        key: "float16" if (key, item) == ("dtype", "float32") else _with_float16(item) for key, item in node.items()
    }


def _copy_weights(model: Any, half: Any) -> None:
    import numpy as np

    for ours, theirs in zip(model.weights, half.weights, strict=True):
        if "float" in str(theirs.dtype) and str(theirs.dtype) != "float16":
            raise tradeoff.Refused("not supported by format", f"{theirs.path} stays {theirs.dtype} whatever the policy")
        values = np.asarray(ours)
        if "float" in str(theirs.dtype) and np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
            raise tradeoff.Refused("not supported by format", f"{ours.path} has values too large for float16")
        theirs.assign(values)


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``keras``."""
    return [KerasBackend()]
