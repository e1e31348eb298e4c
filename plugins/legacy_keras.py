"""A Keras 3 model as one of ``tf_keras``, which tensorflow-model-optimization wants, with the same weights."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import tradeoff

from .model_graph import refuse_unreadable

#: What techniques call the implementation that needs all this.
TFMOT: Final = "tfmot"
_NEEDS: Final = (
    tradeoff.Requirement("tensorflow_model_optimization", "tensorflow-model-optimization"),
    tradeoff.Requirement("tf_keras", "tf-keras"),
)
_FLAG: Final = "TF_USE_LEGACY_KERAS"
#: What these say is for training from the start, or is written differently; a trained model needs none of it.
_DROPPED: Final = ("_initializer", "_regularizer", "_constraint")


def refusal() -> tradeoff.Refusal | None:
    """Why it cannot be used here, if so; imports nothing."""
    missing = [need.distribution for need in _NEEDS if not need.installed()]
    return (
        tradeoff.Refusal("not installed", f"{', '.join(missing)}: pip install 'tradeoff[tfmot]'") if missing else None
    )


@contextmanager
def legacy() -> Iterator[tuple[Any, Any]]:
    """``tf_keras`` and ``tensorflow_model_optimization``; nothing of the process is different afterwards."""
    before = os.environ.get(_FLAG)
    try:
        # It decides by this variable which Keras it takes, and sets it when nobody has.
        os.environ[_FLAG] = "1"
        import tensorflow_model_optimization
        import tf_keras

        yield tf_keras, tensorflow_model_optimization
    except ImportError as error:
        raise tradeoff.Refused("not installed", f"{error.name}: pip install 'tradeoff[tfmot]'") from error
    finally:
        if before is None:
            os.environ.pop(_FLAG, None)
        else:
            os.environ[_FLAG] = before


def check(model: Any) -> None:
    """Refuse what cannot be carried over: a model that is code, and layers that are."""
    refuse_unreadable(model)
    for layer in model._flatten_layers(include_self=False):
        if not type(layer).__module__.startswith("keras."):
            raise tradeoff.Refused(
                "not supported by format", f"layer {layer.name} is a {type(layer).__name__}, which tf_keras has not"
            )


def to_legacy(model: Any, tf_keras: Any) -> Any:
    """The same graph with the same weights in ``tf_keras``; checked on the weights' shapes."""
    check(model)
    made = _model(type(model).__name__, model.get_config(), tf_keras)
    if [tuple(weight.shape) for weight in made.weights] != [tuple(weight.shape) for weight in model.weights]:
        raise tradeoff.Refused("not supported by format", f"{model.name} has other weights in tf_keras")
    made.set_weights(model.get_weights())
    return made


def _model(kind: str, config: Mapping[str, Any], tf_keras: Any) -> Any:
    layers = [_layer(one, tf_keras) for one in config["layers"]]
    if kind == "Sequential":
        made = tf_keras.Sequential(layers, name=config["name"])
        if not made.built:
            made.build(config["build_input_shape"])
        return made
    by_name = {one["config"]["name"]: (one, layer) for one, layer in zip(config["layers"], layers, strict=True)}
    tensors: dict[tuple[str, int, int], Any] = {}
    waiting = [(name, node) for name, (one, _) in by_name.items() for node in range(len(one["inbound_nodes"]) or 1)]
    while waiting:
        left = [place for place in waiting if not _called(*place, by_name, tensors)]
        if len(left) == len(waiting):
            raise tradeoff.Refused("not supported by format", f"{config['name']}: its graph cannot be followed")
        waiting = left
    ends = [_ends(config[key], tensors) for key in ("input_layers", "output_layers")]
    return tf_keras.Model(*ends, name=config["name"])


def _called(
    name: str, node: int, by_name: Mapping[str, tuple[Any, Any]], tensors: dict[tuple[str, int, int], Any]
) -> bool:
    """Call one layer once, as soon as what it is given is there."""
    one, layer = by_name[name]
    if not one["inbound_nodes"]:
        tensors[name, 0, 0] = layer.output
        return True
    call = one["inbound_nodes"][node]
    try:
        given = [_given(argument, tensors) for argument in call["args"]]
    except KeyError:
        return False
    wanted = {key: value for key, value in call["kwargs"].items() if value is not None}
    outputs = layer(*given, **wanted)
    for number, output in enumerate(outputs if isinstance(outputs, list | tuple) else [outputs]):
        tensors[name, node, number] = output
    return True


def _given(argument: Any, tensors: Mapping[tuple[str, int, int], Any]) -> Any:
    if isinstance(argument, list | tuple):
        return [_given(one, tensors) for one in argument]
    if isinstance(argument, Mapping) and argument.get("class_name") == "__keras_tensor__":
        name, node, number = argument["config"]["keras_history"]
        return tensors[name, node, number]
    return argument


def _ends(ends: Any, tensors: Mapping[tuple[str, int, int], Any]) -> Any:
    if ends and isinstance(ends[0], str):
        return tensors[ends[0], ends[1], ends[2]]
    found = [tensors[name, node, number] for name, node, number in ends]
    return found[0] if len(found) == 1 else found


def _layer(one: Mapping[str, Any], tf_keras: Any) -> Any:
    kind, config = one["class_name"], dict(one["config"])
    if kind in ("Sequential", "Functional", "Model"):
        return _model(kind, config, tf_keras)
    if kind == "InputLayer":
        shape = config.get("batch_shape") or config["batch_input_shape"]
        return tf_keras.layers.InputLayer(batch_input_shape=shape, dtype=config["dtype"], name=config["name"])
    found = getattr(tf_keras.layers, kind, None)
    if found is None:
        raise tradeoff.Refused("not supported by format", f"layer {config['name']} is a {kind}, which tf_keras has not")
    policy = config.get("dtype")
    config["dtype"] = policy["config"]["name"] if isinstance(policy, Mapping) else policy
    kept = {key: value for key, value in config.items() if not key.endswith(_DROPPED)}
    known = found(**{"name": "probe", **_required(kind, kept)}).get_config()
    return found.from_config({**known, **{key: value for key, value in kept.items() if key in known}})


def _required(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments without which a layer cannot be made, so that it tells which ones it knows."""
    names = ("units", "filters", "kernel_size", "target_shape", "dims", "n", "rate", "input_dim", "output_dim")
    found = {name: config[name] for name in (*names, "activation", "pool_size", "size") if name in config}
    return {name: value for name, value in found.items() if name != "activation" or kind == "Activation"}
