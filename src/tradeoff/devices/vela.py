"""Arm's compiler for Ethos-U, Vela, on a file: what it says of cycles and memory, and what it leaves to the processor.

Vela runs in a process of its own. It prints much, ends itself on files that it dislikes, and takes the CSV files that
it writes for its only answer.
"""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tradeoff.errors import Refused, TradeoffError
from tradeoff.text import safe
from tradeoff.vocabulary import Requirement

VELA: Final = Requirement("ethosu", "ethos-u-vela")
INSTALL: Final = "tradeoff[npu]"
_AREAS: Final = ("sram", "dram", "on_chip_flash", "off_chip_flash")
_PATIENCE: Final = 600
_LONGEST: Final = 300
_KIB: Final = 1024
#: Columns of the table by operator; the last one is a name, which may have commas of its own.
_COLUMNS: Final = 16
_WARNING: Final = re.compile(
    r"^Warning \(supported operators\) operator: (\w+), ofm: '(.*)'\nReason: (.*(?:\n(?!\n).+)*)", re.MULTILINE
)


@dataclass(frozen=True)
class Row:
    """One of the operators that Vela makes of those in the file, in cycles of the NPU.

    :param kind: the operator in the file that it is part of, in Vela's spelling.
    :param here: whether it runs on the NPU.
    :param by: cycles that each unit is busy: ``compute``, ``SRAM``, ``DRAM``, ``flash``.
    """

    name: str
    kind: str
    here: bool
    cycles: float
    macs: int
    staging: int
    by: Mapping[str, float]


@dataclass(frozen=True)
class Compiled:
    """What became of a file.

    :param file_bytes: of the file that Vela writes, which is the one to ship.
    :param used: bytes by memory.
    :param traffic: bytes of one request that go to and from a memory.
    :param reasons: why an operator, by kind and name, is left to the processor.
    """

    version: str
    file_bytes: int
    cycles: float
    clock_hz: float
    macs: int
    used: Mapping[str, int]
    traffic: Mapping[str, int]
    rows: tuple[Row, ...] = field(repr=False)
    reasons: Mapping[tuple[str, str], str] = field(repr=False)

    def reason(self, kind: str, name: str) -> str:
        """Why it is left to the processor; what Vela has fused is told under another kind."""
        told = self.reasons.get((kind, name))
        return told or next(
            (text for (_, other), text in self.reasons.items() if other == name), "Vela does not say why"
        )


def compiled(path: Path, accelerator: str, system_config: str, memory_mode: str, sram: int | None = None) -> Compiled:
    """What Vela makes of a file for an NPU.

    :param sram: bytes that it shall try to make do with; it goes beyond them without a word.
    """
    if not VELA.installed():
        raise Refused("not installed", f"{VELA.distribution}: pip install '{INSTALL}'")
    with TemporaryDirectory(prefix="tradeoff-vela-") as folder:
        said = _run(
            path,
            [str(path.resolve()), "--accelerator-config", accelerator, "--config", "Arm/vela.ini"]
            + ["--system-config", system_config, "--memory-mode", memory_mode]
            + ([] if sram is None else ["--arena-cache-size", str(sram)])
            + ["--output-dir", folder, "--verbose-performance", "--show-cpu-operations"],
        )
        return _read(path, Path(folder), said)


def _run(path: Path, arguments: list[str]) -> str:
    # What is installed here is what the child shall find, and nothing of the current folder.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-B", "-m", "ethosu.vela", *arguments]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TradeoffError(f"Vela took more than {_PATIENCE} s for {path.name}") from error
    if done.returncode:
        raise Refused(
            "not supported by format", f"{path.name} {_ending(done.returncode)}{_words(done.stderr, done.stdout)}"
        )
    return done.stdout


def _ending(code: int) -> str:
    if code < 0:
        return f"ends Vela with {signal.Signals(-code).name}"
    return "is refused by Vela"


def _words(*said: str) -> str:
    """The last line that Vela printed and that is no remark: what went wrong."""
    lines = [line.strip() for text in said for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Warning: No ") and not line.endswith("and proceeding.")]
    return f": {safe(lines[-1])[-_LONGEST:]}" if lines else ""


def _read(path: Path, folder: Path, said: str) -> Compiled:
    try:
        (summary,) = folder.glob("*_summary_*.csv")
        (shipped,) = folder.glob("*_vela.tflite")
        (told,) = csv.DictReader(summary.read_text(encoding="utf-8").splitlines())
        return Compiled(
            version(VELA.distribution),
            shipped.stat().st_size,
            float(told["cycles_total"]),
            float(told["core_clock"]),
            int(told["nn_macs"]),
            {area: int(float(told[f"{area}_memory_used"]) * _KIB) for area in _AREAS},
            {area: int(told[f"{area}_total_bytes"]) for area in _AREAS},
            tuple(_rows(next(iter(folder.glob("*_per-layer.csv")), None))),
            {(kind, safe(name)): safe(text.replace("\n", " ")) for kind, name, text in _WARNING.findall(said)},
        )
    except (KeyError, ValueError, OSError) as error:
        raise TradeoffError(f"what Vela says of {path.name} is not understood: {error}") from error


def _rows(table: Path | None) -> Iterable[Row]:
    for line in table.read_text(encoding="utf-8").splitlines()[1:] if table else ():
        kind, _, target, staging, _, cycles, _, npu, sram, dram, on_flash, off_flash, macs, _, _, name = line.split(
            ",", _COLUMNS - 1
        )
        here = target == "NPU"
        flash = float(on_flash) + float(off_flash)
        busy = {"compute": float(npu), "SRAM": float(sram), "DRAM": float(dram), "flash": flash}
        # Of an operator that is left to the processor it says that the NPU takes 100, for no reason.
        spent = (float(cycles), int(float(macs))) if here else (0.0, 0)
        yield Row(safe(name), kind, here, *spent, int(float(staging)), busy if here else {})
