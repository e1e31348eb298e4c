"""Everything that is registered, found through hooks: built-in and third-party plugins alike.

A broken plugin costs itself alone: it is named in ``problems`` and the rest goes on. Two plugins that claim
one name are both told of.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pluggy

from tradeoff import hookspecs
from tradeoff.errors import BadInput, UnknownName
from tradeoff.spelling import NAME
from tradeoff.text import safe
from tradeoff.vocabulary import (
    COARSEST,
    FLOAT32,
    Backend,
    Device,
    Meter,
    Model,
    Renderer,
    Task,
    Technique,
    Tolerance,
    View,
)

GROUP: Final = "tradeoff"
_LONGEST_NAME: Final = 100
#: Of a problem, which holds what a plugin raised.
_LONGEST: Final = 1000
#: A device's name may tell the runtime too: ``stm32h743@tflm``.
_DEVICE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-@]*\Z")
#: It ends the name of a file in the run's folder.
_SUFFIX: Final = re.compile(r"(\.[A-Za-z0-9_\-]+)*\Z")


@dataclass(frozen=True)
class Registry:
    """What there is, by name, and what could not be had."""

    tasks: Mapping[str, Task] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    techniques: Mapping[str, Technique] = field(default_factory=dict)
    backends: Mapping[str, Backend] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    meters: Mapping[str, Meter] = field(default_factory=dict)
    renderers: Mapping[str, Renderer] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    #: ``(kind, name)`` to the plugin that brought it.
    origins: Mapping[tuple[str, str], str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def task_of(self, model: Model) -> Task:
        """The task of ``model``."""
        if model.task not in self.tasks:
            raise UnknownName(f"task of model {model.name}", model.task, self.tasks)
        return self.tasks[model.task]

    def tolerance_of(self, precision: str) -> Tolerance:
        """What a conversion may lose by ``precision``; the word for none asked for is no technique."""
        technique = self.techniques.get(precision)
        return FLOAT32 if technique is None else technique.tolerance or COARSEST

    @property
    def reads(self) -> frozenset[str]:
        """The endings of finished artifacts that some backend reads."""
        return frozenset(ending for backend in self.backends.values() for ending in backend.capabilities.reads)

    def with_devices(self, devices: Iterable[Device]) -> Registry:
        """The same, with devices whose profiles a user brought; one of them may stand for one that is registered."""
        added = {device.name: device for device in devices}
        origins = dict(self.origins) | {("device", name): "your file" for name in added}
        return replace(self, devices={**self.devices, **added}, origins=origins)

    def with_own(self, task: Task, models: Iterable[Model]) -> Registry:
        """The same, with the models a user brought."""
        name = task.name
        while name in self.tasks:
            # Data may be called like a task that is registered, which other models go on to have.
            name = f"own-{name}"
        task = replace(task, name=name)
        added = {model.name: replace(model, task=name) for model in models}
        taken = sorted(added.keys() & self.models.keys())
        if taken:
            raise BadInput(f"a model named {taken[0]!r} is registered already; rename the file to use it")
        origins = dict(self.origins) | {("model", name): "your file" for name in added}
        return replace(self, tasks={**self.tasks, task.name: task}, models={**self.models, **added}, origins=origins)


@dataclass(frozen=True)
class PluginSources:
    """Where plugins come from, as plain data: a worker is given it and loads the same ones.

    :param modules: importable names, as given to ``-p``.
    :param conftests: files that carry hooks.
    :param blocked: names that ``-p no:NAME`` switched off.
    """

    modules: tuple[str, ...] = ()
    conftests: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()


def is_for_workers(plugin: object) -> bool:
    """Whether a pytest plugin or conftest is loaded by workers too: it has hooks, or it imports ``tradeoff``.

    The latter is how a conftest registers the classes that a model file is made of.
    """
    return carries_hooks(plugin) or getattr(plugin, "tradeoff", None) is sys.modules["tradeoff"]


def carries_hooks(plugin: object) -> bool:
    """Whether it has functions marked with ``@tradeoff.hookimpl``."""
    return any(
        hasattr(getattr(plugin, name, None), f"{hookspecs.PROJECT}_impl")
        for name in dir(plugin)
        if name.startswith("tradeoff_")
    )


def load_registry(sources: PluginSources | None = None, plugins: Sequence[tuple[str, object]] = ()) -> Registry:
    """Load every plugin and ask each for what it brings.

    :param sources: further plugins by name and file, as a worker gets them.
    :param plugins: further plugins that are loaded already, with their names.
    """
    sources = sources or PluginSources()
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    problems: list[str] = []
    loaders = [(f"plugin {point.name!r} ({_distribution(point)})", point.name, point.load) for point in _points()]
    loaders += [(f"plugin {name!r}", name, _importer(name)) for name in sources.modules]
    loaders += [(f"conftest {path}", path, _file_importer(path)) for path in sources.conftests]
    for title, name, load in loaders:
        if name in sources.blocked:
            continue
        _register(manager, problems, title, name, load)
    for name, plugin in plugins:
        _register(manager, problems, f"plugin {name!r}", name, partial(_itself, plugin))
    return _Collector(manager, problems).collect()


def _itself(plugin: object) -> object:
    return plugin


def _points() -> list[EntryPoint]:
    """Entry points sorted by name; an editable install beside a built one lists each twice."""
    found = {(point.name, point.value): point for point in entry_points(group=GROUP)}
    return [found[key] for key in sorted(found)]


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _importer(name: str) -> Callable[[], ModuleType]:
    return lambda: importlib.import_module(name)


def _file_importer(path: str) -> Callable[[], ModuleType]:
    def load() -> ModuleType:
        name = "tradeoff_conftest_" + "".join(c if c.isalnum() else "_" for c in path)
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        if str(Path(path).parent) not in sys.path:
            sys.path.append(str(Path(path).parent))
        spec.loader.exec_module(module)
        return module

    return load


def _register(
    manager: pluggy.PluginManager, problems: list[str], title: str, name: str, load: Callable[[], Any]
) -> None:
    """Load and register one plugin; whatever it raises is its own problem, told by name."""
    try:
        plugin = load()
        if manager.is_registered(plugin) or manager.has_plugin(name):
            return
        manager.register(plugin, name)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # a plugin may even call sys.exit while it is imported
        problems.append(f"{title} could not be loaded: {type(error).__name__}: {error}")


class _Collector:
    """Calls the hooks plugin by plugin, so that each thing is known by who brought it."""

    def __init__(self, manager: pluggy.PluginManager, problems: list[str]) -> None:
        self._manager = manager
        self._problems = problems
        self._origins: dict[tuple[str, str], str] = {}

    def collect(self) -> Registry:
        tasks = self._things("task", Task)
        return Registry(
            tasks=tasks,
            models=self._with_task(self._things("model", Model), tasks),
            techniques=self._things("technique", Technique),
            backends=self._things("backend", Backend),
            devices=self._things("device", Device),
            meters=self._things("meter", Meter),
            renderers=self._things("renderer", Renderer),
            views=self._things("view", View),
            origins=self._origins,
            problems=tuple(safe(problem)[:_LONGEST] for problem in self._problems),
        )

    def _things(self, kind: str, expected: type[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        hook: pluggy.HookCaller = getattr(self._manager.hook, f"tradeoff_{kind}s")
        for implementation in hook.get_hookimpls():
            for thing in self._ask(kind, implementation):
                self._add(kind, expected, found, thing, implementation.plugin_name)
        return found

    def _with_task(self, models: Mapping[str, Model], tasks: Mapping[str, Task]) -> dict[str, Model]:
        """A model without its task cannot be judged."""
        lost = {name: model.task for name, model in models.items() if model.task not in tasks}
        for name, task in lost.items():
            self._problems.append(f"model {name!r} needs task {task!r}, which no plugin brings; it is left out")
        return {name: model for name, model in models.items() if name not in lost}

    def _ask(self, kind: str, implementation: pluggy.HookImpl) -> list[Any]:
        try:
            things: Any = implementation.function()
            return list(things)
        except Exception as error:
            self._problems.append(
                f"plugin {implementation.plugin_name!r} could not say which {kind}s it brings: "
                f"{type(error).__name__}: {error}"
            )
            return []

    def _add(self, kind: str, expected: type[Any], found: dict[str, Any], thing: Any, plugin: str) -> None:
        if not isinstance(thing, expected):
            self._problems.append(
                f"plugin {plugin!r}: tradeoff_{kind}s gave a {type(thing).__name__}, expected {expected.__name__}"
            )
        elif fault := _fault(kind, thing):
            self._problems.append(f"plugin {plugin!r}: {fault}; it is left out")
        elif thing.name in found:
            self._problems.append(
                f"{kind} {thing.name!r} is claimed by plugins {self._origins[kind, thing.name]!r} and {plugin!r}; "
                f"the first is used. Switch one off with `-p no:PLUGIN`."
            )
        else:
            found[thing.name] = thing
            self._origins[kind, thing.name] = plugin


def _fault(kind: str, thing: Any) -> str | None:
    """What of its name, or of what stands beside it, cannot be spelled, shown or made a file's name."""
    name, pattern = getattr(thing, "name", None), _DEVICE if kind == "device" else NAME
    if not isinstance(name, str) or not pattern.match(name) or len(name) > _LONGEST_NAME:
        return (
            f"a {kind} is named {str(name)[:60]!r}; a name is a letter followed by letters, digits, '_', '.' or '-', "
            f"up to {_LONGEST_NAME} of them"
        )
    if not isinstance(getattr(thing, "summary", ""), str):
        return f"the summary of {kind} {name!r} is no text"
    suffix = getattr(thing, "suffix", "")
    if not isinstance(suffix, str) or not _SUFFIX.match(suffix):
        return f"{kind} {name!r} has the suffix {str(suffix)[:60]!r}; expected one such as '.md', or none"
    return None


def plugin_sources_to_json(sources: PluginSources) -> dict[str, list[str]]:
    """Plain data for a worker."""
    return {
        "modules": list(sources.modules),
        "conftests": list(sources.conftests),
        "blocked": list(sources.blocked),
    }


def plugin_sources_from_json(data: Mapping[str, Sequence[str]]) -> PluginSources:
    """What a worker reads."""
    return PluginSources(tuple(data["modules"]), tuple(data["conftests"]), tuple(data["blocked"]))
