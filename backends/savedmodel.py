"""Backend ``savedmodel``: a SavedModel folder, what TensorFlow's own servers take, run by TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import tradeoff
from tradeoff.engine import KERAS, engine_environment
from tradeoff.formats import keras_files
from tradeoff.formats.saved_model_graph import read_graphs, refuse_harm

from .keras.backend import KerasBackend
from .keras.export import export, realised, require_tensorflow, told
from .tensorflow_graph import content, frozen

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

ARTIFACT: Final = "saved_model"
#: The signature that servers ask for, and what older exports call it.
_SERVED: Final = ("serving_default", "serve")
_GRAPHS: Final = tradeoff.Refusal(
    "not implemented here", "TensorFlow runs a SavedModel as it is written; try a backend that converts the graph"
)
_HALF: Final = tuple(name for name in ("fp16", "bf16") if name in KerasBackend.capabilities.precisions)


class SavedModelBackend(tradeoff.Backend):
    """Writes what ``model.export()`` means, each weight once, and runs the signature that a server would run."""

    name = "savedmodel"
    summary = "a SavedModel folder on TensorFlow"
    quick = False
    capabilities = tradeoff.Capabilities(
        precisions=("float32", *_HALF),
        refusals=dict.fromkeys(("dynamic", "int8", "int8w", "int16x8", "int4"), _GRAPHS),
        reads=("saved_model",),
        effort=tradeoff.Effort(
            "cloud", "Python", 5, ("pip install tensorflow", "run the program"), (), ("tensorflow",)
        ),
    )
    parameters = (
        tradeoff.Parameter(
            "threads", int, default=1, minimum=1, runtime=True, summary="of TensorFlow on the processor"
        ),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (tradeoff.Requirement("tensorflow", "tensorflow"),)
    converter_requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (KERAS, *requires)
    install = "tradeoff[tensorflow]"

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """TensorFlow takes its threads from the process; with one thread it is the worker that trains."""
        return engine_environment("tensorflow", int(parameters["threads"]))

    def conversion_environment(self, parameters: Mapping[str, Value]) -> tradeoff.Environment:
        """The graph is TensorFlow's, whatever engine the model was trained on."""
        return engine_environment("tensorflow")

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Write the folder; in 16 bits weights and arithmetic are narrow, what goes in and comes out is not."""
        require_tensorflow("writing a SavedModel")
        model = realised(job)
        job.progress("exporting", 0.3)
        # Tracing raises whatever a layer raises.
        try:
            export(model, str(job.folder / ARTIFACT))
        except tradeoff.Refused:
            raise
        except Exception as error:
            raise tradeoff.Refused("not supported by format", told(error)) from error
        return job.folder / ARTIFACT

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Look for operations that do more than compute, then load the folder."""
        return SavedModelRunner(job.artifact)

    def content(self, artifact: Path) -> str | None:
        """By what a request computes: the order of things in the files is chance."""
        runner = SavedModelRunner(artifact)
        graph = frozen(runner.function)
        # What is still handed in beside the request, such as a table of words, is not in the graph.
        if len(graph.inputs) != 1:
            return None
        return content(graph.graph.as_graph_def(), [tensor.name for tensor in graph.outputs])


class SavedModelRunner:
    """A loaded folder, and the one function in it that answers requests."""

    def __init__(self, artifact: Path) -> None:
        graphs = read_graphs(artifact)
        if not keras_files.code_is_permitted():
            refuse_harm(artifact, graphs)
        self._artifact = artifact
        # Kept: a function does not keep the variables alive that it reads.
        self._loaded = _loaded(artifact)
        self.function = _served(artifact, self._loaded)
        given = self.function.structured_input_signature[1]
        made = self.function.structured_outputs
        if len(given) != 1 or len(made) != 1:
            raise tradeoff.Refused(
                "not implemented here", f"{artifact.name} has {len(given)} inputs and {len(made)} outputs, not one each"
            )
        ((self._input, self._taken),) = given.items()
        (self._output,) = made

    def bind(self, batch: Array) -> Callable[[], Array]:
        """A call that is one whole request on ``batch``."""
        import numpy as np
        import tensorflow

        if not self._taken.shape.is_compatible_with(batch.shape):
            raise tradeoff.Refused(
                "not supported by format", f"it takes requests of shape {self._taken.shape}, not {batch.shape}"
            )
        given = np.ascontiguousarray(batch, dtype=self._taken.dtype.as_numpy_dtype)
        function, constant, source, target = self.function, tensorflow.constant, self._input, self._output

        def answer() -> Array:
            outputs: Array = function(**{source: constant(given)})[target].numpy()
            return outputs

        # What TensorFlow prepares at the first call belongs to loading, not to the first request; a graph that was
        # taken for one until now may turn out to be none.
        try:
            answer()
        except Exception as error:
            raise tradeoff.BadInput(f"{self._artifact} cannot be run by TensorFlow: {told(error)}") from error
        return answer


def _loaded(artifact: Path) -> Any:
    import tensorflow

    # Whatever protocol buffers, checkpoints and unknown operations raise comes through.
    try:
        return tensorflow.saved_model.load(str(artifact))
    except Exception as error:
        raise tradeoff.BadInput(f"{artifact} cannot be loaded by TensorFlow: {told(error)}") from error


def _served(artifact: Path, loaded: Any) -> Any:
    known = dict(loaded.signatures)
    name = next((name for name in _SERVED if name in known), None) or next(iter(known), None)
    if name is None or (len(known) > 1 and name not in _SERVED):
        raise tradeoff.BadInput(
            f"{artifact} has {len(known)} signatures ({', '.join(known) or 'none'}), and none of them is called "
            f"{_SERVED[0]}; export it with one"
        )
    return known[name]


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``savedmodel``."""
    return [SavedModelBackend()]
