"""One run of the kit, seen from the tests: what is looked at, and the workers in which it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tradeoff.cell import BackendChoice
from tradeoff.conformance.nets import LARGE, SMALL
from tradeoff.engine import training_environment
from tradeoff.errors import Refused, TradeoffError
from tradeoff.processes.workers import ProcessWorkers, WorkerDied, WorkerFailed
from tradeoff.registry import PluginSources, Registry, plugin_sources_to_json
from tradeoff.spelling import Value, spell
from tradeoff.vocabulary import Backend, Capabilities, Environment

#: Seconds for one request of the kit; each takes a moment.
_TIMEOUT = 120.0
#: Samples in one request at most.
MOST = 32


@dataclass(frozen=True)
class Subject:
    """A backend with its parameters, on a device."""

    backend: Backend
    choice: BackendChoice
    device: str

    @property
    def can(self) -> Capabilities:
        """What it says it can do with these parameters."""
        return self.backend.abilities(self.choice.parameters)

    @property
    def precision(self) -> str:
        """The one that everything is looked at in."""
        return "float32" if "float32" in self.can.precisions else self.can.precisions[0]

    @property
    def most(self) -> int:
        """Samples in one request at most."""
        return min(MOST, self.can.max_batch or MOST)


@dataclass(frozen=True)
class Converted:
    """What became of one conversion.

    :param how: ``made``, ``refused``, or that it went wrong.
    :param text: what was said then.
    """

    how: str
    text: str = ""
    net: str = ""
    path: Path = Path()
    content: str = ""
    bytes: int = 0
    left: tuple[str, ...] = ()
    changed: bool = False


@dataclass(repr=False)
class Kit:
    """Asks workers, and keeps what was converted."""

    registry: Registry
    sources: PluginSources
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)
    _all: list[ProcessWorkers] = field(default_factory=list)
    _workers: ProcessWorkers | None = None
    _nets: dict[str, Path] = field(default_factory=dict)
    _found: dict[tuple[str, ...], Any] = field(default_factory=dict)
    _converted: dict[tuple[Any, ...], Converted] = field(default_factory=dict)

    def new_folder(self) -> Path:
        """An empty one."""
        place = self.folder / f"{next(self._numbers):04d}"
        place.mkdir()
        return place

    def workers(self, sources: PluginSources) -> ProcessWorkers:
        """Workers with plugins from there."""
        setup = {"plugins": plugin_sources_to_json(sources), "own": None, "allow_code": False}
        made = ProcessWorkers(setup, self.new_folder(), _TIMEOUT)
        self._all.append(made)
        return made

    def close(self) -> None:
        """Stop all workers."""
        for workers in self._all:
            workers.close()

    def ask(self, environment: Environment, check: str, **request: Any) -> Any:
        """What a look at one thing finds; whatever goes wrong with the looking fails the test."""
        return self.ask_of(self._usual(), environment, check, **request)

    def ask_of(self, workers: ProcessWorkers, environment: Environment, check: str, **request: Any) -> Any:
        """The same, of workers of one's own."""
        try:
            return workers.ask(environment, {"stage": "check", "check": check, **request}, _unseen)
        except TradeoffError as error:
            _fail(error)

    def once(self, key: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        """What was found under ``key``, looked at once."""
        if key not in self._found:
            self._found[key] = ask()
        return self._found[key]

    def choice(self, subject: Subject, parameters: Mapping[str, Value]) -> BackendChoice:
        """The backend with other parameters."""
        name = subject.choice.name
        spelling = spell(name, subject.backend.parameters, parameters)
        return BackendChoice(name, tuple(sorted(parameters.items())), spelling)

    def look(self, subject: Subject, check: str, made: Converted, **request: Any) -> Any:
        """What a look at a converted net finds, where it runs; several tests may be about one look."""
        key = (subject.choice.spelling, subject.device, str(made.path), check, repr(sorted(request.items())))
        return self.once(key, lambda: self._look(subject, check, made, request))

    def _look(self, subject: Subject, check: str, made: Converted, request: Mapping[str, Any]) -> Any:
        return self.ask(
            subject.backend.environment(subject.choice.parameters, subject.device),
            check,
            backend=subject.choice.name,
            parameters=subject.choice.parameters,
            device=subject.device,
            artifact=str(made.path),
            data=str(self.net(made.net)),
            most=subject.most,
            folder=str(self.new_folder()),
            **request,
        )

    def net(self, name: str) -> Path:
        """The folder of a net with its data."""
        if name not in self._nets:
            folder = self.new_folder()
            self.ask(training_environment(), "net", net=name, folder=str(folder))
            self._nets[name] = folder
        return self._nets[name]

    def convert(self, subject: Subject, net: str, precision: str, turn: int = 1) -> Converted:
        """What becomes of one net in one precision; every turn is another conversion."""
        key = (subject.choice.spelling, net, precision, turn)
        if key not in self._converted:
            self._converted[key] = self._convert(subject, net, precision)
        return self._converted[key]

    def made(self, subject: Subject, precision: str, turn: int = 1) -> Converted:
        """The first small net that the backend converts in ``precision``; that there is none is told elsewhere."""
        tried = (self.convert(subject, net, precision, turn) for net in SMALL)
        found = next((made for made in tried if made.how == "made"), None)
        if found is None:
            pytest.skip(f"{precision} is not converted, which test_a_declared_precision_is_converted tells")
        return found

    def large(self, subject: Subject) -> Converted:
        """The net that takes a while."""
        made = self.convert(subject, LARGE, subject.precision)
        if made.how != "made":
            pytest.skip(f"the net that takes a while is not converted: {made.text}")
        return made

    def _convert(self, subject: Subject, net: str, precision: str) -> Converted:
        parameters = subject.choice.parameters
        environment = subject.backend.conversion_environment(parameters) or training_environment()
        folder, given = self.new_folder(), str(self.net(net))
        technique = self.registry.techniques.get(precision)
        request = {
            "stage": "check",
            "check": "convert",
            "backend": subject.choice.name,
            "parameters": parameters,
            "precision": precision,
            "values": {each.name: each.default for each in technique.parameters} if technique else {},
            "variant": given,
            "data": given,
            "folder": str(folder),
            "scratch": str(self.new_folder()),
        }
        try:
            told = self._usual().ask(environment, request, _unseen)
        except Refused as error:
            return Converted("refused", str(error), net)
        except TradeoffError as error:
            return Converted("went wrong", _text(error), net)
        return Converted(
            "made",
            net=net,
            path=folder / told["artifact"],
            content=told["content"],
            bytes=told["bytes"],
            left=tuple(told["left"]),
            changed=told["changed"],
        )

    def _usual(self) -> ProcessWorkers:
        if self._workers is None:
            self._workers = self.workers(self.sources)
        return self._workers


def _unseen(text: str, done: float) -> None:
    """What a worker tells of its progress is not shown here."""


def _text(error: TradeoffError) -> str:
    detail = error.detail if isinstance(error, WorkerDied | WorkerFailed) else ""
    return f"{error}\n{detail}".rstrip()


def _fail(error: TradeoffError) -> NoReturn:
    pytest.fail(_text(error), pytrace=False)
