"""The scenario ``sweep``: batches of 1, 2, 4 and so on, until a larger one brings too little."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from itertools import count
from time import perf_counter
from typing import Any, Final

from tradeoff.errors import Refused
from tradeoff.loads.blocks import BLOCKS, Block
from tradeoff.loads.ground import Found, Ground
from tradeoff.loads.lanes import Call, closed_loop, overhead

#: One doubling takes this share of the time.
STEP_SHARE: Final = 0.25


def sweep(ground: Ground, gain: Any, most: Any) -> Found:
    """Batches of 1, 2, 4 and so on, each beside the one before, until a doubling brings too little."""
    if ground.timing.once:
        ground.query(1)()
        return [], {"lanes": 1}
    runners = [ground.load() for _ in range(ground.loads)]
    calls = [ground.calls_on(runner, 1)[0] for runner in runners]
    blocks = [_block(load, 1, call, ground) for load, call in enumerate(calls) for _ in range(BLOCKS)]
    for batch in _doublings(min(most, ground.most or most)):
        ground.progress("timing", batch / most)
        try:
            larger = [ground.calls_on(runner, batch)[0] for runner in runners]
        except Refused as refusal:
            stopped = f"refused: {refusal.detail}"
            break
        beside = [_beside(load, batch, *pair, ground) for load, pair in enumerate(zip(calls, larger, strict=True))]
        blocks += [block for pairs in beside for pair in pairs for block in pair]
        if statistics.median(new.rate / old.rate for pairs in beside for old, new in pairs) - 1 < gain:
            stopped = "gain"
            break
        if blocks[-1].latencies[0] > ground.timing.max_time:
            stopped = "time"
            break
        calls = larger
    else:
        stopped = "backend" if ground.most is not None and ground.most < most else "most"
    return blocks, {"loads": ground.loads, "lanes": 1, "stopped": stopped, "overhead_s": overhead()}


def _doublings(most: int) -> Iterator[int]:
    for power in count(1):
        if 2**power > most:
            return
        yield 2**power


def _beside(load: int, batch: int, smaller: Call, larger: Call, ground: Ground) -> list[tuple[Block, Block]]:
    """Blocks of both sizes in turns: a machine that changes its speed changes it for both."""
    found: list[tuple[Block, Block]] = []
    spent = perf_counter() + ground.timing.max_time * STEP_SHARE / ground.loads
    while not found or (len(found) < BLOCKS and perf_counter() < spent):
        found.append((_block(load, batch // 2, smaller, ground), _block(load, batch, larger, ground)))
    return found


def _block(load: int, batch: int, call: Call, ground: Ground) -> Block:
    """One of as many as a step of a sweep has."""
    seconds = ground.timing.max_time * STEP_SHARE / ground.loads / BLOCKS / 2
    return ground.block(load, batch, closed_loop(call, seconds, 1, math.inf))
