"""The inside of a worker process: receives plain data, does the work, answers with plain data.

Nothing is imported here before the environment is set: thread counts and engines are read by the frameworks
at their first import.
"""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final, Protocol

from tradeoff.errors import Refused, TradeoffError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Runs in the fresh interpreter before this package can be imported there.
BOOTSTRAP: Final = """
import os, sys
setup = channel.receive()
log = os.open(setup["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
os.dup2(log, 1)
os.dup2(log, 2)
os.close(log)
os.environ.update(setup["variables"])
sys.path[:] = setup["sys_path"]
from tradeoff.worker import serve
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
    _own_session()
    channel.send({"kind": "started", "pid": os.getpid()})
    try:
        imported = _import_modules(setup["modules"])
        desk = _desk(setup)
    except BaseException:
        channel.send({"kind": "failed", "text": traceback.format_exc()})
        return
    channel.send({"kind": "ready", "import_seconds": imported})
    while True:
        try:
            request = channel.receive()
        except EOFError:
            return
        channel.send(answer(desk, request, lambda text, done: channel.send(_event(text, done))))


def answer(desk: Any, request: Mapping[str, Any], progress: Any) -> dict[str, Any]:
    """Do one request; every way it can end is told as plain data."""
    try:
        return {"kind": "answer", "value": desk.handle(request, progress)}
    except Refused as error:
        return {"kind": "refused", "reason": error.reason, "detail": error.detail}
    except TradeoffError as error:
        return {"kind": "error", "text": str(error)}
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            return {"kind": "full", "errno": error.errno}
        return {"kind": "failed", "text": traceback.format_exc()}
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _event(text: str, done: float) -> dict[str, Any]:
    return {"kind": "progress", "text": text, "done": float(done)}


def _desk(setup: Mapping[str, Any]) -> Any:
    from tradeoff.stages import Desk

    return Desk.from_setup(setup)


def _import_modules(modules: list[str]) -> float:
    start = perf_counter()
    for module in modules:
        importlib.import_module(module)
    return perf_counter() - start


def _own_session() -> None:
    """A session of its own, so that Ctrl-C reaches pytest alone and a kill reaches grandchildren too."""
    if hasattr(os, "setsid"):
        os.setsid()
    if sys.platform == "linux":
        parent_death_signal = 1
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
