"""Where a Keras configuration asks for code that is not Keras's own: found by reading, before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

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


def code_in(config: Mapping[str, Any]) -> Iterator[str]:
    """Each place that would run code from the file or from another package, by the layer's name."""
    # compile_config is left out at the top: a model that is loaded for inference is not compiled from its file.
    pending: list[tuple[str, Any]] = [("the model", {k: v for k, v in config.items() if k != "compile_config"})]
    while pending:
        where, value = pending.pop()
        if isinstance(value, list):
            pending.extend((where, item) for item in value)
        elif isinstance(value, dict):
            where = _name(value) or where
            found = _code(value)
            if found:
                yield f"{where}: {found}"
            pending.extend((where, item) for item in value.values())


def _name(node: Mapping[str, Any]) -> str | None:
    inner = node.get("config")
    name = inner.get("name") if isinstance(inner, dict) and "class_name" in node else None
    return f"layer {name!r}" if isinstance(name, str) else None


def _code(node: Mapping[str, Any]) -> str | None:
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
    name = node.get("config") if class_name == "function" else class_name
    if _is_keras(node, name) and node.get("registered_name") in (None, class_name, name):
        return None
    package = f"{node['module']}." if isinstance(node.get("module"), str) else ""
    return f"{package}{node.get('registered_name') or name}, which is not part of Keras"


def _is_marshalled(node: Mapping[str, Any]) -> bool:
    """Keras writes the activation ``lambda x: x`` as ``{"value": [code, defaults, closure]}``."""
    for key in ("value", "code"):
        value = node.get(key)
        first = value[0] if isinstance(value, list) and value else value
        # Marshalled code begins with the type byte 0xe3, "4w" in base 64.
        if isinstance(first, str) and first.startswith("4w") and len(first) > 40:
            return True
    return False


def _is_keras(node: Mapping[str, Any], name: object) -> bool:
    """Whether Keras would look this name up among what models are made of."""
    # A dot in the name would lead from an innocent module to another one.
    if not isinstance(name, str) or not name.isidentifier():
        return False
    module = node.get("module", "builtins")
    if module == "builtins":  # What Keras writes for its own functions, by name alone.
        return True
    if not isinstance(module, str):
        return False
    parts = [part for part in module.split(".") if part not in ("src", "engine", "api")]
    if parts[:1] != ["keras"] or not _MODELLING.issuperset(parts[1:2]):
        return False
    # These two hold functions that load files, beside the classes.
    return name[:1].isupper() if parts[1:2] in ([], ["models"]) else True
