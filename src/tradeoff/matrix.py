"""From a selection to cells: which exist, and which are visible as skips, with the reason.

Nothing here imports a framework: a backend says what it can do as data, and whether a module is installed is
asked of the import system.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from tradeoff.cell import SCENARIOS, BackendChoice, Cell, Load, parse_backend, parse_load
from tradeoff.chain import BASELINE, Chain, Step, parse_chain
from tradeoff.engine import engine_requirements, missing_engine
from tradeoff.errors import BadInput, UnknownName
from tradeoff.options import Settings
from tradeoff.registry import Registry
from tradeoff.spelling import Parameter
from tradeoff.sweeps import Curve, curve_of, divided, swept
from tradeoff.vocabulary import Backend, Capabilities, Refusal, Requirement

ALL: Final = "all"
#: Among backends: those that do not keep out of the preset of that name.
QUICK: Final = "quick"
AXES: Final = ("models", "techniques", "backends", "devices", "loads")
_WILD: Final = "*?["


@dataclass(frozen=True)
class PlannedCell:
    """A cell, and why it cannot exist if it cannot."""

    cell: Cell
    refusal: Refusal | None = None


@dataclass(frozen=True)
class Matrix:
    """All planned cells, each once, in a stable order; what of a preset is not registered here; ranges asked for."""

    cells: tuple[PlannedCell, ...]
    notes: tuple[str, ...] = ()
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True)
class _Axes:
    """The words of each axis before they are parsed.

    :param named: the axes whose words somebody has chosen one by one, and wants to know of.
    """

    models: tuple[str, ...]
    techniques: tuple[str, ...]
    backends: tuple[str, ...]
    devices: tuple[str, ...]
    loads: tuple[str, ...]
    named: frozenset[str] = frozenset()


def plan(
    settings: Settings, registry: Registry, own_models: Sequence[str] = (), own_devices: Sequence[str] = ()
) -> Matrix:
    """The matrix that ``settings`` select.

    :param own_models: the models the user brought; without ``--tradeoff-models`` they alone are run.
    :param own_devices: the devices the user brought; without ``--tradeoff-devices`` they are run beside the others.
    """
    notes: list[str] = []
    axes = _axes(settings, registry, own_models, notes)
    if settings.words("devices") is None:
        axes = replace(axes, devices=tuple(dict.fromkeys((*axes.devices, *own_devices))))
    patterns = settings.words("cells")
    products = [_narrow(axes, pattern, registry) for pattern in patterns] if patterns else [axes]
    judge = _Judge(registry, validated=settings.switch("validated"))
    found: dict[str, PlannedCell] = {}
    for product in products:
        for cell in _cells(product, registry):
            found.setdefault(cell.spelling, PlannedCell(cell, judge.refusal(cell)))
    return Matrix(tuple(found.values()), tuple(notes), _curves(settings, registry))


def _curves(settings: Settings, registry: Registry) -> tuple[Curve, ...]:
    """The ranges that were asked for, in the list of techniques and in cells."""
    in_cells = (divided(pattern)[1:2] for pattern in settings.words("cells") or ())
    words = (*(settings.words("techniques") or ()), *itertools.chain(*in_cells))
    asked = [text for text in dict.fromkeys(words) if ".." in text and not any(c in text for c in _WILD)]
    curves = (curve_of(text, registry.techniques) for text in asked)
    return tuple(curve for curve in curves if curve is not None)


def _axes(settings: Settings, registry: Registry, own_models: Sequence[str], notes: list[str]) -> _Axes:
    preset = dict(settings.preset())
    if own_models:
        preset["models"] = tuple(own_models)
    words: dict[str, tuple[str, ...]] = {}
    for axis in AXES:
        chosen = settings.words(axis)
        registered = _registered(axis, registry)
        if chosen is None:
            words[axis] = _known_of_preset(axis, preset[axis], registered, notes)
        elif not chosen:
            raise BadInput(f"--tradeoff-{axis} is empty; known: {', '.join(registered)}")
        else:
            words[axis] = chosen
        several = {ALL: registered}
        if axis == "backends":
            several[QUICK] = tuple(name for name in registered if registry.backends[name].quick)
        words[axis] = tuple(dict.fromkeys(_expand(words[axis], several)))
    words["techniques"] = _swept(words["techniques"], registry)
    if settings.words("backends") is None and settings.text("preset") not in settings.presets:
        words["backends"] = tuple(dict.fromkeys((*words["backends"], *_readers(registry, own_models))))
    named = frozenset(axis for axis in AXES if settings.words(axis) and ALL not in (settings.words(axis) or ()))
    return _Axes(**words, named=named)


def _swept(words: Iterable[str], registry: Registry) -> tuple[str, ...]:
    """Every chain once, with those that a range stands for."""
    return tuple(dict.fromkeys(chain for word in words for chain in swept(word, registry.techniques)))


def _readers(registry: Registry, models: Iterable[str]) -> Iterable[str]:
    """The backends that read what a person has brought finished: nobody has to know their names."""
    endings = {registry.models[name].finished for name in models} - {""}
    return (name for name, backend in registry.backends.items() if endings & {*backend.capabilities.reads})


def _registered(axis: str, registry: Registry) -> tuple[str, ...]:
    if axis == "techniques":
        ready = (name for name, technique in registry.techniques.items() if not _needed(technique.parameters))
        return (BASELINE, *ready)
    if axis == "loads":
        return ("b1", *(name for name, parameters in SCENARIOS.items() if not _needed(parameters)))
    return tuple(getattr(registry, axis))


def _needed(parameters: Sequence[Parameter]) -> bool:
    return any(parameter.default is None for parameter in parameters)


def _expand(words: Iterable[str], several: Mapping[str, Sequence[str]]) -> Iterable[str]:
    for word in words:
        yield from several.get(word, (word,))


def _known_of_preset(axis: str, words: Sequence[str], registered: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    """A preset is about what there is: a plugin that is switched off takes its names out of it."""
    if axis not in ("models", "devices"):
        return tuple(words)
    notes.extend(
        f"the preset names {axis[:-1]} {word!r}, which no plugin brings; it is left out"
        for word in words
        if word != ALL and word not in registered
    )
    return tuple(word for word in words if word == ALL or word in registered)


def _narrow(axes: _Axes, pattern: str, registry: Registry) -> _Axes:
    """The product that one glob stands for: a plain word is taken as it is, a wild one filters the selection."""
    parts = divided(pattern)
    if len(parts) > len(AXES):
        raise BadInput(
            f"--tradeoff-cells {pattern!r} has {len(parts)} parts; a cell is MODEL/CHAIN/BACKEND/DEVICE/LOAD"
        )
    parts += ["*"] * (len(AXES) - len(parts))
    words: dict[str, tuple[str, ...]] = {}
    named = set(axes.named)
    for axis, part in zip(AXES, parts, strict=True):
        chosen: tuple[str, ...] = getattr(axes, axis)
        if any(c in part for c in _WILD):
            words[axis] = _matching(pattern, axis, part, chosen)
        else:
            words[axis] = _swept((part,), registry) if axis == "techniques" else (part,)
            named.add(axis)
    return _Axes(**words, named=frozenset(named))


def _matching(pattern: str, axis: str, part: str, chosen: Sequence[str]) -> tuple[str, ...]:
    found = tuple(word for word in chosen if fnmatchcase(word, part))
    if not found:
        raise BadInput(
            f"--tradeoff-cells {pattern!r}: {part!r} matches none of the selected {axis} ({', '.join(chosen)})"
        )
    return found


def _cells(axes: _Axes, registry: Registry) -> Iterable[Cell]:
    models = [_known("model", name, registry.models) for name in axes.models]
    chains = [parse_chain(text, registry.techniques) for text in axes.techniques]
    backends = [parse_backend(text, registry.backends) for text in axes.backends]
    devices = [_known("device", name, registry.devices) for name in axes.devices]
    loads = [parse_load(text) for text in axes.loads]
    left_out = _strangers(axes, registry, backends, devices)
    for model, backend, device, load, chain in itertools.product(models, backends, devices, loads, chains):
        if (backend, device) not in left_out:
            yield Cell(model, chain, backend, device, load)


def _strangers(
    axes: _Axes, registry: Registry, backends: Sequence[BackendChoice], devices: Sequence[str]
) -> set[tuple[BackendChoice, str]]:
    """Pairs of a backend and a device that have nothing to do with each other, and that nobody asked for.

    A preset names microcontrollers beside this machine, and a server's runtime beside TFLM. Who names both wants to
    know of every pair; and what has no partner at all stays, with the reason.
    """
    apart = {(choice, device) for choice in backends for device in set(devices) - _places(registry, choice)}
    if {"backends", "devices"} <= axes.named:
        return set()
    if "devices" in axes.named:
        lonely = {device for device in devices if all((choice, device) in apart for choice in backends)}
        return {(choice, device) for choice, device in apart if device not in lonely}
    placeless = {choice for choice in backends if all((choice, device) in apart for device in devices)}
    return {(choice, device) for choice, device in apart if choice not in placeless}


def _places(registry: Registry, choice: BackendChoice) -> frozenset[str]:
    return frozenset(devices_of(registry, choice.name, registry.backends[choice.name].abilities(choice.parameters)))


def _known(kind: str, name: str, known: Mapping[str, object]) -> str:
    if name not in known:
        raise UnknownName(kind, name, known)
    return name


class _Judge:
    """Says why a cell cannot exist; each question is asked once for the whole matrix."""

    def __init__(self, registry: Registry, *, validated: bool) -> None:
        self._registry = registry
        self._validated = validated
        self._engine = missing_engine()
        self._backend = cache(self._backend_missing)
        self._model = cache(self._model_missing)
        self._chain = cache(self._chain_refusal)
        self._fit = cache(self._fit_refusal)

    def refusal(self, cell: Cell) -> Refusal | None:
        if self._registry.models[cell.model].finished:
            return self._finished_refusal(cell)
        return (
            self._fit(cell.backend, cell.chain.precision_name, cell.device, cell.load)
            or self._chain(cell.chain)
            or self._bits_refusal(cell)
            or self._coding_refusal(cell)
            or self._engine
            or self._backend(cell.backend)
            or self._model(cell.model)
        )

    def _fit_refusal(self, choice: BackendChoice, precision: str, device: str, load: Load) -> Refusal | None:
        can = self._registry.backends[choice.name].abilities(choice.parameters)
        missing = self._place_refusal(choice, can, device)
        if missing:
            return missing
        if precision not in (*can.precisions, *can.bits):
            return can.refusals.get(precision) or Refusal(
                "not implemented here", f"{choice.name} realises {', '.join(can.precisions)}, not {precision}"
            )
        return _load_refusal(choice.name, can, load) or self._clock_refusal(device, load)

    def _clock_refusal(self, device: str, load: Load) -> Refusal | None:
        if not load.scenario or self._registry.devices[device].is_here:
            return None
        return Refusal(
            "not implemented here",
            f"{device} is not here, and {load.spelling} needs a clock that runs; requests one after the other are "
            "estimated: b1, b8",
        )

    def _place_refusal(self, choice: BackendChoice, can: Capabilities, device: str) -> Refusal | None:
        places = devices_of(self._registry, choice.name, can)
        if device not in places:
            return Refusal("no such device", f"{choice.name} runs on {_some(places)}, not on {device}")
        found = self._registry.devices[device]
        if self._validated and not found.is_here and not found.validated:
            return Refusal("no such device", f"--tradeoff-validated: nobody has checked what is modelled of {device}")
        return found.present()

    def _finished_refusal(self, cell: Cell) -> Refusal | None:
        """Nothing is built or converted of a finished artifact: it runs as it is, where it is read, or not at all."""
        ending = self._registry.models[cell.model].finished
        if cell.chain.steps:
            told = f"{ending} is finished: no technique changes it; bring the model as .keras or .h5 for that"
            return Refusal("not supported by format", told)
        backend = self._registry.backends[cell.backend.name]
        can = backend.abilities(cell.backend.parameters)
        if ending not in can.reads:
            reads = f"reads {', '.join(can.reads)}, not {ending}" if can.reads else f"reads no finished {ending}"
            return Refusal("not supported by format", f"{cell.backend.name} {reads}")
        return (
            self._place_refusal(cell.backend, can, cell.device)
            or _load_refusal(cell.backend.name, can, cell.load)
            or self._clock_refusal(cell.device, cell.load)
            or _not_installed(backend.needs(cell.backend.parameters), backend.install)
            or self._model(cell.model)
        )

    def _chain_refusal(self, chain: Chain) -> Refusal | None:
        steps = chain.in_full.steps
        for step in steps:
            technique = self._registry.techniques[step.technique]
            if step.stage == "artifact" and (technique.encode is None or technique.decode is None):
                told = f"{step.technique} works on artifacts, and has not both `encode` and `decode`"
                return Refusal("not implemented here", told)
        needs = [need for step in steps for need in self._registry.techniques[step.technique].requires]
        return _not_installed(needs, "") or next(filter(None, map(self._step_refusal, chain.model_steps)), None)

    def _step_refusal(self, step: Step) -> Refusal | None:
        check = self._registry.techniques[step.technique].check
        return check(dict(step.values), self._registry.models) if check else None

    def _bits_refusal(self, cell: Cell) -> Refusal | None:
        """Bits come along with a model from a technique that has changed it, or looked at it."""
        precision = cell.chain.precision_name
        can = self._registry.backends[cell.backend.name].abilities(cell.backend.parameters)
        if precision not in can.bits or cell.chain.model_steps:
            return None
        choosing = sorted(one.name for one in self._registry.techniques.values() if one.implies == precision)
        mend = f"; {', '.join(choosing)} does, and implies {precision}" if choosing else ""
        told = f"{precision} realises bits that a technique before it has chosen, and none stands there{mend}"
        return Refusal("not supported by format", told)

    def _coding_refusal(self, cell: Cell) -> Refusal | None:
        """What is coded are weights, and only a backend knows where in its artifact these lie."""
        backend = self._registry.backends[cell.backend.name]
        if not cell.chain.artifact_steps or type(backend).weights is not Backend.weights:
            return None
        name = cell.chain.artifact_steps[0].technique
        return Refusal(
            "not implemented here",
            f"{name} codes weights, and {backend.name} does not tell where in its artifact they lie (`weights`)",
        )

    def _backend_missing(self, choice: BackendChoice) -> Refusal | None:
        backend = self._registry.backends[choice.name]
        needs = (*backend.needs(choice.parameters), *backend.converter_requires, *engine_requirements())
        return _not_installed(needs, backend.install)

    def _model_missing(self, name: str) -> Refusal | None:
        return _not_installed(self._registry.task_of(self._registry.models[name]).requires, "")


def devices_of(registry: Registry, backend: str, can: Capabilities) -> tuple[str, ...]:
    """Where a backend runs: the devices that it names, and those that name it."""
    named = (name for name, device in registry.devices.items() if backend in device.backends)
    return tuple(dict.fromkeys((*can.devices, *named)))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _load_refusal(backend: str, can: Capabilities, load: Load) -> Refusal | None:
    if can.max_batch is not None and load.batch > can.max_batch:
        return Refusal("not supported by format", f"{backend} takes at most {can.max_batch} samples a request")
    if not can.runs and load != Load():
        return Refusal("not supported by format", f"{backend} only has a size, whatever the load; it stands at b1")
    return None


def _not_installed(needs: Iterable[Requirement], install: str) -> Refusal | None:
    missing = list(dict.fromkeys(need.distribution for need in needs if not need.installed()))
    if not missing:
        return None
    return Refusal("not installed", f"{', '.join(missing)}: pip install {quoted(install or ' '.join(missing))}")


def quoted(requirement: str) -> str:
    """As a shell takes it: brackets are globs."""
    return f"'{requirement}'" if "[" in requirement else requirement
