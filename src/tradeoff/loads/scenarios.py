"""The scenarios of a load as they run in a worker: closed loops, an open one, batches in a row, a sweep.

What they give are blocks: stretches of requests, of which :mod:`tradeoff.loads.serving` makes numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any, Final

from tradeoff.loads.arrivals import poisson_arrivals
from tradeoff.loads.blocks import BLOCKS, Block, rates_of, thinned
from tradeoff.loads.ground import Found, Ground
from tradeoff.loads.lanes import Call, Timeline, closed_loop, in_lanes, open_loop, overhead
from tradeoff.loads.sweep import sweep
from tradeoff.measure.estimating import percentile, samples_needed
from tradeoff.measure.timing import collector, warm_up
from tradeoff.spelling import Value

#: Stretches of an open loop.
STRETCHES: Final = 10
#: So many requests the highest percentile needs.
ENOUGH: Final = samples_needed(0.99)
#: Going on until there are so many, takes no longer than this.
MOST_SECONDS: Final = 30.0
#: Of the requests' latencies no more are kept, of each scenario: a random part.
MOST_KEPT: Final = 10_000
#: Requests of an offline pass; more are the same samples again.
MOST_IN_PASS: Final = 256


def run_scenario(name: str, values: Mapping[str, Value], ground: Ground) -> dict[str, Any]:
    """Run one; its blocks and what else is to be known, as plain data."""
    with collector(off=ground.timing.disable_gc):
        blocks, facts = RUNS[name](ground, **values)
    most = max(1, MOST_KEPT // max(1, len(blocks)))
    kept = [
        replace(block, latencies=thinned(block.latencies, most), rates=thinned(block.rates, most)) for block in blocks
    ]
    return {"blocks": [block.to_json() for block in kept], "facts": facts}


# --- closed loops: the next request is sent when the last one is answered ----------------------------


def _stream(ground: Ground, lanes: Any) -> Found:
    return _closed(ground, 1, lanes)


def _multi(ground: Ground, samples: Any) -> Found:
    return _closed(ground, samples, 1)


def _closed(ground: Ground, samples: int, lanes: int) -> Found:
    facts = {"lanes": lanes, "batch": ground.fitting(samples)}
    if ground.timing.once:
        ground.query(samples)()
        return [], facts
    blocks = ground.loads * BLOCKS
    seconds = ground.timing.max_time / blocks
    fewest = math.ceil(max(ENOUGH, ground.timing.min_rounds) / blocks / lanes)
    most = max(seconds, MOST_SECONDS / blocks)
    found = []
    for load in range(ground.loads):
        queries = [ground.query(samples) for _ in range(lanes)]
        loops = [partial(closed_loop, query, seconds, fewest, most) for query in queries]
        for number in range(BLOCKS):
            ground.progress("timing", (load * BLOCKS + number) / blocks)
            taken = in_lanes(loops)
            lane_rates = [rates_of(lane, samples, ground.timing.min_time) for lane in taken]
            # What all lanes do at once is the sum of what each does.
            rates = tuple(map(sum, zip(*lane_rates, strict=False)))
            found.append(Block(load, facts["batch"], tuple(t for lane in taken for t in lane), rates))
    return found, facts | {"loads": ground.loads * lanes, "overhead_s": overhead()}


# --- an open loop: requests arrive whether or not there was an answer --------------------------------


def _server(ground: Ground, rate: Any, lanes: Any, seed: Any, seconds: Any) -> Found:
    facts: dict[str, Any] = {"lanes": lanes, "batch": 1}
    if ground.timing.once:
        ground.query(1)()
        return [], facts
    length = seconds or max(ground.timing.max_time, min(ENOUGH / rate, MOST_SECONDS))
    due = poisson_arrivals(rate, max(1, math.ceil(rate * length)), f"{ground.seed}/{seed}")
    queries = [ground.query(1) for _ in range(lanes)]
    ground.progress("timing", 0.0)
    # What is offered far too much would never come to an end.
    timeline = open_loop(queries, due, 2 * due[-1] + 1.0)
    return _stretches(timeline), facts | _facts_of(timeline, lanes) | {"overhead_s": overhead()}


def _stretches(timeline: Timeline) -> list[Block]:
    """The answered requests in equal parts, in the order of their arrival."""
    answered = len(timeline.ends)
    edges = [answered * number // STRETCHES for number in range(STRETCHES + 1)]
    latencies = timeline.latencies
    found = []
    before = 0.0
    for first, last in pairwise(edges):
        if first < last:
            now = max(timeline.ends[first:last])
            # Where lanes overtake each other, a whole stretch may be over before the one ahead of it.
            rate = (last - first) / max(now - before, 1e-9)
            found.append(Block(0, 1, latencies[first:last], (rate,)))
            before = max(before, now)
    return found


def _facts_of(timeline: Timeline, lanes: int) -> dict[str, Any]:
    """What was promised, what was kept, and how late the generator itself was."""
    end, last = max(timeline.ends), timeline.due[-1]
    half, most = percentile(timeline.lateness, 0.5), percentile(timeline.lateness, 0.99)
    return {
        "loads": lanes,
        "requests": len(timeline.due),
        "offered_rate": len(timeline.due) / last,
        "achieved_rate": len(timeline.ends) / max(end, last),
        "unserved": len(timeline.due) - len(timeline.ends),
        "waiting": sum(moment > last for moment in timeline.ends) + len(timeline.due) - len(timeline.ends),
        "utilisation": math.fsum(timeline.busy) / (lanes * max(end, last)),
        "lateness_p50_s": half.value if half else None,
        "lateness_p99_s": most.value if most else None,
    }


# --- throughput: as much as it can -------------------------------------------------------------------


def _offline(ground: Ground, batch: Any) -> Found:
    size = ground.fitting(batch)
    requests = min(MOST_IN_PASS, math.ceil(ground.samples / size))
    facts = {"batch": size, "lanes": 1}
    if ground.timing.once:
        ground.calls(size)[0]()
        return [], facts
    blocks = ground.loads * BLOCKS
    seconds = ground.timing.max_time / blocks
    found = []
    for load in range(ground.loads):
        calls = _pass(ground, size, requests)
        for number in range(BLOCKS):
            ground.progress("timing", (load * BLOCKS + number) / blocks)
            taken: list[float] = []
            end = perf_counter() + seconds
            # Whole passes, so that every block is of the same samples.
            while not taken or perf_counter() < end:
                taken += [closed_loop(call, 0.0, 1, math.inf)[0] for call in calls]
            found.append(ground.block(load, size, taken))
    return found, facts | {"loads": ground.loads, "overhead_s": overhead()}


def _pass(ground: Ground, size: int, requests: int) -> list[Call]:
    """Requests for all samples there are; the last is filled up with the first ones."""
    runner, x = ground.load(), ground.batch(size * requests)
    calls: list[Call] = [runner.bind(x[start : start + size]) for start in range(0, len(x), size)]
    if ground.timing.warmup:
        warm_up(calls[0], ground.timing)
    return calls


RUNS: Final[Mapping[str, Callable[..., Found]]] = {
    "stream": _stream,
    "multi": _multi,
    "server": _server,
    "offline": _offline,
    "sweep": sweep,
}
