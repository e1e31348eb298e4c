"""Backend ``tfjs``: a TensorFlow.js graph model, ``model.json`` and shards of weights. Nothing here runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import tradeoff
from tradeoff.engine import KERAS, engine_environment

from ..keras.export import require_tensorflow, told
from .files import NARROW, write
from .graph import graph_of

if TYPE_CHECKING:
    from tradeoff.spelling import Value

ARTIFACT: Final = "tfjs"
_WIDENED: Final = tradeoff.Refusal(
    "not supported by format",
    "TensorFlow.js computes in float32, and widens narrow weights as it loads them; int8w stores them in 8 bits",
)
_WIDTHS: Final = tradeoff.Refusal("not supported by format", "TensorFlow.js stores weights as float32, fp16 or int8w")


class TensorFlowJSBackend(tradeoff.Backend):
    """Writes the format itself: TensorFlow's converter for it does not install beside current versions.

    A browser runs it, so it only has a size; what it answers is checked by rebuilding the graph from the files.
    """

    name = "tfjs"
    summary = "a TensorFlow.js graph model for browsers: its size, nothing here runs it"
    quick = False
    capabilities = tradeoff.Capabilities(
        precisions=("float32", *NARROW),
        refusals={
            **dict.fromkeys(("dynamic", "int8", "int16x8"), _WIDENED),
            **dict.fromkeys(("bf16", "int4"), _WIDTHS),
        },
        runs=False,
        effort=tradeoff.Effort(
            "edge",
            "HTML and JavaScript",
            6,
            ("copy the script of TensorFlow.js", "serve the folder", "open the page"),
            ("a web server",),
            ("@tensorflow/tfjs",),
        ),
    )
    converter_requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (
        KERAS,
        tradeoff.Requirement("tensorflow", "tensorflow"),
    )
    install = "tradeoff[tensorflow]"

    def conversion_environment(self, parameters: Mapping[str, Value]) -> tradeoff.Environment:
        """The graph is TensorFlow's, whatever engine the model was trained on."""
        return engine_environment("tensorflow")

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Freeze and simplify the graph, and write it as JSON beside its weights."""
        require_tensorflow("writing a TensorFlow.js model")
        job.progress("simplifying the graph", 0.2)
        graph = _graph(job.load_model())
        job.progress("writing", 0.8)
        return write(graph, job.precision, job.folder / ARTIFACT)


def _graph(model: Any) -> Any:
    # Tracing raises whatever a layer raises, and the simplifier has an error class of its own.
    try:
        return graph_of(model)
    except tradeoff.Refused:
        raise
    except Exception as error:
        raise tradeoff.Refused("not supported by format", told(error)) from error


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``tfjs``."""
    return [TensorFlowJSBackend()]
