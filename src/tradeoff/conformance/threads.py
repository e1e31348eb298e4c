"""How many threads of this process work at once, on a busy machine, too."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TASKS: Final = Path("/proc/self/task")
_LOOK_SECONDS: Final = 0.004


@dataclass
class Work:
    """What was seen.

    :param threads: at once, on the average; 0 where the system does not list them.
    :param share: processor time in the time that passed.
    """

    threads: float = 0.0
    share: float = 0.0


@contextmanager
def working() -> Iterator[Work]:
    """Count the threads that work here.

    Where the system lists threads, those are counted that run or would if there were a core for them: on a busy
    machine two threads get no more time than one, and are two all the same.
    """
    work, over, seen = Work(), threading.Event(), list[int]()
    watcher = threading.Thread(target=_watch, args=(over, seen), daemon=True)
    watcher.start()
    wall, used = time.perf_counter(), time.process_time()
    yield work
    work.share = (time.process_time() - used) / (time.perf_counter() - wall)
    over.set()
    watcher.join()
    work.threads = sum(seen) / len(seen) if seen else 0.0


def _watch(over: threading.Event, seen: list[int]) -> None:
    own = threading.get_native_id()
    while _TASKS.is_dir() and not over.wait(_LOOK_SECONDS):
        seen.append(sum(_runs(task) for task in _TASKS.iterdir() if task.name != str(own)))


def _runs(task: Path) -> bool:
    try:
        return (task / "stat").read_text(encoding="ascii", errors="replace").rpartition(") ")[2][:1] == "R"
    except OSError:
        # It has ended meanwhile.
        return False
