"""The inside of a worker process: receives plain data, does the work, answers with plain data.

Nothing is imported here before the environment is set: thread counts and engines are read by the frameworks
at their first import.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Protocol

from tradeoff.errors import Refused, TradeoffError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Of an event: it is shown on one line.
_LONGEST: Final = 500
#: Events in a second: nobody can read more, and pytest would have to keep them until it has shown them.
_MOST: Final = 100
#: Runs in the fresh interpreter before this package can be imported there.
BOOTSTRAP: Final = """
import os, sys
# A session of its own, so that Ctrl-C reaches pytest alone, and a kill of the group reaches grandchildren too.
if hasattr(os, "setsid"):
    os.setsid()
setup = channel.receive()
log = os.open(setup["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
os.dup2(log, 1)
os.dup2(log, 2)
os.close(log)
os.environ.update(setup["variables"])
sys.path[:] = setup["sys_path"]
from tradeoff.processes.worker import serve
serve(channel, setup)
"""


class Channel(Protocol):
    """What is used of execnet's channel."""

    def receive(self, timeout: float | None = None) -> Any:
        """The next message."""

    def send(self, item: object) -> None:
        """Send plain data."""

    def isclosed(self) -> bool:
        """Whether the other side is gone."""
        ...


def serve(channel: Channel, setup: Mapping[str, Any]) -> None:
    """Answer requests until the channel closes."""
    _die_first()
    channel.send({"kind": "started", "pid": os.getpid()})
    try:
        imported = _import_modules(setup["modules"])
        desk = _desk(setup)
    except BaseException:
        channel.send({"kind": "failed", "text": _sendable(traceback.format_exc())})
        return
    channel.send({"kind": "ready", "import_seconds": imported})
    events = _Events(channel)
    while True:
        try:
            request = channel.receive()
        except EOFError:
            return
        channel.send(answer(desk, request, events))


def answer(desk: Any, request: Mapping[str, Any], progress: Any) -> dict[str, Any]:
    """Do one request; every way it can end is told as plain data."""
    try:
        return {"kind": "answer", "value": desk.handle(request, progress)}
    except Refused as error:
        return {"kind": "refused", "reason": error.reason, "detail": _sendable(error.detail)}
    except TradeoffError as error:
        return {"kind": "error", "text": _sendable(str(error))}
    except (Exception, SystemExit) as error:  # a plugin may call sys.exit, which ends nothing here
        if isinstance(error, OSError) and error.errno in _FULL:
            return {"kind": "full", "errno": error.errno}
        return {"kind": "failed", "text": _sendable(traceback.format_exc())}
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


class _Events:
    """Sends what a plugin tells of its progress; who tells without end is not heard for the rest of a second."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._second = 0
        self._sent = 0

    def __call__(self, text: str, done: float) -> None:
        second = int(perf_counter())
        if second != self._second:
            self._second, self._sent = second, 0
        self._sent += 1
        if self._sent <= _MOST:
            self._channel.send({"kind": "progress", "text": _sendable(str(text))[:_LONGEST], "done": float(done)})


def _sendable(text: str) -> str:
    """Names of files may hold what is no character; that cannot be sent."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _desk(setup: Mapping[str, Any]) -> Any:
    from tradeoff.stages.desk import Desk

    return Desk.from_setup(setup)


def _import_modules(modules: list[str]) -> float:
    start = perf_counter()
    for module in modules:
        importlib.import_module(module)
    return perf_counter() - start


def _die_first() -> None:
    """With its parent, and before any other process when the system runs out of memory."""
    if sys.platform != "linux":
        return
    parent_death_signal = 1
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
    # Where the system has no such file, its choice is its own.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
