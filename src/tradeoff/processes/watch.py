"""How much memory a worker uses, together with every process that it has started.

Resident size is what is watched: a limit of the address space would break frameworks that reserve far more
than they use.
"""

from __future__ import annotations

import contextlib
import os
from time import perf_counter
from typing import Final

import psutil

from tradeoff.processes.guard import is_carrier

#: Looking for new processes takes no more than this part of the time, however many there are on the machine.
_SHARE: Final = 0.02


class Family:
    """A worker and its descendants: also those that left its session, or whose parent is gone.

    :param pid: of the worker.
    :param token: what they carry.
    """

    def __init__(self, pid: int, token: str) -> None:
        self._pid = pid
        self._token = token
        self._members: dict[int, psutil.Process] = {}
        self._strangers: set[int] = set()
        self._next = 0.0

    def look(self) -> None:
        """Find those that are new, and forget those that are gone."""
        begun = perf_counter()
        alive = set(psutil.pids())
        self._strangers &= alive
        self._members = {pid: member for pid, member in self._members.items() if pid in alive}
        # Parents before their children, as a rule.
        for pid in sorted(alive - self._strangers - self._members.keys()):
            self._sort(pid)
        now = perf_counter()
        self._next = now + (now - begun) / _SHARE

    def _sort(self, pid: int) -> None:
        try:
            process = psutil.Process(pid)
            belongs = is_carrier(process, self._token) or self._is_relative(process)
        except psutil.Error:
            return
        if belongs:
            self._members[pid] = process
        else:
            self._strangers.add(pid)

    def _is_relative(self, process: psutil.Process) -> bool:
        """Whether it belongs to it though it was given an environment of its own."""
        if process.ppid() in (self._pid, *self._members):
            return True
        if not hasattr(os, "getsid"):
            return False
        with contextlib.suppress(OSError):
            return os.getsid(process.pid) == self._pid
        return False

    def uses_more_than(self, limit: float) -> bool:
        """Whether all of them together have more than ``limit`` bytes in memory."""
        if perf_counter() >= self._next:
            self.look()
        members = list(self._members.values())
        if sum(map(_resident, members)) <= limit:
            return False
        # Pages that forked processes share are in the size of each. Their true share is not cheap to learn,
        # so it is asked for only when it decides.
        return len(members) == 1 or sum(map(_own_share, members)) > limit

    def kill(self) -> None:
        """Kill every one that is left; a number that another process has by now is left alone."""
        for member in self._members.values():
            with contextlib.suppress(psutil.Error):
                member.kill()


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _own_share(process: psutil.Process) -> int:
    """Its own pages and its part of the shared ones, or where no system tells: its own pages alone."""
    try:
        told = process.memory_full_info()
    except psutil.NoSuchProcess:
        return 0
    except (psutil.Error, OSError):
        return _resident(process)
    return int(getattr(told, "pss", 0) or told.uss)
