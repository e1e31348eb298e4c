"""Stages that measure, and those that estimate where the device is not here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from tradeoff.coding.stage import DecodesFirst
from tradeoff.datafiles import DataFiles, tile
from tradeoff.loads.ground import Ground
from tradeoff.loads.scenarios import run_scenario
from tradeoff.measure.footprint import Loads, take_footprint
from tradeoff.measure.metering import measure_energy
from tradeoff.measure.noise import noise_since, sample
from tradeoff.measure.timing import Timing, measure_lot, warm_up
from tradeoff.virtual_clock import estimate_to_json, joined
from tradeoff.vocabulary import Anatomy, Estimated, Progress, Workload

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tradeoff.stages.desk import Desk

    Array = NDArray[Any]
    Call = Callable[[], Array]


#: Loads of an artifact in one process.
MOST_LOADS: Final = 3


def time(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Time whole requests, beside those of a baseline if one is given, on several loads of the artifact.

    Where weights come to lie in memory is chance, and is worth a few per cent; so each load is another lot.
    """
    batch = tile(DataFiles(Path(request["data"])).split("test"), request["batch"])
    timing = Timing(**request["timing"])
    before = sample(request.get("cores"))
    begun = perf_counter()
    first = _bound(desk, request, batch, 0)
    loads = _affordable(perf_counter() - begun, timing)
    lots = []
    for number in range(loads):
        progress("timing", number / loads)
        lots.append(
            measure_lot(*(first if number == 0 else _bound(desk, request, batch, number)), timing.divided(loads))
        )
    noise = noise_since(before, request.get("cores"))
    return {"lots": [lot.to_json() for lot in lots], "noise": noise.to_json()}


def meter(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What meters tell of whole requests, one after the other, and of this process while it does nothing."""
    batch = tile(DataFiles(Path(request["data"])).split("test"), request["batch"])
    timing = Timing(**request["timing"])
    call = desk.loaded(request).bind(batch)
    warm_up(call, timing)
    progress("measuring energy", 0.0)
    meters = {name: desk.registry.meters[name] for name in request["meters"]}
    found = measure_energy(meters, call, timing.max_time / 2, timing.most / 2)
    return {name: told.to_json() for name, told in found.items()}


def serve(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Have requests arrive as a scenario says, on several loads of the artifact where these are quick."""
    test = DataFiles(Path(request["data"])).split("test")
    timing = Timing(**request["timing"])
    begun = perf_counter()
    spare = [desk.loaded(request)]
    ground = Ground(
        load=lambda: spare.pop() if spare else desk.loaded(request),
        batch=lambda size: tile(test, size),
        samples=len(test),
        loads=_affordable(perf_counter() - begun, timing),
        most=desk.can(request).max_batch,
        timing=timing,
        seed=request["seed"],
        progress=progress,
    )
    return run_scenario(request["scenario"], request["values"], ground)


def footprint(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What loading and running an artifact takes; asked of a worker that does nothing else."""
    batch = tile(DataFiles(Path(request["data"])).split("test"), request["batch"])
    progress("loading alone", 0.0)
    backend: Loads = desk.backend(request)
    if request.get("container"):
        backend = DecodesFirst(
            desk.backend(request), desk.registry.techniques[request["technique"]], Path(request["container"])
        )
    return take_footprint(backend, desk.loading(request), batch).to_json()


def profile(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Where a request goes, operator by operator, as far as the runtime can tell."""
    batch = tile(DataFiles(Path(request["data"])).split("test"), request["batch"])
    progress("profiling", 0.0)
    found = desk.backend(request).profile(desk.loading(request), batch)
    return {"profile": asdict(found) if found else None}


def estimate(desk: Desk, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """What is known of a request on a device that is not here: from the backend, and from the device's model."""
    progress("estimating", 0.0)
    backend, loading, samples = desk.backend(request), desk.loading(request), request["batch"]
    found = backend.estimate(loading, samples) or Estimated()
    model = desk.registry.devices[request["device"]].model
    if model is not None:
        progress("asking the model of the device", 0.5)
        found = joined(found, model(Workload(loading.artifact, samples, found)))
    anatomy = backend.anatomy(loading, samples) or Anatomy()
    return {**estimate_to_json(found), **asdict(anatomy)}


def _bound(desk: Desk, request: Mapping[str, Any], batch: Array, number: int) -> tuple[Call, Call | None]:
    """A request of the cell and one of its baseline, freshly loaded; which of them is loaded first, alternates."""
    if request["baseline"] is None:
        return desk.loaded(request).bind(batch), None
    if number % 2:
        other = desk.loaded({**request, **request["baseline"]}).bind(batch)
        return desk.loaded(request).bind(batch), other
    call = desk.loaded(request).bind(batch)
    return call, desk.loaded({**request, **request["baseline"]}).bind(batch)


def _affordable(seconds: float, timing: Timing) -> int:
    """How many loads of this duration are worth their time: together they take no longer than what is timed."""
    if timing.once:
        return 1
    return max(1, min(MOST_LOADS, math.floor(timing.max_time / max(seconds, 1e-9))))
