"""How many instructions a request takes on an emulated core."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import tradeoff

from ..litert.runner import KERNELS
from .place import COUNTER, System, system
from .talking import ending

#: Requests that are counted; they differ by some instructions at most.
_TIMES: Final = 5
_PATIENCE: Final = 1800


@dataclass(frozen=True)
class Count:
    """Instructions.

    :param value: of the middle one of the requests that were counted.
    :param all: that the guest has executed, its start and all else included.
    """

    value: float
    all: int


def count(artifact: Path, kernels: str, core: str, samples: int, times: int = _TIMES) -> Count:
    """Count requests between marks; a pair of marks with nothing in between says what a mark itself takes."""
    marks = _marks(system(), artifact, kernels, core, samples, times)
    empty = statistics.median(b - a for a, b in zip(marks[0::3], marks[1::3], strict=False))
    full = [c - b for b, c in zip(marks[1::3], marks[2::3], strict=False)]
    return Count(statistics.median(full) - empty, marks[-1])


def _marks(found: System, artifact: Path, kernels: str, core: str, samples: int, times: int) -> Sequence[int]:
    with TemporaryDirectory() as folder:
        out = Path(folder, "marks")
        plugin = f"{_escaped(found.folder / COUNTER)},out={_escaped(out)}"
        words = ("count", str(artifact.resolve()), KERNELS[kernels], str(samples), str(times))
        try:
            done = subprocess.run(
                found.command(core, *words, plugin=plugin),
                env=found.environment(),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise tradeoff.TradeoffError(f"counting {artifact.name} took more than {_PATIENCE} s") from error
        if done.returncode:
            told = ending(done.returncode, done.stderr)
            raise tradeoff.Refused("not supported by format", f"{artifact.name} on the emulated processor: it {told}")
        marks = [int(line) for line in out.read_text(encoding="ascii").split()] if out.is_file() else []
    if len(marks) != 3 * times + 1:
        raise tradeoff.TradeoffError(
            f"QEMU's plugin noted {len(marks)} of {3 * times + 1} counts for {artifact.name}: {done.stderr[-400:]}"
        )
    return marks


def _escaped(path: Path) -> str:
    """QEMU's options are divided by commas, and one that is doubled is a comma."""
    return str(path).replace(",", ",,")
