"""Keras files: writing, reading, running once, and telling whether two models are the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats import hdf5_file
from tradeoff.formats.keras_archive import read_config
from tradeoff.formats.keras_code import refuse_code
from tradeoff.formats.keras_weights import check_weights

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array


def save_model(model: Any, path: Path) -> None:
    """Write architecture and weights; the state of a training is nothing to ship."""
    with _uncompiled(model):
        model.save(path)


@dataclass
class _Permission:
    """Whether code in model files may run in this process; a worker is told once, at its start."""

    given: bool = False


_PERMISSION: Final = _Permission()


def permit_code() -> None:
    """From here on run code that model files carry: the user has opted in with ``--tradeoff-allow-code``."""
    _PERMISSION.given = True


def code_is_permitted() -> bool:
    """Whether code in model files may run in this process."""
    return _PERMISSION.given


def load_model(path: Path) -> Any:
    """Read a ``.keras`` or an ``.h5`` file; code inside it, such as a Lambda layer's, runs only when it was permitted.

    The file is looked at before Keras sees it: older versions of Keras can be led around their own guards.
    """
    import keras

    config = hdf5_file.read_config(path) if path.suffix in hdf5_file.SUFFIXES else read_config(path)
    if not _PERMISSION.given:
        refuse_code(path, config, _registered())
    check_weights(path, config)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=not _PERMISSION.given)
    # Whatever zip, HDF5, JSON or a layer's constructor raises comes through.
    except Exception as error:
        raise BadInput(f"{path} cannot be loaded: {_told(error)}") from error


def _registered() -> frozenset[str]:
    """What modules of the user's own, imported by now, have registered: they were opted into with the import."""
    import keras

    found = keras.saving.get_custom_objects()
    return frozenset(name for name, thing in found.items() if not str(thing.__module__).startswith("keras."))


def outputs_of(model: Any, x: Array, batch_size: int = 256) -> Array:
    """What ``model`` gives for all of ``x``, without compiling anything."""
    import keras
    import numpy as np

    # predict() would have TensorFlow compile with XLA first, which takes longer and rounds differently.
    parts = [model(x[start : start + batch_size], training=False) for start in range(0, len(x), batch_size)]
    outputs: Array = np.concatenate([keras.ops.convert_to_numpy(part) for part in parts])
    return outputs


def sized(model: Any, shape: tuple[int, ...]) -> Any:
    """``model``, taking samples of ``shape`` alone: what is deployed has no open size but the batch's."""
    import keras

    inputs: Any = model.inputs or ()
    if len(inputs) != 1 or None not in inputs[0].shape[1:]:
        return model
    sized = keras.tree.map_structure(lambda taken: keras.Input(shape, dtype=taken.dtype, name=taken.name), model.input)
    twin = keras.models.clone_model(model, input_tensors=sized)
    twin.set_weights(model.get_weights())
    return twin


def content(model: Any) -> str:
    """A digest of architecture and weights: equal for two saves of one model, whatever its layers are called."""
    import keras

    digest = hashlib.sha256()
    architecture = _nameless({"class": type(model).__name__, "config": model.get_config()}, {})
    digest.update(json.dumps(architecture, sort_keys=True, default=str).encode())
    for weight in model.weights:
        values = keras.ops.convert_to_numpy(weight)
        digest.update(f"{values.dtype}{values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


@contextmanager
def _uncompiled(model: Any) -> Iterator[None]:
    """Keras has no option to save without the optimizer, whose state is twice the weights' size."""
    if not model.compiled:
        yield
        return
    optimizer = model.optimizer
    model.compiled, model.optimizer = False, None
    try:
        yield
    finally:
        model.compiled, model.optimizer = True, optimizer


def _told(error: Exception) -> str:
    """The telling line of an error; Keras puts whole configurations around it."""
    if isinstance(error, KeyError):
        # It says the key alone, and nothing of its being missed.
        return f"there is no {error} in it"[:300]
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if "`safe_mode=False`" in str(error):
        return "it contains Python code, which is run only when you say that you trust it"
    unknown = next((line for line in lines if "Could not locate" in line), "")
    if unknown:
        sentence = unknown.partition("Exception encountered: ")[2] or unknown
        return f"{sentence.partition('. ')[0]}; import the module that registers it, and tradeoff, in a conftest.py"
    return (lines or [type(error).__name__])[0][:300]


def _nameless(node: Any, names: Mapping[str, str]) -> Any:
    """A configuration with layers named by position: Keras numbers them in the order a process makes them."""
    if isinstance(node, list | tuple):
        return [_nameless(item, names) for item in node]
    if not isinstance(node, Mapping):
        return node
    if isinstance(node.get("layers"), list):
        names = {_name_of(layer): f"layer {place}" for place, layer in enumerate(node["layers"])}
    return {key: _nameless_entry(key, value, node, names) for key, value in node.items() if key != "shared_object_id"}


def _nameless_entry(key: str, value: Any, node: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    if key == "name" and (value in names or "trainable" in node):
        return names.get(value, "")
    if key in {"keras_history", "input_layers", "output_layers"}:
        return _renamed(value, names)
    return _nameless(value, names)


def _name_of(layer: Any) -> str:
    return str(layer.get("name") or layer.get("config", {}).get("name"))


def _renamed(node: Any, names: Mapping[str, str]) -> Any:
    if isinstance(node, list | tuple):
        return [_renamed(item, names) for item in node]
    if isinstance(node, Mapping):
        return {key: _renamed(value, names) for key, value in node.items()}
    return names.get(node, node) if isinstance(node, str) else node
