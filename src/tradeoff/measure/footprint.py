"""What a process takes to load one artifact and to run it: time and memory. Runs in a worker that does nothing else.

The worker has imported what the backend's environment names before any of this begins, so imports are in none of
the numbers; what ``load`` itself still imports is, and is counted.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol

from tradeoff.measure.resident import Peak, PeakMeter, peak_meter, settle
from tradeoff.vocabulary import Anatomy, Loading, Runner

if TYPE_CHECKING:
    from tradeoff.vocabulary import Array

#: Requests while memory is watched: a runtime may take its working memory with the second or third only.
_REQUESTS: Final = 10
#: After so many seconds of them there are no more.
_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Footprint:
    """What one load and a few requests took.

    :param load_seconds: of ``load`` and ``bind``.
    :param first_seconds: of the first request after that.
    :param peak_bytes: resident memory at its highest, above what the process had before the load.
    :param process_bytes: resident memory of the whole process at its highest, imports included.
    :param python_bytes: the most that Python's allocators had in use in a second load.
    :param weights_bytes: of the artifact's constants as they are stored; ``None`` where the backend does not say.
    :param activations_bytes: of all intermediate results of one request; ``None`` likewise.
    :param imported: modules that ``load``, ``bind`` or a request still imported.
    :param note: what is less than exact about the peak.
    """

    load_seconds: float
    first_seconds: float
    peak_bytes: int
    process_bytes: int
    python_bytes: int
    weights_bytes: int | None
    activations_bytes: int | None
    imported: int
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data for the process that plans."""
        return asdict(self)


class Loads(Protocol):
    """What of a backend is asked here."""

    def load(self, job: Loading) -> Runner:
        """The artifact, ready for requests."""
        ...

    def anatomy(self, job: Loading, samples: int) -> Anatomy | None:
        """What it consists of."""
        ...


def take_footprint(backend: Loads, loading: Loading, batch: Array) -> Footprint:
    """Load an artifact in this process, which has loaded none before, and run it a few times."""
    known = set(sys.modules)
    load_seconds, first_seconds, peak = load_and_run(backend, loading, batch, peak_meter())
    imported = len(set(sys.modules) - known)
    # Only now: being traced takes time and memory itself.
    python_bytes = _python_peak(backend, loading, batch)
    anatomy = backend.anatomy(loading, len(batch)) or Anatomy()
    return Footprint(
        load_seconds=load_seconds,
        first_seconds=first_seconds,
        peak_bytes=peak.added,
        process_bytes=peak.whole,
        python_bytes=python_bytes,
        weights_bytes=anatomy.weights_bytes,
        activations_bytes=anatomy.activations_bytes,
        imported=imported,
        note=peak.note,
    )


def load_and_run(backend: Loads, loading: Loading, batch: Array, meter: PeakMeter) -> tuple[float, float, Peak]:
    """Seconds of loading and of the first request, and the peak of both and of a few requests more."""
    settle()
    meter.begin()
    begun = perf_counter()
    runner = backend.load(loading)
    call = runner.bind(batch)
    loaded = perf_counter()
    call()
    answered = perf_counter()
    _repeat(call)
    return loaded - begun, answered - loaded, meter.end()


def _repeat(call: Callable[[], object]) -> None:
    end = perf_counter() + _SECONDS
    for _ in range(_REQUESTS - 1):
        if perf_counter() > end:
            return
        call()


def _python_peak(backend: Loads, loading: Loading, batch: Array) -> int:
    """What Python objects and NumPy's arrays need at most; the rest of a peak is native."""
    settle()
    tracemalloc.start()
    try:
        runner = backend.load(loading)
        call = runner.bind(batch)
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
