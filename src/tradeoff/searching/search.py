"""What is searched: a model for a device under limits, and the cells that may be tried."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from tradeoff.cell import BackendChoice, Cell, parse_backend
from tradeoff.chain import BASELINE
from tradeoff.decide.judging import used
from tradeoff.decide.objectives import OBJECTIVES
from tradeoff.decide.wishes import Wish
from tradeoff.errors import BadInput, TradeoffError, UnknownName
from tradeoff.fingerprint import digest
from tradeoff.matrix import ALL, PlannedCell, devices_of, plan
from tradeoff.options import Settings
from tradeoff.planning import Plan, make_plan
from tradeoff.registry import PluginSources, Registry, load_registry
from tradeoff.runs.run_folder import HOME, project_folder
from tradeoff.searching.space import (
    Proposal,
    Space,
    all_words,
    default_words,
    propose,
    space_of,
    yardsticks,
)
from tradeoff.searching.study import Picks
from tradeoff.spelling import split

_BACKEND: Final = "litert"
_HOME: Final = "searches"
_LOAD: Final = "b1"


@dataclass(frozen=True)
class Asking:
    """What a person has asked for.

    :param model: a model's name, or a file.
    :param techniques: as they were written; none for those that are tried by default.
    :param backends: as they were written; none for what runs on the device.
    """

    model: str
    device: str
    wish: Wish
    techniques: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Search:
    """Everything that decides which trials there are, but for their number.

    :param model: its name in cells.
    :param notes: what had to be left out.
    """

    plan: Plan
    model: str
    device: str
    wish: Wish
    space: Space
    notes: tuple[str, ...] = ()

    @property
    def registry(self) -> Registry:
        """With the user's own model and devices."""
        return self.plan.registry

    @property
    def here(self) -> bool:
        """Whether requests are timed on the device."""
        return self.registry.devices[self.device].is_here

    @property
    def timed(self) -> tuple[str, ...]:
        """What the wish is decided by that is measured on this machine, and is another number the next time."""
        measured = {name for name, one in OBJECTIVES.items() if one.timed} | {"ram"}
        return tuple(name for name in used(self.wish) if self.here and name in measured)

    @cached_property
    def yardsticks(self) -> tuple[Proposal, ...]:
        """The default matrix of this model, as far as it is in the space and can exist: it is tried first."""
        known = self.registry.techniques
        chains = [word for word in self.plan.settings.preset()["techniques"] if _plain(word, known)]
        found = [(one, self.refusal(one)) for one in yardsticks(self.space, chains, known)]
        legal = tuple(one for one, why in found if not why)
        if found and not legal:
            raise TradeoffError(f"nothing of {self.model} can be tried on {self.device}: {found[0][1]}")
        return legal

    def propose(self, trial: Any) -> Proposal:
        """What Optuna's trial chooses."""
        return propose(self.space, self.registry.techniques, Picks(trial))

    def refusal(self, proposal: Proposal, failed: Collection[Proposal] = ()) -> str:
        """Why the planner of a run would not have it; empty if it would.

        :param failed: what could not be judged of the default matrix: its precisions are no better with more in front.
        """
        try:
            planned = self._planned(proposal)
        except TradeoffError as error:
            return str(error)
        precision = planned.cell.chain.precision_name
        for one in failed:
            if one.backend == proposal.backend and self._planned(one).cell.chain.precision_name == precision:
                return f"{one.chain} failed on {one.backend}"
        return str(planned.refusal) if planned.refusal else ""

    def cell(self, proposal: Proposal) -> Cell:
        """As a run would plan it."""
        return self._planned(proposal).cell

    def _planned(self, proposal: Proposal) -> PlannedCell:
        spelling = "/".join((self.model, proposal.chain, proposal.backend, self.device, _LOAD))
        settings = self.plan.settings
        own = self.plan.own
        return plan(
            replace(settings, values={**settings.values, "cells": (spelling,)}),
            self.registry,
            [model.name for model in own.models] if own else [],
        ).cells[0]

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What makes it this search and no other; how many trials there are does not."""
        model = self.registry.models[self.model]
        return {
            "model": [self.model, model.version, self.registry.task_of(model).version],
            "device": [self.device, self.registry.devices[self.device].version],
            "space": {
                "models": [list(dial.steps) for dial in self.space.models],
                "precisions": {name: list(steps) for name, steps in self.space.precisions.items()},
                "codings": [list(dial.steps) for dial in self.space.codings],
            },
            "objective": str(self.wish.goal),
            "limits": {limit.name: limit.value for limit in self.wish.limits},
            "allow": sorted(self.wish.allow),
            "seed": self.plan.settings.seed,
        }

    def folder(self, chosen: str | None) -> Path:
        """Where it lies: where it is told to, else by what it is, so that the same command finds it again."""
        if chosen:
            return Path(chosen).expanduser()
        name = f"{self.model}-{digest(self.identity)[:12]}"
        return project_folder(Path.cwd()) / HOME / _HOME / name


def search_for(asking: Asking, settings: Settings, sources: PluginSources) -> Search:
    """Check all that was asked for; nothing is built yet, and no framework imported."""
    loaded = load_registry(sources)
    settings, named = _selecting(asking, settings, loaded)
    planned = make_plan(settings, sources, loaded)
    registry = planned.registry
    model = named or (planned.own.models[0].name if planned.own else "")
    if registry.models[model].finished:
        raise BadInput(
            f"{asking.model} is finished: no technique changes it; bring the model as .keras or .h5 for a search"
        )
    _check_wish(asking.wish)
    backends = [parse_backend(word, registry.backends) for word in asking.backends or _runs_on(registry, asking.device)]
    here = registry.devices[asking.device].is_here
    words, notes = (list(asking.techniques), []) if asking.techniques else default_words(registry, here)
    if ALL in words:
        words = all_words(registry)
    space = space_of(words, list(dict.fromkeys(backends)), registry)
    return Search(planned, model, asking.device, asking.wish, space, (*registry.problems, *notes))


def _selecting(asking: Asking, settings: Settings, registry: Registry) -> tuple[Settings, str]:
    """The settings of a run with this model on this device, and the model's name if it is registered."""
    dropped = ("cells", "models", "model", "baseline")
    values = {name: value for name, value in settings.values.items() if name not in dropped}
    values |= {"techniques": (BASELINE,), "loads": (_LOAD,), "devices": (asking.device,)}
    values["backends"] = asking.backends or (ALL,)
    path = Path(asking.model).expanduser()
    if asking.model in registry.models:
        return replace(settings, values={**values, "models": (asking.model,)}), asking.model
    if path.exists():
        return replace(settings, values={**values, "model": (str(path),)}), ""
    raise UnknownName("model", asking.model, registry.models, "It may also be a file: my.keras")


def _check_wish(wish: Wish) -> None:
    if "throughput" in used(wish):
        raise BadInput(
            "throughput is that of a load such as offline or server:200, and a search looks at single requests; "
            "ask for latency"
        )


def _runs_on(registry: Registry, device: str) -> list[str]:
    """The backends that stand for a device; on this machine one of them, for each would have a matrix of its own."""
    places = {
        name: devices_of(registry, name, backend.abilities(_defaults(registry, name).parameters))
        for name, backend in registry.backends.items()
    }
    found = [name for name, devices in places.items() if device in devices]
    if not found:
        raise BadInput(f"no backend stands for {device}; name one with --backends")
    return [_BACKEND] if _BACKEND in found else found


def _defaults(registry: Registry, name: str) -> BackendChoice:
    return parse_backend(name, registry.backends)


def _plain(word: str, techniques: Mapping[str, Any]) -> bool:
    """Whether a word of a preset is the model as it is, or a precision alone."""
    if word == BASELINE:
        return True
    if "+" in word or ".." in word or word == ALL:
        return False
    name = split(word)[0]
    return name in techniques and techniques[name].stage == "precision"


def described(search: Search, trials: int) -> list[str]:
    """The space for a person, before anything is built."""
    lines = [f"{search.model} on {search.device}: {trials} trials, objective {search.wish.goal}"]
    lines += [f"  limit {limit.name} {limit.text}" for limit in search.wish.limits]
    for title, dials in (("in a chain, in this order", search.space.models), ("coding", search.space.codings)):
        lines += [f"  {title}: {', '.join(_told(dial.steps) for dial in dials)}"] if dials else []
    lines += [f"  {name}: {', '.join(steps)}" for name, steps in search.space.precisions.items()]
    first = ", ".join(f"{one.chain}/{one.backend}" for one in search.yardsticks)
    return [*lines, f"  tried first: {first or 'nothing'}"]


def _told(steps: Sequence[str]) -> str:
    return steps[0] if len(steps) == 1 else f"{steps[0]} to {steps[-1]} ({len(steps)} values)"
