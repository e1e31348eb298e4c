"""A Keras model as the one flat graph that TensorFlow.js takes: constants put in, batch norms folded, ops fused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any, Final

import tradeoff

from ..keras.export import export
from ..tensorflow_graph import computing, frozen
from .ops import FUSED, FUSES, OPERATIONS

#: Twice: folding leads to constants that can be folded again.
_SIMPLER: Final = ("constfold", "arithmetic", "dependency", "pruning") * 2


@dataclass(frozen=True)
class Graph:
    """What is written.

    :param definition: a ``GraphDef`` whose only input is a placeholder.
    :param inputs: the tensor that a request goes into, by the name of the model's input.
    :param outputs: the tensor that holds the answer, by the signature's name for it.
    """

    definition: Any
    inputs: tuple[str, Any]
    outputs: tuple[str, Any]


def graph_of(model: Any) -> Graph:
    """The model's graph, as simple as TensorFlow's own simplifier gets it without an operation that is not there."""
    import tensorflow

    with TemporaryDirectory() as folder:
        export(model, folder)
        loaded = tensorflow.saved_model.load(folder)
        served = loaded.signatures["serving_default"]
        flat = frozen(served)
    if len(flat.inputs) != 1:
        raise tradeoff.Refused("not implemented here", "the model looks words up in a table, which is not in its graph")
    (taken,) = served.structured_input_signature[1]
    (made,) = served.structured_outputs
    # The simplifier fuses for this machine's processor; where that is not what a browser knows, it has to do without.
    fused = _simplified(flat, (*_SIMPLER, "remap", "pruning"))
    definition = fused if not list(_missing(fused)) else _simplified(flat, _SIMPLER)
    missing = sorted(set(_missing(definition)))
    if missing:
        raise tradeoff.Refused("not supported by format", f"TensorFlow.js has no {', '.join(missing[:5])}")
    return Graph(definition, (taken, flat.inputs[0]), (made, flat.outputs[0]))


def _simplified(flat: Any, passes: Sequence[str]) -> Any:
    import tensorflow
    from tensorflow.core.protobuf import config_pb2
    from tensorflow.python.grappler import tf_optimizer

    config = config_pb2.ConfigProto()
    rewriting = config.graph_options.rewrite_options
    rewriting.optimizers.extend(passes)
    # Small graphs are left alone otherwise.
    rewriting.min_graph_nodes = -1
    meta = tensorflow.compat.v1.train.export_meta_graph(graph_def=flat.graph.as_graph_def(), graph=flat.graph)
    meta.collection_def["train_op"].node_list.value.extend(tensor.name for tensor in flat.outputs)
    # Variables are gone by now, so nothing has to come first but what is given on. Where it is said all the same, in
    # loops, TensorFlow.js never gets to the end.
    ends = [tensor.name for tensor in flat.outputs]
    return computing(_spelled_out(tf_optimizer.OptimizeGraph(config, meta)), ends)


def _spelled_out(definition: Any) -> Any:
    """The same with ``Erfc``, which every GELU has and no browser, as one less ``Erf``."""
    import tensorflow

    for node in [node for node in definition.node if node.op == "Erfc"]:
        kind = node.attr["T"]
        rest = definition.node.add(name=f"{node.name}/erf", op="Erf", input=node.input)
        one = definition.node.add(name=f"{node.name}/one", op="Const")
        rest.attr["T"].CopyFrom(kind)
        one.attr["dtype"].CopyFrom(kind)
        one.attr["value"].tensor.CopyFrom(tensorflow.make_tensor_proto(1.0, kind.type))
        node.op, node.input[:] = "Sub", [one.name, rest.name]
    return definition


def _missing(definition: Any) -> Iterator[str]:
    """Operations that TensorFlow.js does not have, and fusions of those that it has."""
    yield from (function.signature.name for function in definition.library.function)
    for node in definition.node:
        if node.op not in OPERATIONS:
            yield node.op
        elif node.op in FUSES:
            fused = [name.decode() for name in node.attr["fused_ops"].list.s]
            if fused[:1] != ["BiasAdd"] or len(fused) > 2 or not FUSED.issuperset(fused[1:]):
                yield f"{node.op} with {' and '.join(fused)}"
