"""From a Keras model to a model of ONNX, layer by layer, on whatever engine Keras runs.

Written here and not left to a converter of TensorFlow's graphs: the graph comes out shorter, and a machine without
TensorFlow can make it. Whatever comes out is compared with Keras before it is used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .graph import Graph, Value, fold_normalizations
from .layers import translate, unknown

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: How far an answer may be from Keras's, in parts of the largest: far above rounding, far below a mistake.
_TOLERANCE: Final = 1e-3
#: The same where Keras itself computes in 16 bits, as after training in mixed precision.
_SHORT_TOLERANCE: Final = 0.05
#: Samples for that comparison.
_SAMPLES: Final = 32


def export(model: Any, results: dict[str, str] | None = None, operators: dict[str, list[str]] | None = None) -> Any:
    """``model`` as a model of ONNX: floats in, floats out, a batch of any size.

    :param results: is filled with the names of what layers give, by layer.
    :param operators: is filled with the names of what layers became, by layer.
    """
    inputs: Any = getattr(model, "inputs", None) or ()
    outputs: Any = getattr(model, "outputs", None) or ()
    if len(inputs) != 1 or len(outputs) != 1:
        raise tradeoff.Refused(
            "not implemented here",
            f"the export to ONNX takes one input and one output, not {len(inputs)}, {len(outputs)}",
        )
    graph = Graph()
    taken = Value("input", tuple(inputs[0].shape))
    walk = _Walk(graph)
    given = graph.as_keras(walk.through(model, taken))
    if given.name == taken.name:
        given = graph.add("Identity", given)
    fold_normalizations(graph)
    if results is not None:
        results |= {tradeoff.INPUT: taken.name, **walk.results}
    if operators is not None:
        operators |= walk.operators
    return graph.to_proto(taken, given)


def compact(model: Any) -> bytes:
    """The bytes of ``model``, with numbers for the names of values: of a small net, names can be a third."""
    graph = model.graph
    kept = {graph.input[0].name: graph.input[0].name, graph.output[0].name: "output", "": ""}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [kept.setdefault(name, str(len(kept))) for name in names]
    for constant in graph.initializer:
        constant.name = kept[constant.name]
    graph.output[0].name = "output"
    del graph.value_info[:], model.metadata_props[:]
    blob: bytes = model.SerializeToString(deterministic=True)
    return blob


def check_export(model: Any, blob: bytes, calibration: Array) -> None:
    """Refuse a graph that answers otherwise than Keras does: better no number than that of another net."""
    import numpy as np

    from tradeoff.formats import keras_files

    x = np.ascontiguousarray(calibration[:_SAMPLES], dtype=np.float32)
    expected = keras_files.outputs_of(model, x).astype(np.float32)
    found = _answers(blob, x).astype(np.float32)
    if found.shape != expected.shape:
        raise tradeoff.Refused("not implemented here", f"exported to ONNX it gives {found.shape}, not {expected.shape}")
    off = float(np.abs(found - expected).max() / max(1e-6, float(np.abs(expected).max())))
    # Written so that what is no number is refused, too.
    if not off <= (_TOLERANCE if _plain(model) else _SHORT_TOLERANCE):
        raise tradeoff.Refused("not implemented here", f"exported to ONNX its answers are off by {100 * off:.2g} %")


def _plain(model: Any) -> bool:
    return all(getattr(layer, "compute_dtype", "float32") == "float32" for layer in model._flatten_layers())


def check_finite(blob: bytes, calibration: Array) -> None:
    """Refuse what has become too large for the numbers of a precision."""
    import numpy as np

    if not np.isfinite(_answers(blob, np.ascontiguousarray(calibration[:_SAMPLES], dtype=np.float32))).all():
        raise tradeoff.Refused("not supported by format", "its answers are no numbers in this precision")


def _answers(blob: bytes, x: Array) -> Array:
    import onnxruntime

    # What the runtime cannot load or run it says in errors of several classes.
    try:
        session = onnxruntime.InferenceSession(blob, providers=["CPUExecutionProvider"])
        found: Array = session.run(None, {"input": x})[0]
    except Exception as error:
        told = str(error).strip().splitlines()[0][:300]
        raise tradeoff.Refused("not supported by format", f"ONNX Runtime does not run it: {told}") from error
    return found


class _Walk:
    """Follows the calls of layers in a functional model, and in those inside it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._kinds: dict[str, int] = {}
        self.results: dict[str, str] = {}
        self.operators: dict[str, list[str]] = {}

    def through(self, model: Any, taken: Value) -> Value:
        """What ``model`` makes of ``taken``."""
        # Keras has no public way to the calls of which a functional model consists.
        functional = getattr(model, "_functional", None) or model
        if not hasattr(functional, "_nodes_by_depth"):
            raise unknown(f"what the class {type(model).__name__} does, which is no functional model")
        values = {id(tensor): taken for tensor in functional.inputs}
        for depth in sorted(functional._nodes_by_depth, reverse=True):
            for node in functional._nodes_by_depth[depth]:
                if not node.is_input:
                    values[id(node.outputs[0])] = self._called(node, values)
        return values[id(functional.outputs[0])]

    def _called(self, node: Any, values: dict[int, Value]) -> Value:
        import keras

        layer = node.operation
        if isinstance(layer, keras.Model):
            if len(layer.inputs) != 1 or len(layer.outputs) != 1:
                raise unknown(f"a model inside with several inputs or outputs ({layer.name})")
            return self.through(layer, values[id(node.arguments.keras_tensors[0])])
        self._graph.place = self._name(layer)
        given = [self._given(thing, layer, values) for thing in self._things(node)]
        before = len(self._graph.nodes)
        made = translate(self._graph, layer, given, tuple(node.outputs[0].shape))
        self.operators.setdefault(layer.name, []).extend(made.name for made in self._graph.nodes[before:])
        self.results[layer.name] = made.name
        return made

    def _things(self, node: Any) -> list[Any]:
        """What a layer is given are its tensors; a sum or a product has numbers among them."""
        import keras

        if isinstance(node.operation, keras.layers.Layer):
            return list(node.arguments.keras_tensors)
        if node.arguments.kwargs:
            raise unknown(f"{type(node.operation).__name__} with options ({node.operation.name})")
        return list(node.arguments.args)

    def _given(self, thing: Any, layer: Any, values: dict[int, Value]) -> Value | str:
        if id(thing) in values:
            return values[id(thing)]
        if isinstance(thing, (int, float)):
            return self._graph.constant(thing)
        raise unknown(f"{type(layer).__name__} with {type(thing).__name__} ({layer.name})")

    def _name(self, layer: Any) -> str:
        """Its name, or its class and a number of its own where Keras made the name: that counts whole processes."""
        kind = re.sub(r"_\d+$", "", layer.name)
        if kind.replace("_", "") != type(layer).__name__.lower():
            return str(layer.name)
        number = self._kinds[kind] = self._kinds.get(kind, 0) + 1
        return f"{kind}_{number}"
