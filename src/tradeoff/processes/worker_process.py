"""One worker process as an operating system sees it: how it is started, whether it lives, how it is buried."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from time import monotonic, sleep
from typing import Any, Final

import execnet
import psutil

from tradeoff.processes.guard import VARIABLE, Guard, remove, sweep
from tradeoff.processes.watch import Family
from tradeoff.processes.worker import BOOTSTRAP
from tradeoff.processes.worker_log import WorkerLog

_SPEC: Final = "popen//execmodel=main_thread_only"
_TEMPORARY: Final = ("TMPDIR", "TEMP", "TMP")
#: One thread unless a backend's environment says otherwise; the numeric libraries read these at their first import.
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
#: The kernel closes a process's files before it says how the process ended.
_SECONDS_TO_END: Final = 1.0
#: Longer than this a killed process hangs in the kernel.
_SECONDS_TO_DIE: Final = 10.0


@dataclass
class WorkerProcess:
    """A worker that has been started.

    :param name: of its environment, fit to be shown.
    :param log: what it prints.
    :param token: carried by it and by all its descendants.
    :param temporary: where they put their temporary files.
    """

    name: str
    gateway: execnet.Gateway
    channel: execnet.Channel
    log: WorkerLog
    token: str
    temporary: Path

    def __post_init__(self) -> None:
        # execnet has no public way to a worker's process.
        gateway: Any = self.gateway
        self._process: subprocess.Popen[bytes] = gateway._io.popen
        self._family = Family(self.pid, self.token)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether it is dead; it stays a zombie until it is buried, so that nobody else gets its number."""
        if not hasattr(os, "waitid"):
            return self._process.poll() is not None
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def is_suspended(self) -> bool:
        """Whether a signal has stopped it, and none has made it go on."""
        try:
            return bool(psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False

    def look(self) -> None:
        """See who belongs to it now."""
        self._family.look()

    def uses_more_than(self, limit: float) -> bool:
        """Whether it and its descendants have more than ``limit`` bytes in memory."""
        return self._family.uses_more_than(limit)

    def bury(self, grace: float = _SECONDS_TO_END) -> int | None:
        """Make sure that it and all it has started are gone; its exit status, unless it had to be killed."""
        # Before it ends: afterwards its children have another parent.
        self.look()
        end = monotonic() + grace
        while not (ended := self.has_ended()) and monotonic() < end:
            sleep(0.002)
        self.look()
        self._kill_group()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_DIE)
        sweep(self.token)
        self._family.kill()
        self.gateway.exit()
        self.log.settle()
        remove(self.temporary)
        return self._process.returncode if ended else None

    def _kill_group(self) -> None:
        """All that did not leave it, at once; before it has a session of its own it is in the group of pytest."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(self.pid) == self.pid:
                    os.killpg(self.pid, signal.SIGKILL)


def start_worker(
    group: execnet.Group, guard: Guard, name: str, logs: Path, setup: Mapping[str, Any], seconds: float
) -> WorkerProcess:
    """Start a worker and tell it who it is; raises OSError or EOFError if not even its interpreter starts.

    :param seconds: after these an interpreter that hangs is killed.
    """
    number = _free_number(logs, guard.folder)
    token = f"{guard.token}-{number}"
    temporary = guard.folder / str(number)
    temporary.mkdir()
    log = logs / f"worker-{number}-{re.sub(r'[^A-Za-z0-9_.=+-]+', '-', name)[:80]}.log"
    alarm = Timer(seconds, sweep, [token])
    alarm.daemon = True
    alarm.start()
    try:
        # execnet sets variables when the process runs already, and those cannot be seen from outside.
        with _environment({VARIABLE: token, **dict.fromkeys(_TEMPORARY, str(temporary))}):
            gateway = group.makegateway(_SPEC)
        channel = gateway.remote_exec(BOOTSTRAP)
        channel.send({**setup, "log": str(log), "variables": {**_ONE_THREAD, **setup["variables"]}})
    except BaseException:
        sweep(token)
        raise
    finally:
        alarm.cancel()
    return WorkerProcess(name, gateway, channel, WorkerLog(log), token, temporary)


def _free_number(logs: Path, temporary: Path) -> int:
    """The next number; a run that is gone on with has logs already, and their words are not this worker's."""
    taken = {path.name.split("-")[1] for path in logs.glob("worker-*-*.log")}
    taken |= {path.name for path in temporary.iterdir()}
    return next(number for number in range(1, len(taken) + 2) if str(number) not in taken)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The environment of processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
