"""A guest that is kept: Python and LiteRT on an emulated core, which load and run what they are told to."""

from __future__ import annotations

import atexit
import json
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import IO, Any, Final

import tradeoff

from .place import System, system

#: For one order, in seconds; the first one waits for the guest to start.
_PATIENCE: Final = 600.0
_LONGEST: Final = 400
#: By core: starting one takes seconds, and each serves all files of a process.
_GUESTS: Final[dict[str, Guest]] = {}


class GuestDied(tradeoff.TradeoffError):
    """The guest ended while it was at work; how, and its last words, are in the message."""


class Guest:
    """One process of QEMU."""

    def __init__(self, found: System, core: str) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the guest
        self._one_at_a_time = threading.Lock()
        self._unused: list[int] = []
        self._process = subprocess.Popen(
            found.command(core, "serve"),
            env=found.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )

    @property
    def alive(self) -> bool:
        """Whether it takes orders."""
        return self._process.poll() is None

    def drop(self, number: int) -> None:
        """Let it forget a file, with the next order: this is called by whoever collects garbage, at any moment."""
        self._unused.append(number)

    def ask(self, order: Mapping[str, Any], given: bytes = b"") -> tuple[dict[str, Any], bytes]:
        """What it answers: facts, and bytes."""
        with self._one_at_a_time:
            unused = [self._unused.pop() for _ in range(len(self._unused))]
            return self._ask({**order, "unused": unused}, given)

    def _ask(self, order: Mapping[str, Any], given: bytes) -> tuple[dict[str, Any], bytes]:
        until = time.monotonic() + _PATIENCE
        try:
            _pipe(self._process.stdin).write(json.dumps({**order, "bytes": len(given)}).encode() + b"\n" + given)
            _pipe(self._process.stdin).flush()
            told = json.loads(self._line(until))
            found = self._bytes(told["bytes"], until)
        except (BrokenPipeError, EOFError, ValueError) as error:
            raise GuestDied(self._last_words()) from error
        return told, found

    def close(self) -> None:
        """End it."""
        if self.alive:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            try:
                _pipe(pipe).close()
            except BrokenPipeError:
                # What was left to write, nobody reads.
                continue

    def _line(self, until: float) -> bytes:
        self._wait(until)
        line = _pipe(self._process.stdout).readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def _bytes(self, count: int, until: float) -> bytes:
        found = _pipe(self._process.stdout).read(count)
        if len(found) < count:
            raise EOFError
        return found

    def _wait(self, until: float) -> None:
        """Until there is an answer; what was asked before is read to its end, so nothing waits in a buffer."""
        ready, _, _ = select.select([_pipe(self._process.stdout)], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            self.close()
            raise tradeoff.TradeoffError(f"the emulated processor did not answer within {_PATIENCE:.0f} s")

    def _last_words(self) -> str:
        """What ended it."""
        self._process.kill()
        code = self._process.wait()
        return ending(code, self._words())

    def _words(self) -> str:
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")


def ending(code: int, said: str) -> str:
    """How a guest ended, and what it printed last."""
    how = f"ended with {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("INFO")]
    return f"{how}: {'; '.join(lines[-3:])[-_LONGEST:]}" if lines else how


def guest(core: str) -> Guest:
    """The one that emulates this core; started where there is none, or where it has died."""
    kept = _GUESTS.get(core)
    if kept is None or not kept.alive:
        if kept is not None:
            kept.close()
        kept = _GUESTS[core] = Guest(system(), core)
        atexit.register(kept.close)
    return kept


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - all of them were asked for
    return pipe
