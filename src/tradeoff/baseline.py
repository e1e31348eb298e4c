"""What a cell is compared with: one notion, from which speed-up, agreement and tables all follow."""

from __future__ import annotations

from dataclasses import replace

from tradeoff.cell import BackendChoice, Cell, parse_backend
from tradeoff.chain import Chain
from tradeoff.errors import UnknownName
from tradeoff.registry import Registry


def check_baseline(registry: Registry, named: str | None) -> None:
    """Raise for ``--tradeoff-baseline`` when there is no such model."""
    if named is not None and named not in registry.models:
        raise UnknownName("baseline model", named, registry.models, "--tradeoff-baseline names a model.")


def baseline_model(registry: Registry, model: str, named: str | None) -> str:
    """The model that ``model`` is compared with.

    The named one, where both have one task; else itself, before any technique; and for a finished artifact, which
    has no such past, the first model of its task: of the user's own that is the first one given.
    """
    task = registry.models[model].task
    if named is not None and registry.models[named].task == task:
        return named
    if not registry.models[model].finished:
        return model
    return next(name for name, other in registry.models.items() if other.task == task)


def baseline_of(registry: Registry, cell: Cell, named: str | None) -> Cell:
    """The cell that ``cell`` is timed against: that model as it is, under the same conditions."""
    return replace(cell, model=baseline_model(registry, cell.model, named), chain=Chain())


def can_be_had(registry: Registry, cell: Cell) -> bool:
    """Whether the cell's backend makes anything of its model as it is: a format may not be one that it reads."""
    finished = registry.models[cell.model].finished
    can = registry.backends[cell.backend.name].abilities(cell.backend.parameters)
    return finished in can.reads if finished else "float32" in can.precisions


def reader_of(registry: Registry, model: str) -> BackendChoice | None:
    """The first backend that is installed and runs a finished artifact: what it gives there is what others give."""
    for name, backend in registry.backends.items():
        if not (backend.capabilities.runs and registry.models[model].finished in backend.capabilities.reads):
            continue
        choice = parse_backend(name, registry.backends)
        if all(need.installed() for need in backend.needs(choice.parameters)):
            return choice
    return None
