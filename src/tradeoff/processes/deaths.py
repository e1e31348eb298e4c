"""How workers end, and which requests have ended one too often to be tried again."""

from __future__ import annotations

import signal
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

from tradeoff.errors import TradeoffError

#: So often a request may end its worker before it is not tried any more.
_TRIES: Final = 2


class WorkerDied(TradeoffError):
    """The process is gone, or was stopped because it took too long or too much.

    :param worker: whose process it was.
    :param how: it ended, as in ``died of SIGSEGV``.
    :param tail: the last lines it printed.
    :param crashed: by itself; another process may do better.
    """

    def __init__(self, worker: str, how: str, tail: str, *, crashed: bool = True) -> None:
        super().__init__(f"worker {worker} {how}")
        self.worker = worker
        self.how = how
        self.detail = tail
        self.crashed = crashed


@dataclass
class Deaths:
    """Which requests have ended their worker: one that does it again is not tried for ever."""

    _by_key: dict[Hashable, list[WorkerDied]] = field(default_factory=dict)

    def refuse(self, key: Hashable) -> None:
        """Raise what is known, if it has happened too often."""
        deaths = self._by_key.get(key, [])
        if len(deaths) >= _TRIES:
            first = deaths[0]
            told = f"was not asked again, since this has ended it {len(deaths)} times in this run: it {first.how}"
            raise WorkerDied(first.worker, told, first.detail, crashed=first.crashed)

    def note(self, key: Hashable, death: WorkerDied) -> None:
        """Raise what has happened, unless it is worth another try: a request before may have broken the process."""
        deaths = self._by_key.setdefault(key, [])
        deaths.append(death)
        if death.crashed and len(deaths) == 1:
            return
        before = deaths[0].how
        if len(deaths) == 1 or not deaths[0].crashed:
            raise death
        told = f"{death.how}, twice" if before == death.how else f"{death.how}; at the first try it {before}"
        raise WorkerDied(death.worker, told, death.detail, crashed=death.crashed)


def how_it_ended(status: int | None) -> str:
    """What an exit status says, or that there is none because it had to be killed."""
    if status is None:
        return "closed its channel and was stopped"
    if status >= 0:
        return f"ended with exit status {status}"
    name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
    return f"died of {name}" + (" (the system sends it when memory runs out)" if name == "SIGKILL" else "")
