"""The desk at which requests are done: what is registered, and what is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tradeoff.devices.modelling import own_devices
from tradeoff.formats.keras_files import permit_code
from tradeoff.measure.pinning import pinned
from tradeoff.own import own_from_json
from tradeoff.registry import Registry, load_registry, plugin_sources_from_json
from tradeoff.stages import building, looking, measuring, shipping
from tradeoff.vocabulary import Backend, Capabilities, Loading, Progress, Runner, Task

_STAGES: Final[Mapping[str, Callable[..., Any]]] = {
    "data": building.data,
    "build": building.build,
    "reference": shipping.reference,
    "convert": shipping.convert,
    "adopt": shipping.adopt,
    "encode": shipping.encode,
    "evaluate": shipping.evaluate,
    "time": measuring.time,
    "meter": measuring.meter,
    "serve": measuring.serve,
    "footprint": measuring.footprint,
    "profile": measuring.profile,
    "estimate": measuring.estimate,
    "check": looking.check,
    "layers": looking.layers,
    "intermediates": looking.intermediates,
}


@dataclass
class Desk:
    """Holds what is loaded, and does one request after the other."""

    registry: Registry
    _runner: tuple[tuple[Any, ...], Runner] | None = None

    @classmethod
    def from_setup(cls, setup: Mapping[str, Any]) -> Desk:
        """Load the same plugins, and the same models of the user's, as the process that plans."""
        registry = load_registry(plugin_sources_from_json(setup["plugins"]))
        own = setup.get("own")
        if own:
            registry = registry.with_own(*own_from_json(own))
        registry = registry.with_devices(own_devices(setup.get("devices", ())))
        if setup.get("allow_code"):
            permit_code()
        return cls(registry)

    def handle(self, request: Mapping[str, Any], progress: Progress) -> Any:
        """Do what ``request["stage"]`` names."""
        with pinned(request.get("cores")):
            return _STAGES[request["stage"]](self, request, progress)

    def runner(self, request: Mapping[str, Any]) -> Runner:
        """The loaded artifact; evaluating and timing one cell loads it once."""
        wanted = (
            request["content"],
            request["backend"],
            request["device"],
            tuple(sorted(request["parameters"].items())),
        )
        if self._runner is None or self._runner[0] != wanted:
            self._runner = None
            self._runner = (wanted, self.loaded(request))
        return self._runner[1]

    def loaded(self, request: Mapping[str, Any]) -> Runner:
        """The artifact, loaded anew."""
        return self.backend(request).load(self.loading(request))

    def loading(self, request: Mapping[str, Any]) -> Loading:
        """What a backend is told of the artifact that it shall load."""
        return Loading(Path(request["artifact"]), request["parameters"], request["device"])

    def backend(self, request: Mapping[str, Any]) -> Backend:
        """The backend that a request is about."""
        return self.registry.backends[request["backend"]]

    def can(self, request: Mapping[str, Any]) -> Capabilities:
        """What it can do with the request's parameters."""
        return self.backend(request).abilities(request["parameters"])

    def task(self, request: Mapping[str, Any]) -> Task:
        """The task that a request is about."""
        return self.registry.tasks[request["task"]]
