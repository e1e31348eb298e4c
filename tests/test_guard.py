"""The guard: whoever carries the mark of a run goes with it, whether pytest could say so or not."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tradeoff.processes import guard
from tradeoff.processes.guard import VARIABLE, Guard, carriers, remove, sweep

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and sends signals")
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
#: Leaves its session and its parent behind before it sleeps.
WANDER = [
    sys.executable,
    "-c",
    "import os, time\nos.fork() and os._exit(0)\nos.setsid()\nos.fork() and os._exit(0)\ntime.sleep(60)",
]
#: Starts a guard and a process that carries its mark, says who they are, and waits; a forked child does nothing.
PYTEST = f"""
import os, subprocess, sys, time
from tradeoff.processes.guard import VARIABLE, Guard
if not sys.argv[1:]:
    guard = Guard.start()
    child = subprocess.Popen({SLEEP!r}, env={{VARIABLE: guard.token}}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (guard.folder / "file").touch()
    if (forked := os.fork()) == 0:
        os.close(1)
        time.sleep(60)
    print(child.pid, guard._process.pid, forked, guard.folder, flush=True)
    time.sleep(60)
"""


def start(command: list[str], token: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env={**os.environ, VARIABLE: token})


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def alive(process: int) -> bool:
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def run() -> Iterator[Guard]:
    made = Guard.start()
    yield made
    made.close()


def test_a_sweep_finds_its_own_and_those_below_and_no_others(run: Guard) -> None:
    tokens = {run.token, f"{run.token}-1", f"{run.token}-10", f"{run.token}0"}
    processes = {token: start(SLEEP, token) for token in tokens}
    try:
        wait_for(lambda: len(carriers(run.token)) == 3)
        sweep(f"{run.token}-1")
        assert processes[f"{run.token}-1"].wait(5) == -signal.SIGKILL
        assert processes[f"{run.token}-10"].poll() is None
        sweep(run.token)
        assert processes[run.token].wait(5) == processes[f"{run.token}-10"].wait(5) == -signal.SIGKILL
        assert processes[f"{run.token}0"].poll() is None
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def test_who_has_left_session_and_parent_is_found_by_what_it_carries(run: Guard) -> None:
    start(WANDER, run.token).wait()
    wait_for(lambda: any(process.ppid() != os.getpid() for process in carriers(run.token)))
    sweep(run.token)
    assert carriers(run.token) == []


def test_a_dead_process_that_nobody_has_waited_for_carries_nothing(run: Guard) -> None:
    process = start([sys.executable, "-c", "pass"], run.token)
    wait_for(lambda: not alive(process.pid))
    begun = time.monotonic()
    sweep(run.token)
    assert time.monotonic() - begun < 1.0
    process.wait()


def test_closing_ends_what_is_left_then_the_guard_and_removes_the_folder() -> None:
    made = Guard.start()
    process = start(SLEEP, f"{made.token}-3")
    (made.folder / "3").mkdir()
    (made.folder / "3" / "file").touch()
    made.close()
    assert process.wait(5) == -signal.SIGKILL
    assert made._process.returncode == 0
    assert not made.folder.exists()


def test_the_guard_does_not_carry_the_mark_and_ignores_signals_for_everybody(run: Guard) -> None:
    guardian = psutil.Process(run._process.pid)
    wait_for(lambda: "psutil" in " ".join(path.path for path in guardian.memory_maps()))
    time.sleep(0.2)
    assert guardian not in carriers(run.token)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        guardian.send_signal(number)
    time.sleep(0.1)
    assert run._process.poll() is None
    assert os.getsid(guardian.pid) != os.getsid(0)


def test_when_pytest_is_killed_the_guard_cleans_up_and_ends_though_a_forked_child_lives_on() -> None:
    with subprocess.Popen([sys.executable, "-c", PYTEST], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child, guardian, forked, folder = process.stdout.readline().split()
        try:
            assert alive(int(child))
            process.kill()
            # Nothing that is left has pytest's output open.
            assert select.select([process.stdout], [], [], 5.0)[0]
            assert process.stdout.read() == ""
            if hasattr(os, "pidfd_open"):
                wait_for(lambda: not alive(int(child)) and not alive(int(guardian)), 2.0)
                assert not Path(folder).exists()
        finally:
            os.kill(int(forked), signal.SIGKILL)
    wait_for(lambda: not alive(int(child)) and not alive(int(guardian)), 2.0)
    wait_for(lambda: not Path(folder).exists(), 2.0)


def test_a_guard_that_was_killed_does_not_hold_up_the_end_of_a_run() -> None:
    made = Guard.start()
    os.kill(made._process.pid, signal.SIGKILL)
    made.close()
    assert not made.folder.exists()


def test_a_folder_goes_whatever_somebody_has_done_to_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o755)
    folder = tmp_path / "folder"
    (folder / "locked" / "inner").mkdir(parents=True)
    (folder / "locked" / "inner" / "file").touch()
    (folder / "link").symlink_to(outside)
    for place in (folder / "locked" / "inner", folder / "locked", folder):
        place.chmod(0)
    remove(folder)
    assert not folder.exists()
    assert outside.stat().st_mode & 0o777 == 0o755
    remove(folder)


def test_the_guard_imports_nothing_of_this_project() -> None:
    source = Path(guard.__file__).read_text(encoding="utf-8")
    assert "import tradeoff" not in source
    assert "from tradeoff" not in source
