"""What a run would do: options, plugins, the user's own files, the matrix; known before the first worker starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tradeoff.baseline import check_baseline
from tradeoff.devices.modelling import own_devices
from tradeoff.matrix import Matrix, plan
from tradeoff.measure.energy import chosen_meters
from tradeoff.options import Settings
from tradeoff.own import Own, read_own
from tradeoff.registry import PluginSources, Registry, plugin_sources_to_json


@dataclass(frozen=True)
class Plan:
    """What a run would do: everything before the first worker starts."""

    settings: Settings
    sources: PluginSources
    registry: Registry
    matrix: Matrix
    own: Own | None

    @property
    def setup(self) -> Mapping[str, Any]:
        """What each worker is told first, as plain data."""
        return {
            "plugins": plugin_sources_to_json(self.sources),
            "own": self.own.to_json() if self.own else None,
            "allow_code": self.settings.switch("allow-code"),
            "devices": list(self.settings.words("device-file") or ()),
        }


def make_plan(settings: Settings, sources: PluginSources, registry: Registry) -> Plan:
    """Check options and the user's own files, and plan the matrix."""
    settings.check()
    own = read_own(settings, registry.reads)
    names: list[str] = []
    if own is not None:
        registry = registry.with_own(own.task, own.models)
        names = [model.name for model in own.models]
    devices = own_devices(settings.words("device-file") or ())
    registry = registry.with_devices(devices)
    check_baseline(registry, settings.text("baseline"))
    chosen_meters(settings.words("meters"), registry)
    return Plan(settings, sources, registry, plan(settings, registry, names, [device.name for device in devices]), own)
