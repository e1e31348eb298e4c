"""What a run would do: options, plugins, the user's own files, the matrix; known before the first worker starts."""

from __future__ import annotations

from dataclasses import dataclass

from tradeoff.baseline import check_baseline
from tradeoff.matrix import Matrix, plan
from tradeoff.measure.energy import chosen_meters
from tradeoff.options import Settings
from tradeoff.own import Own, read_own
from tradeoff.registry import PluginSources, Registry


@dataclass(frozen=True)
class Plan:
    """What a run would do: everything before the first worker starts."""

    settings: Settings
    sources: PluginSources
    registry: Registry
    matrix: Matrix
    own: Own | None


def make_plan(settings: Settings, sources: PluginSources, registry: Registry) -> Plan:
    """Check options and the user's own files, and plan the matrix."""
    settings.check()
    own = read_own(settings, registry.reads)
    names: list[str] = []
    if own is not None:
        registry = registry.with_own(own.task, own.models)
        names = [model.name for model in own.models]
    check_baseline(registry, settings.text("baseline"))
    chosen_meters(settings.words("meters"), registry)
    return Plan(settings, sources, registry, plan(settings, registry, names), own)
