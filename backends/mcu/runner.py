"""A ``.tflite`` file in TFLM's interpreter: one sample after the other, as on a microcontroller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import tradeoff

from ..litert.edges import edge, framed
from ..litert.graph import Graph, read_graph
from .trial import ENOUGH, tried

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array


class TFLMRunner:
    """A loaded file; all bound calls stay valid."""

    def __init__(self, artifact: Path) -> None:
        from tflite_micro import runtime

        tried(artifact)
        blob = artifact.read_bytes()
        _check(artifact, readable(artifact, blob))
        self._artifact = artifact
        self._ready = runtime.Interpreter.from_bytes(blob, arena_size=ENOUGH)
        taken, given = self._ready.get_input_details(0), self._ready.get_output_details(0)
        self._input = edge(taken, artifact, "input")
        self._output = edge(given, artifact, "output")
        self._takes, self._gives = tuple(taken["shape"].tolist()), tuple(given["shape"].tolist())
        if not self._takes or self._takes[:1] != self._gives[:1]:
            raise tradeoff.Refused(
                "not implemented here",
                f"{artifact.name} takes {_shape(self._takes)} and gives {_shape(self._gives)}; a request is a batch of "
                "samples, and an answer has a row for each",
            )

    def bind(self, batch: Array) -> Callable[[], Array]:
        """A call that is one whole request on ``batch``."""
        at_once = self._takes[0]
        if batch.shape[1:] != self._takes[1:] or len(batch) % at_once:
            raise tradeoff.Refused(
                "not supported by format",
                f"{self._artifact.name} takes {_shape(self._takes)}, and {_shape(batch.shape)} is no batch of such",
            )
        return framed(batch, self._input, self._output, self._one_by_one)

    def _one_by_one(self, given: Array) -> Callable[[], Array]:
        import numpy as np

        at_once = self._takes[0]
        parts = [(slice(at, at + at_once), given[at : at + at_once]) for at in range(0, len(given), at_once)]
        shape = (len(given), *self._gives[1:])
        ready, kind = self._ready, self._output.dtype

        def answer() -> Array:
            found = np.empty(shape, kind)
            for rows, part in parts:
                ready.set_input(part, 0)
                ready.invoke()
                found[rows] = ready.get_output(0)
            return found

        return answer


def readable(artifact: Path, blob: bytes) -> Graph:
    """Its graph; TFLM runs what it does not look at, so a file that it runs need not be readable."""
    # The reader raises whatever it stumbles over.
    try:
        return read_graph(blob)
    except Exception as error:
        raise tradeoff.BadInput(f"{artifact} is damaged: its graph cannot be read ({error})") from error


def _check(artifact: Path, graph: Graph) -> None:
    """What TFLM runs all the same, and answers wrongly or for no one."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise tradeoff.Refused(
            "not implemented here",
            f"{artifact.name} has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; a request has one",
        )
    wrong = [graph.name(node) for node, weights in graph.weighted() if graph.unpacked(node) and not weights.is_float]
    if wrong:
        raise tradeoff.Refused(
            "not supported by format",
            f"{artifact.name} unpacks the weights of {wrong[0]} into floats, which TFLM runs and answers wrongly; "
            "quantize activations, too",
        )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "one number"
