"""What importing one plugin imports: asked of a worker that loads that plugin and no other."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any, Final

from tradeoff.conformance.kit import Kit
from tradeoff.registry import GROUP, PluginSources
from tradeoff.vocabulary import Environment

#: What takes seconds to import, whoever asks for it. NumPy takes a tenth of one, and is not among them.
FRAMEWORKS: Final = frozenset(
    {
        "ai_edge_litert", "ai_edge_quantizer", "jax", "keras", "onnx", "onnxruntime", "openvino", "pandas", "scipy",
        "sklearn", "tensorflow", "tf_keras", "tflite_micro", "torch", "transformers",
    }
)  # fmt: skip
_BARE: Final = Environment("nothing but the plugin")


def loaded_by_importing(kit: Kit, kind: str, name: str, needs: Iterable[str] = ()) -> list[str]:
    """The frameworks, and those of ``needs``, that are there once the plugin that brings ``name`` is."""
    origin = kit.registry.origins[kind, name]
    alone = PluginSources(
        modules=tuple(module for module in kit.sources.modules if module == origin),
        conftests=tuple(path for path in kit.sources.conftests if path == origin),
        blocked=tuple(sorted({point.name for point in entry_points(group=GROUP)} - {origin})),
    )
    names = sorted((FRAMEWORKS | {*needs}) - {"numpy"})

    def ask() -> Any:
        return kit.ask_of(kit.workers(alone), _BARE, "modules", names=names)

    found: list[str] = kit.once(("imports", origin, *names), ask)
    return found
