"""``tradeoff list``: everything that is registered, how it is written, and who brought it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradeoff.chain import BASELINE
from tradeoff.options import BUILT_IN_PRESETS, Table
from tradeoff.registry import Registry
from tradeoff.spelling import Parameter
from tradeoff.text import columns
from tradeoff.vocabulary import Device


def list_everything(registry: Registry, table: Table) -> list[str]:
    """One block for each kind."""
    techniques = [(name, f"[{t.stage}] {t.summary}", t.parameters) for name, t in registry.techniques.items()]
    return [
        *_block(registry, "model", [(name, m.summary or f"task {m.task}", ()) for name, m in registry.models.items()]),
        *_block(registry, "task", [(name, task.summary, ()) for name, task in registry.tasks.items()]),
        *_block(registry, "technique", [(BASELINE, "the empty chain: the model as it is", ()), *techniques]),
        *_block(registry, "backend", [(name, b.summary, b.parameters) for name, b in registry.backends.items()]),
        *_block(registry, "device", [(name, _device(d), ()) for name, d in registry.devices.items()]),
        *_block(registry, "meter", [(name, m.summary, ()) for name, m in registry.meters.items()]),
        *_block(registry, "renderer", [(name, r.summary, ()) for name, r in registry.renderers.items()]),
        *_block(registry, "view", [(name, view.summary, ()) for name, view in registry.views.items()]),
        *_presets({**BUILT_IN_PRESETS, **table.presets}),
    ]


def _device(device: Device) -> str:
    """Its summary and, where it is not there, what a cell on it would say."""
    refusal = device.present()
    return "; ".join(filter(None, (device.summary, str(refusal) if refusal else "")))


def _block(registry: Registry, kind: str, things: Sequence[tuple[str, str, Sequence[Parameter]]]) -> list[str]:
    rows = []
    for name, summary, parameters in things:
        origin = registry.origins.get((kind, name))
        rows.append((name, f"{summary}  ({origin})" if origin else summary))
        rows += [("", f":{_written(parameter)}  {parameter.summary}, {_range(parameter)}") for parameter in parameters]
    return [f"{kind}s", *(columns(rows) or ["  none"]), ""]


def _written(parameter: Parameter) -> str:
    return parameter.name.upper() if parameter.positional else f"{parameter.name}={parameter.name.upper()}"


def _range(parameter: Parameter) -> str:
    default = "required" if parameter.default is None else f"default {parameter.default}"
    return f"{parameter.expected()}, {default}"


def _presets(presets: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    rows = [
        (name, "; ".join(f"{axis} {', '.join(words)}" for axis, words in preset.items()))
        for name, preset in presets.items()
    ]
    return ["presets", *columns(rows)]
