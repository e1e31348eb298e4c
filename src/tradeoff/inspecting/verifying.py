"""What a technique achieved: two models' layers beside each other, as the core has counted them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

Row = Mapping[str, Any]
#: Layers that a record tells of one technique; the variant's own manifest in the store has all of them.
_MOST_LAYERS: Final = 64
#: What an entry of the store tells of how its trainings went; one that an older release made does not.
CURVES: Final = ("curves", "curves_untold")
_COMPARED: Final = ("parameters", "bytes", "macs", "shapes", "bits", "sparsity", "unique", "rank")


def totals(layers: Sequence[Row]) -> dict[str, Any]:
    """What all layers have together.

    ``activations_bytes`` is the largest result of a layer together with that of the layer before: the least that has to
    be in memory at once where layers follow each other.
    """
    kernels = [row for row in layers if row["sparsity"] is not None]
    size = sum(map(_kernel_size, kernels))
    outputs = [row["output_bytes"] for row in layers if row["output_bytes"] is not None]
    pairs = [one + other for one, other in zip(outputs, [0, *outputs], strict=False)]
    return {
        "parameters": sum(row["parameters"] for row in layers),
        "macs": None if any(row["macs"] is None for row in layers) else sum(row["macs"] for row in layers),
        "weights_bytes": sum(row["bytes"] for row in layers),
        "activations_bytes": max(pairs, default=None),
        "all_activations_bytes": sum(outputs) if outputs else None,
        "sparsity": sum(row["sparsity"] * _kernel_size(row) for row in kernels) / size if size else None,
        "unique": max((row["unique"] for row in kernels), default=None),
    }


def _kernel_size(row: Row) -> int:
    return sum(math.prod(shape) for shape in row["shapes"].values() if len(shape) >= 2)


def changes(before: Sequence[Row], after: Sequence[Row]) -> dict[str, Any]:
    """Layer by layer what became different; layers that only one of the two models has are named."""
    old = {row["name"]: row for row in before}
    new = {row["name"]: row for row in after}
    changed = [
        {"name": name, "kind": row["kind"], **different}
        for name, row in new.items()
        if name in old and (different := _different(old[name], row))
    ]
    added = [name for name in new if name not in old]
    removed = [name for name in old if name not in new]
    return {
        "layers": changed[:_MOST_LAYERS],
        "untold": max(0, len(changed) - _MOST_LAYERS),
        "added": added[:_MOST_LAYERS],
        "removed": removed[:_MOST_LAYERS],
    }


def _different(old: Row, new: Row) -> dict[str, list[Any]]:
    return {name: [old.get(name), new.get(name)] for name in _COMPARED if old.get(name) != new.get(name)}


def verified(step: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """One technique's verification, from the facts of the variant before it and of the one that it made."""
    found = {
        "step": step,
        "left_out": after.get("left_out", {}),
        "notes": after.get("notes", []),
        "told": after.get("told", {}),
        "epochs": after.get("epochs"),
        "seconds": after.get("seconds"),
        "peak_bytes": after.get("peak_bytes"),
        **{name: after[name] for name in CURVES if name in after},
    }
    old, new = before.get("layers"), after.get("layers")
    # What an older release has left in the store has no layers.
    if old is None or new is None:
        return found
    return {**found, "before": totals(old), "after": totals(new), **changes(old, new)}
