"""What the kit does about devices that are not here: it has them estimated as a run does, and tells plain facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from tradeoff.conformance.damage import damaged
from tradeoff.errors import Refused, TradeoffError
from tradeoff.registry import Registry
from tradeoff.virtual_clock import joined
from tradeoff.vocabulary import Estimated, Figure, Loading, Operator, Workload

Request = Mapping[str, Any]

#: A device that nobody has.
NOWHERE: Final = "nowhere@nothing"


def _estimates(registry: Registry, request: Request) -> dict[str, Any]:
    """What is told of requests of several sizes, and of the first of them a second time."""
    parts = [_told(registry, request, size) for size in request["sizes"]]
    strangers = sorted({stranger for told in parts for part in told for stranger in _strangers(part)})
    if strangers:
        return {"strangers": strangers}
    found = [joined(*told) for told in parts]
    return {
        "strangers": [],
        "twice": sorted({name for told in parts for part in told for name in _twice(part)}),
        "found": [asdict(each) for each in found],
        "again": repr(joined(*_told(registry, request, request["sizes"][0]))) == repr(found[0]),
    }


def _told(registry: Registry, request: Request, samples: int) -> tuple[Estimated, Estimated]:
    """As a run does it: the backend tells what it knows, and the device's model adds the rest."""
    loading = _loading(request)
    told = registry.backends[request["backend"]].estimate(loading, samples) or Estimated()
    model = registry.devices[request["device"]].model
    return told, Estimated() if model is None else model(Workload(loading.artifact, samples, told))


def _twice(told: Estimated) -> list[str]:
    """Figures of one name: only the last of them would be seen."""
    names = [figure.name for figure in told.figures]
    return [name for name in names if names.count(name) > 1]


def _strangers(found: Any) -> list[str]:
    """Types that are not of the vocabulary, where one of it has its place."""
    if not isinstance(found, Estimated):
        return [type(found).__name__]
    parts: list[tuple[type, tuple[object, ...]]] = [
        (Figure, found.figures),
        (Operator, found.operators),
        (str, found.verdicts),
    ]
    return [type(each).__name__ for kind, things in parts for each in things if not isinstance(each, kind)]


def _estimate_spoilt(registry: Registry, request: Request) -> dict[str, str]:
    """What is said of an artifact that is none."""
    artifact = damaged(Path(request["artifact"]), request["kind"], Path(request["folder"]) / "spoilt")
    return _outcome(lambda: _told(registry, {**request, "artifact": str(artifact)}, 1))


def _estimate_nowhere(registry: Registry, request: Request) -> dict[str, Any]:
    """What a backend tells of a device that nobody has: nothing, or what it tells of every device."""
    backend, loading = registry.backends[request["backend"]], _loading(request)
    here = backend.estimate(loading, 1)
    found: list[Estimated | None] = []
    told = _outcome(lambda: found.append(backend.estimate(replace(loading, device=NOWHERE), 1)))
    return {**told, "same": bool(found) and repr(found[0]) == repr(here)}


def _outcome(ask: Callable[[], object]) -> dict[str, str]:
    try:
        ask()
    except Refused as error:
        return {"how": "refused", "text": str(error)}
    except TradeoffError as error:
        return {"how": "bad input", "text": str(error)}
    except Exception as error:
        return {"how": "raised", "text": f"{type(error).__name__}: {error}"}
    return {"how": "told", "text": ""}


def _loading(request: Request) -> Loading:
    return Loading(Path(request["artifact"]), request["parameters"], request["device"])


#: By name.
ESTIMATING: Final[dict[str, Callable[[Registry, Request], Any]]] = {
    "estimates": _estimates,
    "estimate spoilt": _estimate_spoilt,
    "estimate nowhere": _estimate_nowhere,
}
