"""Ends what a run has started, and removes its temporary files: also when pytest itself is killed.

Every process that a worker starts inherits a variable that no other process has. Whoever carries it is found,
however it forked. A process that waits for the end of pytest, the guard, does the same when nobody else can.
It runs this file by its path, so nothing of this project may be imported here.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import psutil

#: Set where a worker is executed; what stands in the environment of a process then can be read from outside.
VARIABLE: Final = "TRADEOFF_WORKER"
_DONE: Final = b"done"
#: Without the user's own paths and start-up files: what spoils an interpreter shall not spoil this one.
_ISOLATED: Final = ("-I", "-S")
_RUN: Final = "import runpy, sys; sys.path.append(sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"
#: A process that does not go within this time hangs in the kernel, and nobody can end it.
_SECONDS: Final = 5.0
#: Looks in a row that find nobody.
_LOOKS: Final = 2


def is_carrier(process: psutil.Process, token: str) -> bool:
    """Whether it carries ``token``, or one made from it by a dash and something more."""
    try:
        carried = process.environ().get(VARIABLE, "")
    except (psutil.Error, OSError):
        # Gone, or dead and not waited for, or another user's.
        return False
    return bool(carried == token or carried.startswith(f"{token}-"))


def carriers(token: str) -> list[psutil.Process]:
    """Every process but this one that carries ``token``."""
    return [found for found in psutil.process_iter() if found.pid != os.getpid() and is_carrier(found, token)]


def sweep(token: str) -> None:
    """Kill every process that carries ``token``, and those that they start meanwhile."""
    end = monotonic() + _SECONDS
    empty = 0
    # One that forks and ends while the list is read escapes a single look, and so does its child.
    while empty < _LOOKS and monotonic() < end:
        found = carriers(token)
        empty = 0 if found else empty + 1
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        sleep(0.001)


def remove(folder: Path) -> None:
    """Remove a folder, also one in which somebody has forbidden that."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.is_dir():
        return
    _permit(folder)
    for path, folders, _ in os.walk(folder):
        for name in folders:
            _permit(Path(path, name))
    shutil.rmtree(folder, ignore_errors=True)


def _permit(folder: Path) -> None:
    # A link leads to what is somebody else's.
    if not folder.is_symlink():
        with contextlib.suppress(OSError):
            folder.chmod(0o700)


@dataclass(frozen=True)
class Guard:
    """The guard of one run, seen from pytest.

    :param token: what every process of the run carries.
    :param folder: for the temporary files of the run's workers.
    """

    token: str
    folder: Path
    _process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> Guard:
        """Begin to watch over this process."""
        token = secrets.token_hex(8)
        folder = Path(tempfile.mkdtemp(prefix="tradeoff-"))
        packages = Path(psutil.__file__).parent.parent
        try:
            # Nobody else has the other end of its standard input, so that ends with this process.
            process = subprocess.Popen(
                [sys.executable, *_ISOLATED, "-c", _RUN, packages, __file__, token, folder, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder.anchor,
                start_new_session=True,
            )
        except OSError:
            remove(folder)
            raise
        return cls(token, folder, process)

    def close(self) -> None:
        """Clean up, and send it home."""
        sweep(self.token)
        remove(self.folder)
        try:
            self._process.communicate(_DONE, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _main() -> None:
    token, folder, parent = sys.argv[3:6]
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            # It ends when pytest does, not before.
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if not _is_sent_home(int(parent)):
        sweep(token)
        remove(Path(folder))


def _is_sent_home(parent: int) -> bool:
    """Wait until pytest has cleaned up or is gone: whether it has cleaned up."""
    watched = [0, *_handles(parent)]
    if sys.platform != "win32":
        watched = select.select(watched, [], [])[0]
    return 0 in watched and os.read(0, len(_DONE)) == _DONE


def _handles(process: int) -> list[int]:
    """What can be waited on for the end of a process, where there is such a thing.

    The pipe does not tell the end of a pytest whose forked child lives on: the child has it open too.
    """
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            return [os.pidfd_open(process)]
    return []


if __name__ == "__main__":
    _main()
