"""The worker processes, seen from the process that plans and shows.

One worker per environment, started when it is first needed and kept. execnet carries the messages: plain
data only, no pickles, and the same code can reach another host. Whatever becomes of a worker, its request
ends, and nothing of it stays.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol

import execnet

from tradeoff.errors import Refused, TradeoffError
from tradeoff.processes.deaths import Deaths, WorkerDied, how_it_ended
from tradeoff.processes.guard import Guard
from tradeoff.processes.worker import answer
from tradeoff.processes.worker_log import harmless
from tradeoff.processes.worker_process import WorkerProcess, start_worker
from tradeoff.registry import Registry
from tradeoff.text import safe, size
from tradeoff.vocabulary import Environment, Progress

__all__ = ["InProcessWorkers", "NotAlone", "ProcessWorkers", "WorkerDied", "WorkerFailed", "WorkerReport", "Workers"]

#: How often a worker is looked at while it works; a message is seen at once.
_LOOK_SECONDS: Final = 0.05
#: A framework takes the time it takes to be imported, however short the requests are meant to be.
_LEAST_START_SECONDS: Final = 60.0


class WorkerFailed(TradeoffError):
    """A plugin raised an error in the worker; the worker goes on."""

    def __init__(self, text: str) -> None:
        self.detail = text
        super().__init__(text.strip().splitlines()[-1] if text.strip() else "an error without words")


class NotAlone(TradeoffError):
    """There is no process for one request alone."""


@dataclass(frozen=True)
class WorkerReport:
    """What starting a worker cost, which is shown apart.

    :param import_seconds: none if it ended before it had imported everything.
    :param ended: how it ended before its run did.
    :param processes: all of them, where each was started for one request alone; the seconds are their sum.
    """

    name: str
    start_seconds: float
    import_seconds: float | None
    log: str
    ended: str = ""
    processes: int = 1

    def to_json(self) -> dict[str, Any]:
        """For the run's record."""
        return {
            "name": self.name,
            "start_seconds": self.start_seconds,
            "import_seconds": self.import_seconds,
            "log": self.log,
            "ended": self.ended,
            "processes": self.processes,
        }


class Workers(Protocol):
    """Who does the work: worker processes, or this process."""

    reports: list[WorkerReport]

    def start(self, environment: Environment, progress: Progress) -> float:
        """Start a worker of that environment, unless there is one; how many seconds that takes, or took."""
        ...

    def ask(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """Have one request done in a worker of that environment."""

    def ask_alone(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """Have one request done in a process that has done nothing before, and does nothing after."""

    def close(self) -> None:
        """Stop every worker."""


@dataclass
class ProcessWorkers:
    """Worker processes.

    :param setup: what each is told first: plugins, the user's own model, seeds.
    :param logs: the folder of their output.
    :param timeout: seconds for one request.
    :param memory: bytes for a worker with all that it starts.
    :param start_timeout: seconds until it is ready, unless ``timeout`` is shorter; a minute it has in any case.
    """

    setup: Mapping[str, Any]
    logs: Path
    timeout: float
    memory: float = math.inf
    start_timeout: float = 300.0
    reports: list[WorkerReport] = field(default_factory=list)
    _group: execnet.Group = field(default_factory=lambda: execnet.Group(execmodel="thread"))
    _running: dict[Environment, WorkerProcess] = field(default_factory=dict)
    _report_of: dict[Environment, int] = field(default_factory=dict)
    _deaths: Deaths = field(default_factory=Deaths)
    _guard: Guard | None = None
    _next_look: float = 0.0

    def start(self, environment: Environment, progress: Progress) -> float:
        """Start a worker, unless there is one."""
        if environment not in self._running:
            self._start(environment, progress)
        told = self.reports[self._report_of[environment]]
        return told.start_seconds + (told.import_seconds or 0.0)

    def ask(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """Have one request done, starting the worker if need be."""
        content = {name: value for name, value in request.items() if name != "folder"}
        key = (environment, repr(sorted(content.items())))
        while True:
            self._deaths.refuse(key)
            if environment not in self._running:
                self._start(environment, progress)
            try:
                return _value(self._answer(environment, request, progress))
            except WorkerDied as death:
                self._deaths.note(key, death)
                _tell_retry(death, progress)
                _empty(request.get("folder"))

    def ask_alone(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """Have one request done in a worker that is started for it and stopped afterwards."""
        alone = replace(environment, name=f"{environment.name}, alone")
        before = self._report_of.get(alone)
        try:
            value = self.ask(alone, request, progress)
        finally:
            if alone in self._running:
                self._stop(alone)
        if before is not None:
            self._add_to(before, alone)
        return value

    def _stop(self, environment: Environment) -> None:
        worker = self._running.pop(environment)
        worker.look()
        worker.gateway.exit()
        worker.bury()

    def _add_to(self, position: int, environment: Environment) -> None:
        """Tell what the last worker cost together with those of its kind before: one line for all of them."""
        last, sum_before = self.reports.pop(), self.reports[position]
        Path(last.log).unlink(missing_ok=True)
        self._report_of[environment] = position
        self._report(
            environment,
            start_seconds=sum_before.start_seconds + last.start_seconds,
            import_seconds=(sum_before.import_seconds or 0.0) + (last.import_seconds or 0.0),
            processes=sum_before.processes + 1,
        )

    def _answer(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        try:
            self._running[environment].channel.send(dict(request))
        except OSError:
            raise self._buried(environment, "") from None
        end = monotonic() + self.timeout
        return self._wait(environment, end, f"did not answer within {self.timeout:g} s and was stopped", progress)

    def _start(self, environment: Environment, progress: Progress) -> None:
        while True:
            self._deaths.refuse(environment)
            try:
                return self._start_once(environment, progress)
            except WorkerDied as death:
                self._deaths.note(environment, death)
                _tell_retry(death, progress)

    def _start_once(self, environment: Environment, progress: Progress) -> None:
        name = safe(environment.name)
        progress(f"starting worker {name}", 0.0)
        begun = monotonic()
        seconds = min(self.start_timeout, max(self.timeout, _LEAST_START_SECONDS))
        setup = {
            **self.setup,
            "variables": dict(environment.variables),
            "modules": list(environment.modules),
            "sys_path": [path or str(Path.cwd()) for path in sys.path],
        }
        try:
            self._guard = self._guard or Guard.start()
            worker = start_worker(self._group, self._guard, name, self.logs, setup, seconds)
        except (OSError, EOFError, AssertionError) as error:
            # The last is execnet's, when an interpreter says something else than that it is there.
            raise WorkerDied(name, f"could not be started: {error or 'its interpreter ended'}", "") from error
        self._running[environment] = worker
        self._report_of[environment] = len(self.reports)
        self.reports.append(WorkerReport(name, 0.0, None, str(worker.log.path)))
        late = f"did not start within {seconds:g} s and was stopped"
        self._wait(environment, begun + seconds, late, progress)
        self._report(environment, start_seconds=monotonic() - begun)
        ready = self._wait(environment, begun + seconds, late, progress)
        if ready["kind"] != "ready":
            self._bury(environment, "could not import what it needs", grace=0.0)
            _value(ready)
        self._report(environment, import_seconds=ready["import_seconds"])

    def _report(self, environment: Environment, **known: Any) -> None:
        position = self._report_of[environment]
        self.reports[position] = replace(self.reports[position], **known)

    def _wait(self, environment: Environment, end: float, late: str, progress: Progress) -> Any:
        """The next message that is not an event; whatever else happens, the worker is buried."""
        try:
            return self._next_message(environment, end, late, progress)
        except WorkerDied:
            raise
        except BaseException:
            # Such as Ctrl-C: what it answers later would be taken for the answer to another request.
            if environment in self._running:
                self._bury(environment, "was stopped with the run", grace=0.0)
            raise

    def _next_message(self, environment: Environment, end: float, late: str, progress: Progress) -> Any:
        worker = self._running[environment]
        has_ended = False
        while True:
            try:
                message = worker.channel.receive(max(0.0, min(end, self._next_look) - monotonic()))
            except worker.channel.TimeoutError:
                if has_ended:
                    raise self._buried(environment, "") from None
                # A child that it has forked may keep the channel open; what it had sent is read first.
                has_ended = worker.has_ended()
            except worker.channel.RemoteError as error:
                raise self._buried(environment, f"closed its channel: {_last_line(str(error))}") from None
            except EOFError:
                raise self._buried(environment, "") from None
            else:
                if message["kind"] != "progress":
                    return message
                progress(safe(message["text"]), message["done"])
            if monotonic() >= self._next_look:
                self._look(environment)
            if monotonic() >= end:
                how = f"{late}; a signal had suspended it" if worker.is_suspended() else late
                raise self._buried(environment, how, crashed=False)

    def _look(self, environment: Environment) -> None:
        """See that no log becomes too large, and that the one at work does not use too much memory."""
        for worker in self._running.values():
            worker.log.trim()
        if self._running[environment].uses_more_than(self.memory):
            raise self._buried(environment, f"used more than {size(self.memory)} and was stopped", crashed=False)
        self._next_look = monotonic() + _LOOK_SECONDS

    def _buried(self, environment: Environment, how: str, *, crashed: bool = True) -> WorkerDied:
        """The error that tells how a worker ended; it is removed, and the next request starts another."""
        worker = self._running[environment]
        if crashed:
            status = self._bury(environment, how)
            how = how or how_it_ended(status)
            self._report(environment, ended=how)
        else:
            self._bury(environment, how, grace=0.0)
        return WorkerDied(worker.name, how, worker.log.tail(), crashed=crashed)

    def _bury(self, environment: Environment, how: str, grace: float | None = None) -> int | None:
        """Make sure that it and its children are gone, and note how it ended."""
        worker = self._running.pop(environment)
        self._report(environment, ended=how)
        return worker.bury() if grace is None else worker.bury(grace)

    def close(self) -> None:
        """Stop every worker, and see that nothing of them is left."""
        for worker in self._running.values():
            worker.look()
            worker.gateway.exit()
        while self._running:
            _, worker = self._running.popitem()
            worker.bury()
        self._group.terminate(timeout=2.0)
        if self._guard is not None:
            self._guard.close()
            self._guard = None


@dataclass
class InProcessWorkers:
    """Everything in this process, so that a debugger can step in; environments cannot differ here."""

    setup: Mapping[str, Any]
    registry: Registry
    reports: list[WorkerReport] = field(default_factory=list)
    _desk: Any = None

    def start(self, environment: Environment, progress: Progress) -> float:
        """There is no second process however long one waits."""
        return math.inf

    def ask(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """Do one request here."""
        for name, value in environment.variables:
            os.environ.setdefault(name, value)
        if self._desk is None:
            from tradeoff.formats.keras_files import permit_code
            from tradeoff.stages.desk import Desk

            if self.setup.get("allow_code"):
                permit_code()
            self._desk = Desk(self.registry)
        return _value(answer(self._desk, request, lambda text, done: progress(safe(str(text)), done)))

    def ask_alone(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """This process has done much before."""
        raise NotAlone("needs a process of its own; there is none with --tradeoff-in-process")

    def close(self) -> None:
        """Nothing to stop."""


def _value(message: Mapping[str, Any]) -> Any:
    """What a message says, as a value or as the error it stands for."""
    kind: Callable[[], Any] | str = message["kind"]
    if kind == "answer":
        return message["value"]
    if kind == "refused":
        raise Refused(message["reason"], harmless(message["detail"]))
    if kind == "error":
        raise TradeoffError(harmless(message["text"]))
    if kind == "full":
        # The store is told as if it had met the full disk itself: it knows what a person can do about it.
        raise OSError(message["errno"], os.strerror(message["errno"]))
    raise WorkerFailed(harmless(message["text"]))


def _tell_retry(death: WorkerDied, progress: Progress) -> None:
    progress(f"worker {death.worker} {death.how}; trying once more in a fresh one", 0.0)


def _empty(folder: str | None) -> None:
    """Remove what a worker had written for a request before it died."""
    for path in Path(folder).iterdir() if folder else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _last_line(text: str) -> str:
    return (harmless(text).splitlines() or ["without a word"])[-1]
