"""The worker processes, seen from the process that plans and shows.

One worker per environment, started when it is first needed and kept. execnet carries the messages: plain
data only, no pickles, and the same code can reach another host.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final, Protocol

import execnet

from tradeoff.errors import Refused, TradeoffError
from tradeoff.registry import Registry
from tradeoff.vocabulary import Environment, Progress
from tradeoff.worker import BOOTSTRAP, answer

_TAIL_LINES: Final = 15
_TAIL_BYTES: Final = 16_384
#: Importing a framework on a cold disk takes this long at the worst; a request has its own limit.
_START_SECONDS: Final = 300.0
#: One thread unless a backend's environment says otherwise; the numeric libraries read these at their first import.
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class WorkerFailed(TradeoffError):
    """A plugin raised an error in the worker; the worker goes on."""

    def __init__(self, text: str) -> None:
        self.detail = text
        super().__init__(text.strip().splitlines()[-1] if text.strip() else "an error without words")


class WorkerDied(TradeoffError):
    """The process is gone, or was stopped because it did not answer in time."""

    def __init__(self, message: str, tail: str) -> None:
        super().__init__(message)
        self.detail = tail


@dataclass(frozen=True)
class WorkerReport:
    """What starting a worker cost; paid once per run and shown apart."""

    name: str
    start_seconds: float
    import_seconds: float
    log: str

    def to_json(self) -> dict[str, Any]:
        """For the run's record."""
        return {
            "name": self.name,
            "start_seconds": self.start_seconds,
            "import_seconds": self.import_seconds,
            "log": self.log,
        }


class Workers(Protocol):
    """Who does the work: worker processes, or this process."""

    reports: list[WorkerReport]

    def ask(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """Have one request done in a worker of that environment."""

    def close(self) -> None:
        """Stop every worker."""


@dataclass
class _Worker:
    gateway: execnet.Gateway
    channel: execnet.Channel
    log: Path
    pid: int = 0


@dataclass
class ProcessWorkers:
    """Worker processes.

    :param setup: what each is told first: plugins, the user's own model, seeds.
    :param logs: the folder of their output.
    :param timeout: seconds for one request.
    """

    setup: Mapping[str, Any]
    logs: Path
    timeout: float
    reports: list[WorkerReport] = field(default_factory=list)
    _group: execnet.Group = field(default_factory=lambda: execnet.Group(execmodel="thread"))
    _running: dict[Environment, _Worker] = field(default_factory=dict)

    def ask(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """Have one request done, starting the worker if need be."""
        worker = self._running.get(environment) or self._start(environment, progress)
        try:
            worker.channel.send(dict(request))
        except OSError:
            raise self._buried(environment, "ended before it was asked") from None
        message = self._wait(environment, self.timeout, progress)
        return _value(message)

    def _start(self, environment: Environment, progress: Progress) -> _Worker:
        progress(f"starting worker {environment.name}", 0.0)
        begun = monotonic()
        number = len(self.reports) + 1
        log = self.logs / f"worker-{number}-{environment.name.replace(' ', '-').replace('/', '-')}.log"
        gateway = self._group.makegateway("popen//execmodel=main_thread_only")
        channel = gateway.remote_exec(BOOTSTRAP)
        channel.send(
            {
                **self.setup,
                "log": str(log),
                "variables": {**_ONE_THREAD, **dict(environment.variables)},
                "modules": list(environment.modules),
                "sys_path": [path or str(Path.cwd()) for path in sys.path],
            }
        )
        worker = self._running[environment] = _Worker(gateway, channel, log)
        worker.pid = self._wait(environment, _START_SECONDS, progress)["pid"]
        started = monotonic() - begun
        ready = self._wait(environment, _START_SECONDS, progress)
        if ready["kind"] != "ready":
            self._bury(environment)
            raise WorkerFailed(ready["text"])
        self.reports.append(WorkerReport(environment.name, started, ready["import_seconds"], str(log)))
        return worker

    def _wait(self, environment: Environment, seconds: float, progress: Progress) -> Any:
        """The next message that is not an event."""
        end = monotonic() + seconds
        channel = self._running[environment].channel
        while True:
            try:
                message = channel.receive(max(0.0, end - monotonic()))
            except channel.TimeoutError:
                raise self._buried(environment, f"did not answer within {seconds:g} s and was stopped") from None
            except (EOFError, channel.RemoteError):
                raise self._buried(environment, "") from None
            except KeyboardInterrupt:
                self._bury(environment)
                raise
            if message["kind"] != "progress":
                return message
            progress(message["text"], message["done"])

    def _buried(self, environment: Environment, how: str) -> WorkerDied:
        """The error that tells how a worker ended; it is removed, and the next request starts another."""
        worker = self._running[environment]
        status = self._bury(environment)
        told = how or _how_it_ended(status)
        return WorkerDied(f"worker {environment.name} {told}", _tail(worker.log))

    def _bury(self, environment: Environment) -> int | None:
        """Make sure that it and its children are gone."""
        worker = self._running.pop(environment)
        # execnet has no public way to a worker's exit status.
        process: Any = worker.gateway._io.popen  # pyright: ignore[reportAttributeAccessIssue]
        with contextlib.suppress(Exception):
            process.wait(timeout=0.5)
        status: int | None = process.poll()
        if worker.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.pid, signal.SIGKILL)
        if status is None:
            process.kill()
            process.wait()
        worker.gateway.exit()
        return status

    def close(self) -> None:
        """Stop every worker."""
        for environment in list(self._running):
            worker = self._running[environment]
            worker.gateway.exit()
            self._bury(environment)
        self._group.terminate(timeout=2.0)


@dataclass
class InProcessWorkers:
    """Everything in this process, so that a debugger can step in; environments cannot differ here."""

    setup: Mapping[str, Any]
    registry: Registry
    reports: list[WorkerReport] = field(default_factory=list)
    _desk: Any = None

    def ask(self, environment: Environment, request: Mapping[str, Any], progress: Progress) -> Any:
        """Do one request here."""
        for name, value in environment.variables:
            os.environ.setdefault(name, value)
        if self._desk is None:
            from tradeoff.keras_files import permit_code
            from tradeoff.stages import Desk

            if self.setup.get("allow_code"):
                permit_code()
            self._desk = Desk(self.registry)
        return _value(answer(self._desk, request, progress))

    def close(self) -> None:
        """Nothing to stop."""


def _value(message: Mapping[str, Any]) -> Any:
    """What a message says, as a value or as the error it stands for."""
    kind: Callable[[], Any] | str = message["kind"]
    if kind == "answer":
        return message["value"]
    if kind == "refused":
        raise Refused(message["reason"], message["detail"])
    if kind == "error":
        raise TradeoffError(message["text"])
    if kind == "full":
        # The store is told as if it had met the full disk itself: it knows what a person can do about it.
        raise OSError(message["errno"], os.strerror(message["errno"]))
    raise WorkerFailed(message["text"])


def _how_it_ended(status: int | None) -> str:
    if status is None:
        return "closed its channel and was stopped"
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        return f"died of {name}"
    return f"ended with exit status {status}"


def _tail(log: Path) -> str:
    """The last lines a worker printed."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", errors="replace")
    except OSError as error:
        return f"(its output cannot be read: {error})"
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
