"""What the kit does where an artifact runs: loads it, binds and asks, and tells plain facts of what comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.conformance.damage import copied, damaged
from tradeoff.conformance.nets import OUTPUTS
from tradeoff.conformance.threads import working
from tradeoff.conformance.watching import left_behind, pickles_in, unpickled
from tradeoff.datafiles import DataFiles
from tradeoff.errors import Refused, TradeoffError
from tradeoff.fingerprint import digest_tree
from tradeoff.registry import Registry
from tradeoff.vocabulary import Backend, Loading, Runner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Request = Mapping[str, Any]

#: How long threads are counted.
_WINDOW_SECONDS: Final = 0.8
#: Rows that are asked one by one.
_ROWS: Final = 8


def _answers(registry: Registry, request: Request) -> dict[str, Any]:
    """All answers in one request, and how near to Keras' they are."""
    import numpy as np

    x, expected = _whole(request)
    found = _runner(registry, request).bind(x)()
    array = np.asarray(found)
    told = {
        "type": f"{type(found).__module__}.{type(found).__qualname__}",
        "is_array": isinstance(found, np.ndarray),
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "expected": list(expected.shape),
        "finite": bool(np.isfinite(array).all()),
    }
    return told | {"cosine": _cosine(array, expected) if array.shape == expected.shape else None}


def _batches(registry: Registry, request: Request) -> list[dict[str, Any]]:
    """The first rows of a batch of each size, and each of them in a batch of its own."""
    import numpy as np

    x, expected = _data(request)
    runner = _runner(registry, request)
    wholes = [
        np.array(runner.bind(np.ascontiguousarray(np.resize(x, (size, *x.shape[1:]))))()) for size in request["sizes"]
    ]
    rows = min(max(request["sizes"]), _ROWS)
    single = np.concatenate([np.array(runner.bind(_piece(x, row, 1))()) for row in range(rows)])
    return [
        {
            "shape": list(whole.shape),
            "expected": [size, *expected.shape[1:]],
            "difference": _difference(whole[:_ROWS], single[:size]),
        }
        for size, whole in zip(request["sizes"], wholes, strict=True)
    ]


def _again(registry: Registry, request: Request) -> dict[str, Any]:
    """What becomes of an answer when the same call, and another one, are asked next."""
    import numpy as np

    x, _ = _data(request)
    runner = _runner(registry, request)
    size = _few(request)
    call, other = runner.bind(_piece(x, 0, size)), runner.bind(_piece(x, 4, size))
    first = call()
    kept = np.array(first)
    second = call()
    difference = _difference(np.array(second), kept)
    other()
    return {
        "shared": bool(np.shares_memory(first, second)),
        "changed": not np.array_equal(np.asarray(first), kept),
        "difference": difference,
    }


def _reads(registry: Registry, request: Request) -> dict[str, Any]:
    """Whether a request reads what stands in its batch now, and leaves the batch as it is."""
    import numpy as np

    x, _ = _data(request)
    runner = _runner(registry, request)
    size = _few(request)
    batch, other = _piece(x, 0, size), _piece(x, 4, size)
    call = runner.bind(batch)
    call()
    wrote = not np.array_equal(batch, x[:size])
    batch[:] = other
    after = np.array(call())
    expected = np.array(runner.bind(_piece(x, 4, size))())
    return {"wrote": wrote, "difference": _difference(after, expected)}


def _beside(registry: Registry, request: Request) -> dict[str, Any]:
    """Calls for other data, of other sizes and of another load, asked in turns; each against itself alone."""
    import numpy as np

    x, _ = _data(request)
    pieces = [_piece(x, 0, 1), _piece(x, 4, 4), _piece(x, 8, 4), _piece(x, 3, 1), _piece(x, 0, 3)]
    pieces = [piece for piece in pieces if len(piece) <= request["most"]]
    alone = [np.array(_runner(registry, request).bind(piece)()) for piece in pieces]
    one, two = _runner(registry, request), _runner(registry, request)
    calls = [(one if place % 2 else two).bind(piece) for place, piece in enumerate(pieces)]
    calls += [one.bind(piece) for piece in pieces]
    worst = 0.0
    for _ in range(2):
        for place, call in enumerate(calls):
            worst = max(worst, _difference(np.array(call()), alone[place % len(pieces)]))
    return {"difference": worst}


def _leaves(registry: Registry, request: Request) -> dict[str, Any]:
    """Load, bind and ask; see what files stay, and whether the artifact is as it was."""
    artifact = Path(request["artifact"])
    before = digest_tree(artifact)
    with left_behind(Path(request["folder"]) / "running") as left:
        x, _ = _data(request)
        runner = _runner(registry, request)
        runner.bind(_piece(x, 0, 1))()
        del runner
    return {"left": left.files, "changed": digest_tree(artifact) != before}


def _pickles(registry: Registry, request: Request) -> dict[str, Any]:
    """Pickles in the artifact, and those that are opened while it is loaded."""
    artifact = Path(request["artifact"])
    # What the framework opens for itself at its first load is nothing of the artifact's.
    _runner(registry, request)
    with unpickled() as opened:
        _runner(registry, request)
    return {"inside": pickles_in(artifact), "opened": sorted(set(opened))}


def _moved(registry: Registry, request: Request) -> dict[str, Any]:
    """The answer of an artifact that has been carried somewhere else, where its folder is not."""
    import numpy as np

    original = Path(request["artifact"])
    x, _ = _whole(request)
    expected = np.array(_runner(registry, request).bind(x)())
    place = Path(request["folder"])
    copy = copied(original, place / "carried")
    away = original.parent.rename(place / "away")
    try:
        found = np.array(_load(registry, request, copy).bind(x)())
    except Exception as error:
        return {"how": f"{type(error).__name__}: {error}", "difference": 0.0}
    finally:
        away.rename(original.parent)
    return {"how": "", "difference": _difference(found, expected)}


def _bad(registry: Registry, request: Request) -> dict[str, Any]:
    """What is said to an artifact that is none."""
    import numpy as np

    artifact = damaged(Path(request["artifact"]), request["kind"], Path(request["folder"]) / "spoilt")
    x, expected = _whole(request)
    try:
        found = np.array(_load(registry, request, artifact).bind(x)())
    except Refused as error:
        return {"how": "refused", "text": str(error)}
    except TradeoffError as error:
        return {"how": "bad input", "text": str(error)}
    except Exception as error:
        return {"how": "raised", "text": f"{type(error).__name__}: {error}"}
    same = found.shape == expected.shape and _cosine(found, expected) > 0.999
    return {"how": "answered", "text": "as if nothing were wrong" if same else "something else"}


def _threads(registry: Registry, request: Request) -> dict[str, Any]:
    """How many threads work at once while nothing but requests is done; and the answers."""
    x, expected = _whole(request)
    call = _runner(registry, request).bind(x)
    call()
    with working() as work:
        begun = time.perf_counter()
        while time.perf_counter() - begun < _WINDOW_SECONDS:
            call()
    return {"threads": work.threads, "share": work.share, "cosine": _cosine(call(), expected)}


def _anatomy(registry: Registry, request: Request) -> dict[str, Any]:
    """What the artifact is said to consist of, for two sizes of requests."""
    backend = _backend(registry, request)
    found = [backend.anatomy(_loading(request), size) for size in request["sizes"]]
    return {"found": [asdict(anatomy) if anatomy else None for anatomy in found]}


def _profile(registry: Registry, request: Request) -> dict[str, Any]:
    """Where a request is said to go, and what it takes."""
    import numpy as np

    x, _ = _whole(request)
    profile = _backend(registry, request).profile(_loading(request), x)
    call = _runner(registry, request).bind(x)
    call()
    durations = []
    for _ in range(5):
        begun = time.perf_counter()
        call()
        durations.append(time.perf_counter() - begun)
    return {"found": asdict(profile) if profile else None, "seconds": float(np.median(durations))}


def _data(request: Request) -> tuple[Array, Array]:
    """Samples as one batch, and what Keras answers to them."""
    import numpy as np

    folder = Path(request["data"])
    x = np.ascontiguousarray(DataFiles(folder).split("test").x)
    expected: Array = np.load(folder / OUTPUTS, allow_pickle=False)
    return x, expected


def _whole(request: Request) -> tuple[Array, Array]:
    """As many of them as one request takes."""
    x, expected = _data(request)
    return x[: request["most"]], expected[: request["most"]]


def _few(request: Request) -> int:
    return min(4, int(request["most"]))


def _piece(x: Array, start: int, size: int) -> Array:
    """Rows in a batch of their own."""
    import numpy as np

    return np.roll(x, -start, axis=0)[:size].copy()


def _backend(registry: Registry, request: Request) -> Backend:
    return registry.backends[request["backend"]]


def _loading(request: Request, artifact: Path | None = None) -> Loading:
    return Loading(artifact or Path(request["artifact"]), request["parameters"], request["device"])


def _runner(registry: Registry, request: Request) -> Runner:
    return _backend(registry, request).load(_loading(request))


def _load(registry: Registry, request: Request, artifact: Path) -> Runner:
    return _backend(registry, request).load(_loading(request, artifact))


def _difference(found: Array, expected: Array) -> float:
    """The largest; endless where the two cannot be compared."""
    import numpy as np

    if found.shape != expected.shape:
        return float("inf")
    difference = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    return float(difference.max(initial=0.0)) if np.isfinite(difference).all() else float("inf")


def _cosine(found: Array, expected: Array) -> float:
    """Of the two about what Keras answers on the average: answers that say nothing are not near it."""
    import numpy as np

    mean = expected.mean(axis=0, dtype=np.float64)
    one, two = (np.ravel(array.astype(np.float64) - mean) for array in (found, expected))
    return float(one @ two / max(float(np.linalg.norm(one) * np.linalg.norm(two)), 1e-30))


#: By name.
RUNNING: Final[dict[str, Callable[[Registry, Request], Any]]] = {
    "answers": _answers,
    "batches": _batches,
    "again": _again,
    "reads": _reads,
    "beside": _beside,
    "leaves": _leaves,
    "pickles": _pickles,
    "moved": _moved,
    "bad": _bad,
    "threads": _threads,
    "anatomy": _anatomy,
    "profile": _profile,
}
