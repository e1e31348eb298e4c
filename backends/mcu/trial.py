"""What becomes of a ``.tflite`` file in TFLM, found out in processes that may die of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import tradeoff
from tradeoff.fingerprint import digest_tree

#: More than any microcontroller has; pages that nothing is written to are never taken.
ENOUGH: Final = 2**26
#: For one file, in seconds; a trial that hangs ends by itself long before.
_PATIENCE: Final = 900
_LONGEST: Final = 400

Task = Literal["runs", "arena"]


@dataclass(frozen=True)
class Trial:
    """What became of a file.

    :param how: ``ran``, ``raised`` or ``died``.
    :param said: what TFLM printed.
    :param error: what was raised.
    :param signal: what ended the process.
    :param answer: a digest of what it answered.
    :param arena: the smallest in which it runs, where that was asked for.
    :param missing: operators that TFLM does not have.
    """

    how: str
    said: str = ""
    error: str = ""
    signal: int = 0
    answer: str = ""
    arena: int = 0
    missing: tuple[str, ...] = ()


def tried(artifact: Path, task: Task = "runs") -> Trial:
    """A file that runs in TFLM, or a refusal that says why it does not."""
    found = _tried(str(artifact), digest_tree(artifact), task)
    if found.how == "ran":
        return found
    if found.how == "died":
        raise tradeoff.Refused("not supported by format", f"{artifact.name} {_ending(found)}{_words(found)}")
    # Before TFLM sees it, the file is taken apart in Python, which stumbles over what is no such file.
    if not found.error.startswith("RuntimeError"):
        raise tradeoff.BadInput(
            f"{artifact} cannot be read by TFLM: it is no .tflite file, or it is damaged or cut short ({found.error})"
        )
    if found.missing:
        raise tradeoff.Refused(
            "not supported by format",
            f"{artifact.name} needs operators that TFLM does not have: {', '.join(found.missing)}",
        )
    raise tradeoff.Refused(
        "not supported by format", f"TFLM does not run {artifact.name}{_words(found) or ': ' + found.error}"
    )


@lru_cache(maxsize=64)
def _tried(path: str, content: str, task: Task) -> Trial:
    """The same content is tried once in a process."""
    command = [sys.executable, "-P", "-B", str(Path(__file__).with_name("probe.py")), path, str(ENOUGH), task]
    # Threads of a library for matrices would make forking a risk, and nothing here multiplies one.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONWARNINGS": "ignore",
        "OPENBLAS_NUM_THREADS": "1",
    }
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise tradeoff.TradeoffError(f"trying {path} in TFLM took more than {_PATIENCE} s") from error
    if done.returncode:
        raise tradeoff.TradeoffError(f"TFLM could not be tried: {done.stderr.strip()[-_LONGEST:]}")
    told = json.loads(done.stdout)
    return Trial(**{**told, "missing": tuple(told.get("missing", ()))})


def _ending(found: Trial) -> str:
    if found.signal == signal.SIGALRM:
        return "does not come to an end in TFLM within a minute"
    if not found.signal:
        return "ends TFLM's process"
    return f"ends TFLM's process with {signal.Signals(found.signal).name}, as it would stop a device"


def _words(found: Trial) -> str:
    """What TFLM printed last: the cause, and the operator that it is about."""
    lines = [line.strip() for line in found.said.splitlines() if line.strip() and "MicroAllocator" not in line]
    return f": {'; '.join(lines[-3:])[-_LONGEST:]}" if lines else ""
