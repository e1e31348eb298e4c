"""What a worker uses: itself and all that it has started, shared pages once."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from tradeoff.processes.guard import VARIABLE, sweep
from tradeoff.processes.watch import Family

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")
MB = 1_000_000


@contextmanager
def worker(source: str) -> Iterator[Family]:
    """A process that runs ``source``, says that it is ready, and sleeps."""
    token = secrets.token_hex(8)
    source = f"import os, subprocess, sys, time\n{source}\nprint('ready', flush=True)\ntime.sleep(60)"
    environment = {**os.environ, VARIABLE: token}
    with subprocess.Popen(
        [sys.executable, "-c", source], env=environment, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield Family(process.pid, token)
        finally:
            sweep(token)


def soon(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5.0
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_what_one_process_has_in_memory_counts_and_what_it_has_reserved_does_not() -> None:
    with worker(f"import mmap\nhoard = b'x' * {200 * MB}\nreserved = mmap.mmap(-1, {4000 * MB})") as family:
        assert family.uses_more_than(200 * MB)
        assert not family.uses_more_than(260 * MB)


def test_children_count_also_when_nobody_knows_them_any_more() -> None:
    lost = f"""
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        hoard = b'x' * {200 * MB}
        time.sleep(60)
    os._exit(0)
os.wait()
"""
    with worker(lost) as family:
        assert soon(lambda: family.uses_more_than(200 * MB))
        assert not family.uses_more_than(280 * MB)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the share of a page")
def test_pages_that_forked_children_share_count_once() -> None:
    shared = f"hoard = b'x' * {200 * MB}\nfor _ in range(3):\n    os.fork() or time.sleep(60)"
    with worker(shared) as family:
        family.look()
        assert len(family._members) == 4
        assert sum(member.memory_info().rss for member in family._members.values()) > 800 * MB
        assert family.uses_more_than(200 * MB)
        assert not family.uses_more_than(300 * MB)


def test_a_child_with_an_empty_environment_and_a_session_of_its_own_is_known_once_it_was_seen() -> None:
    nameless = """
quiet = subprocess.DEVNULL
child = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(60)"], env={}, start_new_session=True, stdout=quiet
)
"""
    with worker(nameless) as family:
        family.look()
        (child,) = (member for pid, member in family._members.items() if pid != family._pid)
        family.kill()
        assert soon(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_strangers_are_left_alone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        with worker("") as family:
            family.look()
            assert list(family._members) == [family._pid]
            family.kill()
        assert stranger.poll() is None
        stranger.kill()


def test_a_family_that_is_gone_uses_nothing() -> None:
    with worker("") as family:
        assert family.uses_more_than(MB)
        family.kill()
        assert soon(lambda: not family.uses_more_than(MB))
