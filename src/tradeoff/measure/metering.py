"""Reads meters around blocks of requests, in a worker: first while nothing runs, then while the requests do.

A block is long enough when what a meter cannot tell, its steps in joules and in seconds, is a small share of what it
told. What is shorter is not kept.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from time import perf_counter, sleep
from typing import Any, Final

from tradeoff.vocabulary import Meter, Reading

#: What a meter cannot tell of a block is at most this share of what it told.
SHARE: Final = 0.05
#: Seconds of a block, unless a meter needs longer ones.
BLOCK: Final = 0.1
#: A meter's own step in seconds fits so often into a block, with a little to spare for the joules.
_STEPS: Final = 1.1 / SHARE
#: Between two looks at the clock there are calls for about so many seconds.
_CHUNK: Final = 0.001
_TOLD: Final = {"idle": "while nothing ran", "busy": "of requests"}


@dataclass(frozen=True)
class Block:
    """What one meter told of one block.

    :param joules: after it less before it.
    :param seconds: how long it took.
    :param requests: how many were done in it; none while nothing runs.
    """

    joules: float
    seconds: float
    requests: int


@dataclass
class Told:
    """All that one meter told.

    :param idle: the blocks in which nothing ran.
    :param busy: the blocks of requests.
    :param why: there is no number, in words.
    :param why_idle: there is none of the time in which nothing ran.
    """

    covers: tuple[str, ...] = ()
    step_joules: float = 0.0
    step_seconds: float = 0.0
    idle: list[Block] = field(default_factory=list)
    busy: list[Block] = field(default_factory=list)
    why: str = ""
    why_idle: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for the process that plans."""
        return asdict(self) | {"covers": list(self.covers)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Told:
        """Read what a worker sent."""
        blocks = {phase: [Block(**block) for block in data[phase]] for phase in ("idle", "busy")}
        return cls(**{**data, **blocks, "covers": tuple(data["covers"])})


def measure_energy(meters: Mapping[str, Meter], call: Callable[[], Any], least: float, most: float) -> dict[str, Told]:
    """What each meter tells of ``call`` and of nothing.

    :param least: seconds for each of the two, at least.
    :param most: and at most.
    """
    found = {name: Told() for name in meters}
    with ExitStack() as opened:
        readings = _opened(meters, found, most, opened)
        if readings:
            _phase(readings, found, "idle", _sleep, least, most)
            _phase(readings, found, "busy", _caller(call), least, most)
    return found


def _opened(meters: Mapping[str, Meter], found: dict[str, Told], most: float, opened: ExitStack) -> dict[str, Reading]:
    """Those that can be read and are quick enough; of the others it is noted why not."""
    readings = {}
    for name, meter in meters.items():
        told = found[name]
        try:
            reading = meter.open()
            opened.callback(reading.close)
            reading.read()
        except (Exception, SystemExit) as error:  # a plugin's own code: its failure costs itself alone
            told.why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            continue
        told.covers = tuple(reading.covers)
        told.step_joules, told.step_seconds = float(reading.step_joules), float(reading.step_seconds)
        if told.step_seconds * _STEPS > most:
            need = math.ceil(2 * told.step_seconds * _STEPS)
            told.why = f"it tells something new every {told.step_seconds:g} s only: give it --tradeoff-budget={need}"
            continue
        readings[name] = reading
    return readings


def _phase(
    readings: Mapping[str, Reading],
    found: Mapping[str, Told],
    phase: str,
    work: Callable[[float], int],
    least: float,
    most: float,
) -> None:
    """Blocks until each meter has told enough, or the time is up."""
    seconds = max(BLOCK, *(reading.step_seconds * _STEPS for reading in readings.values()))
    begun = perf_counter()
    while True:
        satisfied = [_keep(found[name], phase, block) for name, block in _block(readings, work, seconds).items()]
        spent = perf_counter() - begun
        if not all(satisfied):
            # The last one takes what is left.
            seconds = max(seconds, min(2 * seconds, most - spent))
        elif spent >= least:
            break
        if spent + seconds > most:
            break
    for name in readings:
        told = found[name]
        if not getattr(told, phase) and not told.why:
            coarse = (
                f"its steps of {told.step_joules:g} J and {told.step_seconds:g} s are more than {100 * SHARE:g} % "
                f"of what it told in {most:g} s {_TOLD[phase]}: give it a --tradeoff-budget above {2 * most:g}"
            )
            told.why, told.why_idle = (coarse, told.why_idle) if phase == "busy" else ("", coarse)


def _block(readings: Mapping[str, Reading], work: Callable[[float], int], seconds: float) -> dict[str, Block | str]:
    """One block as every meter saw it."""
    before = {name: _read(reading) for name, reading in readings.items()}
    begun = perf_counter()
    requests = work(seconds)
    spent = perf_counter() - begun
    after = {name: _read(reading) for name, reading in readings.items()}
    return {name: _difference(before[name], after[name], spent, requests) for name in readings}


def _read(reading: Reading) -> float | str:
    try:
        return float(reading.read())
    except (Exception, SystemExit) as error:  # as above
        return f"{type(error).__name__}: {error}"


def _difference(before: float | str, after: float | str, seconds: float, requests: int) -> Block | str:
    for value in (before, after):
        if isinstance(value, str):
            return value
        if not math.isfinite(value):
            return f"it told {value} J"
    return Block(float(after) - float(before), seconds, requests)


def _keep(told: Told, phase: str, block: Block | str) -> bool:
    """Whether no longer block is needed: this one was long enough, or none ever will be."""
    if told.why:
        return True
    if isinstance(block, str) or block.joules < 0:
        told.why = block if isinstance(block, str) else f"it went down by {-block.joules:g} J"
        return True
    if uncertainty(told, block) > SHARE * block.joules or block.joules == 0:
        return False
    getattr(told, phase).append(block)
    return True


def uncertainty(told: Told, block: Block) -> float:
    """Joules of a block that a meter with these steps cannot tell."""
    return told.step_joules + told.step_seconds * block.joules / block.seconds


def _sleep(seconds: float) -> int:
    sleep(seconds)
    return 0


def _caller(call: Callable[[], Any]) -> Callable[[float], int]:
    """Does requests for some seconds, and tells how many."""
    begun = perf_counter()
    call()
    chunk = max(1, math.floor(_CHUNK / max(perf_counter() - begun, 1e-9)))

    def work(seconds: float) -> int:
        requests = 0
        end = perf_counter() + seconds
        while perf_counter() < end:
            for _ in itertools.repeat(None, chunk):
                call()
            requests += chunk
        return requests

    return work
