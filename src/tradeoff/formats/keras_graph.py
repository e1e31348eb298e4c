"""What goes into a Keras model and what comes out of it, as far as its configuration tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tradeoff.errors import BadInput

_DEPTH: Final = 50
#: Layers that change neither the last axis nor what the numbers mean.
_PASSING: Final = frozenset(("Dropout", "Identity", "Flatten", "Reshape", "ActivityRegularization", "GaussianNoise"))
#: Layers whose output has the last axis of their input.
_KEEPING: Final = frozenset(
    (
        "Activation",
        "BatchNormalization",
        "Dropout",
        "ELU",
        "GlobalAveragePooling1D",
        "GlobalAveragePooling2D",
        "GlobalAveragePooling3D",
        "GlobalMaxPooling1D",
        "GlobalMaxPooling2D",
        "GlobalMaxPooling3D",
        "Identity",
        "LayerNormalization",
        "LeakyReLU",
        "PReLU",
        "ReLU",
        "Rescaling",
        "Relu",
        "Sigmoid",
        "Softmax",
    )
)
_ACTIVATION_LAYERS: Final = {"Softmax": "softmax", "Sigmoid": "sigmoid", "ReLU": "relu", "Relu": "relu"}

Node = Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """The two ends of a model, and the class names of its layers."""

    input_shape: tuple[int | None, ...]
    input_dtype: str
    output_size: int | None
    last_activation: str
    layers: tuple[str, ...]


def read_graph(model: Node) -> Graph:
    """Read both ends; a model with several inputs or outputs is refused, and one that was never built."""
    shape, dtype = _input(model, 0)
    if dtype == "string":
        raise BadInput("its input is text; only numbers are taken for now")
    tail = list(_tail(model, 0))
    return Graph(shape, dtype, _output_size(tail), _last_activation(tail), tuple(_class_names(model, 0)))


def _config(node: Node) -> Node:
    config = node.get("config")
    return config if isinstance(config, dict) else {}


def _layers(model: Node) -> list[Node]:
    layers = _config(model).get("layers")
    return [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []


def _class_name(node: Node) -> str:
    name = node.get("class_name")
    return name if isinstance(name, str) else "?"


def _class_names(model: Node, depth: int) -> Iterator[str]:
    _check_depth(depth)
    for layer in _layers(model):
        yield _class_name(layer)
        yield from _class_names(layer, depth + 1)


def _check_depth(depth: int) -> None:
    if depth > _DEPTH:
        raise BadInput(f"models are nested in it more than {_DEPTH} deep")


# --- the input --------------------------------------------------------------------------------------


def _input(model: Node, depth: int) -> tuple[tuple[int | None, ...], str]:
    _check_depth(depth)
    layers = _layers(model)
    names = _ends(model, "input_layers")
    if names is not None:
        _check_single(names, "inputs")
        layers = [layer for layer in layers if _layer_name(layer) == names[0]]
    if layers and _class_name(layers[0]) == "InputLayer":
        return _declared(layers[0])
    if layers and _layers(layers[0]):
        return _input(layers[0], depth + 1)
    return _built(model)


def _declared(layer: Node) -> tuple[tuple[int | None, ...], str]:
    config = _config(layer)
    shape = _shape(config.get("batch_shape", config.get("batch_input_shape")))
    if shape is None:
        raise BadInput("its input layer does not say which shape it takes")
    dtype = config.get("dtype")
    return shape, dtype if isinstance(dtype, str) else "float32"


def _built(model: Node) -> tuple[tuple[int | None, ...], str]:
    build_config = model.get("build_config")
    built = build_config.get("input_shape") if isinstance(build_config, dict) else None
    shape = _shape(_config(model).get("build_input_shape", built))
    if shape is None:
        raise BadInput(
            "it does not say which input it takes: it was saved before it was built. Begin it with "
            "keras.Input((...)), or call it once on data, and save it again"
        )
    return shape, "float32"


def _shape(value: object) -> tuple[int | None, ...] | None:
    """Without the batch axis."""
    if not isinstance(value, list) or not value:
        return None
    if not all(size is None or (type(size) is int and size > 0) for size in value):
        return None
    return tuple(value[1:])


# --- the output -------------------------------------------------------------------------------------


def _tail(model: Node, depth: int) -> Iterator[Node]:
    """The layers from the last one backwards, as far as they form a line."""
    _check_depth(depth)
    layers = _layers(model)
    names = _ends(model, "output_layers")
    if names is None:
        line: Sequence[Node] = layers[::-1]
    else:
        _check_single(names, "outputs")
        line = _line({_layer_name(layer): layer for layer in layers}, names[0])
    for layer in line:
        yield layer
        if _layers(layer):
            yield from _tail(layer, depth + 1)


def _line(layers: Mapping[str | None, Node], last: str | None) -> list[Node]:
    line: list[Node] = []
    while last in layers and len(line) < len(layers):
        line.append(layers[last])
        tensors = list(_tensors(layers[last].get("inbound_nodes")))
        if len(tensors) != 1:
            break
        last = _history(tensors[0])
    return line


def _tensors(value: object) -> Iterator[Node]:
    """The tensors that a layer was called on; none for a form that is not known."""
    nodes = value if isinstance(value, list) else []
    for node in nodes[:1]:
        arguments = node.get("args") if isinstance(node, dict) else None
        for argument in arguments if isinstance(arguments, list) else []:
            for item in argument if isinstance(argument, list) else [argument]:
                if isinstance(item, dict) and item.get("class_name") == "__keras_tensor__":
                    yield _config(item)


def _history(tensor: Node) -> str | None:
    history = tensor.get("keras_history")
    name = history[0] if isinstance(history, list) and history else None
    return name if isinstance(name, str) else None


def _output_size(tail: Sequence[Node]) -> int | None:
    for layer in tail:
        if _layers(layer):
            continue
        config = _config(layer)
        for key in ("units", "filters", "output_dim"):
            if type(config.get(key)) is int:
                return int(config[key])
        if _class_name(layer) not in _KEEPING:
            return None
        shapes = [_shape(tensor.get("shape")) for tensor in _tensors(layer.get("inbound_nodes"))]
        if len(shapes) == 1 and shapes[0]:
            return shapes[0][-1]
    return None


def _last_activation(tail: Sequence[Node]) -> str:
    for layer in tail:
        if _layers(layer) or _class_name(layer) in _PASSING:
            continue
        if _class_name(layer) in _ACTIVATION_LAYERS:
            return _ACTIVATION_LAYERS[_class_name(layer)]
        return _activation(_config(layer).get("activation"))
    return "linear"


def _activation(value: object) -> str:
    if isinstance(value, dict):
        inner = value.get("config")
        value = inner if isinstance(inner, str) else _ACTIVATION_LAYERS.get(_class_name(value), _class_name(value))
    return value.lower() if isinstance(value, str) else "linear"


# --- names of ends ----------------------------------------------------------------------------------


def _ends(model: Node, key: str) -> list[str | None] | None:
    """The layers' names behind ``input_layers`` or ``output_layers``; ``None`` for a sequential model."""
    value = _config(model).get(key)
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return None
    if value and not isinstance(value[0], list):
        value = [value]
    return [end[0] if isinstance(end, list) and end and isinstance(end[0], str) else None for end in value]


def _check_single(names: Sequence[str | None], what: str) -> None:
    if len(names) != 1:
        raise BadInput(f"it has {len(names)} {what}; models with one input and one output are taken for now")


def _layer_name(layer: Node) -> str | None:
    name = layer.get("name", _config(layer).get("name"))
    return name if isinstance(name, str) else None
