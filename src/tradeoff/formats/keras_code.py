"""Where a Keras configuration asks for code that is not Keras's own: found by reading, before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput
from tradeoff.formats.keras_names import FUNCTIONS, LAYERS, PARTS, VALUES
from tradeoff.text import safe

#: Parts of Keras that describe a model. The rest of it can read files, fetch them, or switch its own guards off.
_MODELLING: Final = frozenset(
    (
        "activations",
        "constraints",
        "dtype_policies",
        "functional",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "mixed_precision",
        "models",
        "ops",
        "optimizers",
        "quantizers",
        "random",
        "regularizers",
        "sequential",
    )
)
#: Layers of Keras itself that carry code or load it from elsewhere.
_CARRIERS: Final = frozenset(("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"))
_CLASSES: Final = LAYERS | PARTS
#: A layer that Keras keeps beside the models it comes with.
_APART: Final = ("keras.src.applications.convnext", "LayerScale")
_NUMERIC: Final = re.compile(r"(bfloat|float|u?int)[0-9]{1,2}|bool")
#: Where lookup layers take the name of a file for a list of words.
_FILES: Final = ("vocabulary", "idf_weights")

Node = Mapping[str, Any]


def refuse_code(path: Path, config: Node, registered: Container[str] = ()) -> None:
    """Raise when loading the model would run code that is not Keras's own, or read other files than this one."""
    found = list(dict.fromkeys(code_in(config, registered)))
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise BadInput(
            f"{path} needs code that is not Keras's own: {'; '.join(found[:3])}{more}. Loading it would run that code "
            "with all your rights. If you trust where the file comes from, say --tradeoff-allow-code; for a layer of "
            "your own, import the module that registers it, and tradeoff, in a conftest.py as well; or rebuild the "
            "model with layers that Keras has"
        )
    read = next(files_in(config), None)
    if read:
        raise BadInput(
            f"{path} would have a file of this machine read: {read}. Save the model with the words themselves in it, "
            "or say --tradeoff-allow-code if you trust where it comes from"
        )


def code_in(config: Node, registered: Container[str] = ()) -> Iterator[str]:
    """Each place that would run code from the file or from another package, by the layer's name.

    :param registered: names under which the user's own, imported modules have registered classes with Keras.
    """
    for where, node in _nodes(config):
        found = _code(node, registered)
        if found:
            yield f"{where}: {safe(found)[:200]}"


def files_in(config: Node) -> Iterator[str]:
    """Each place that names a file for Keras to read, by the layer's name."""
    for where, node in _nodes(config):
        for key in _FILES:
            if isinstance(node.get(key), str):
                yield f"{where}: {key} {node[key][:200]!r}"


def _nodes(config: Node) -> Iterator[tuple[str, Node]]:
    """Everything in braces, each with the name of the layer it belongs to."""
    # compile_config is left out at the top: a model that is loaded for inference is not compiled from its file.
    pending: list[tuple[str, Any]] = [("the model", {k: v for k, v in config.items() if k != "compile_config"})]
    while pending:
        where, value = pending.pop()
        if isinstance(value, list):
            pending.extend((where, item) for item in value)
        elif isinstance(value, dict):
            where = _name(value) or where
            yield where, value
            pending.extend((where, item) for item in value.values())


def _name(node: Node) -> str | None:
    inner = node.get("config")
    name = inner.get("name") if isinstance(inner, dict) and "class_name" in node else None
    return f"layer {name[:100]!r}" if isinstance(name, str) else None


def _code(node: Node, registered: Container[str]) -> str | None:
    if _is_marshalled(node):
        return "a lambda, stored as byte code"
    if "class_name" not in node:
        return None
    class_name = node["class_name"]
    if class_name == "__lambda__":
        return "a lambda, stored as byte code"
    if not isinstance(class_name, str):
        return "an object whose class has no name"
    if class_name in _CARRIERS:
        return f"a {class_name} layer"
    if class_name in VALUES:
        return _value(node)
    name = node.get("config") if class_name == "function" else class_name
    known_as = node.get("registered_name")
    if known_as in (None, class_name, name) and _is_keras(node, name, class_name == "function"):
        return None
    # Keras looks a function up by its own name and a class by the registered one.
    if _is_registered(name if class_name == "function" else known_as, registered):
        return None
    package = f"{node['module']}." if isinstance(node.get("module"), str) else ""
    return f"{package}{known_as or name}, which is not part of Keras"


def _is_marshalled(node: Node) -> bool:
    """Keras writes the activation ``lambda x: x`` as ``{"value": [code, defaults, closure]}``."""
    for key in ("value", "code"):
        value = node.get(key)
        first = value[0] if isinstance(value, list) and value else value
        # Marshalled code begins with the type byte 0xe3, "4w" in base 64.
        if isinstance(first, str) and first.startswith("4w") and len(first) > 40:
            return True
    return False


def _value(node: Node) -> str | None:
    """A plain value; of an array only numbers are taken: one of text can be made to fill the memory."""
    inner = node.get("config")
    if node["class_name"] not in ("__numpy__", "__tensor__"):
        return None
    dtype = inner.get("dtype") if isinstance(inner, dict) else None
    return None if isinstance(dtype, str) and _NUMERIC.fullmatch(dtype) else f"an array of {str(dtype)[:50]!r}"


def _is_registered(name: object, registered: Container[str]) -> bool:
    return isinstance(name, str) and name in registered


def _is_keras(node: Node, name: object, function: bool) -> bool:
    """Whether Keras would look this name up among what models are made of."""
    # A dot in the name would lead from an innocent module to another one.
    if not isinstance(name, str) or not name.isidentifier():
        return False
    module = node.get("module", "builtins")
    if not isinstance(module, str):
        return False
    parts = [part for part in module.split(".") if part not in ("src", "engine", "api")]
    # "builtins" is what Keras writes for its own functions, which it then finds by name alone.
    inside = module == "builtins" or (parts[:1] == ["keras"] and _MODELLING.issuperset(parts[1:2]))
    if not inside:
        return (module, name) == _APART
    if name in (FUNCTIONS if function else _CLASSES):
        return True
    # Of operations there are hundreds, and all of them compute: classes in the source, functions in public.
    return module == "keras.ops" if function else parts[1:2] == ["ops"] and name[:1].isupper()
