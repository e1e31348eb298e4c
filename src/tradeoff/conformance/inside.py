"""What the kit does in workers: it uses a plugin as a run does, and answers with plain facts.

What they mean is judged outside, by the tests; a plugin that crashes takes a worker with it and no judge.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tradeoff.conformance.estimating import ESTIMATING
from tradeoff.conformance.nets import write_net
from tradeoff.conformance.rewriting import look_at_technique
from tradeoff.conformance.running import RUNNING
from tradeoff.conformance.watching import left_behind
from tradeoff.fingerprint import digest_tree
from tradeoff.registry import Registry
from tradeoff.vocabulary import Progress

Request = Mapping[str, Any]


def look(registry: Registry, request: Request, progress: Progress) -> Any:
    """Do what ``request["check"]`` names."""
    if request["check"] == "technique":
        return look_at_technique(registry, request, progress)
    return _LOOKS[request["check"]](registry, request)


def _net(registry: Registry, request: Request) -> None:
    write_net(request["net"], Path(request["folder"]))


def _convert(registry: Registry, request: Request) -> dict[str, Any]:
    """Convert as a run does, and see what is left behind and whether the model's files are as they were."""
    from tradeoff.stages.desk import Desk
    from tradeoff.stages.shipping import convert

    given = Path(request["variant"])
    before = digest_tree(given)
    with left_behind(Path(request["scratch"])) as left:
        told = convert(Desk(registry), request, _unseen)
    return {**told, "left": left.files, "changed": digest_tree(given) != before}


def _modules(registry: Registry, request: Request) -> list[str]:
    """Which of the modules are there, in a worker that has done nothing but load the plugin."""
    return [name for name in request["names"] if name in sys.modules]


def _present(registry: Registry, request: Request) -> dict[str, Any]:
    """What a device says of its being there, and what it takes to ask."""
    names = set(sys.modules)
    begun = time.perf_counter()
    refusal = registry.devices[request["device"]].present()
    seconds = time.perf_counter() - begun
    imported = sorted({name.partition(".")[0] for name in set(sys.modules) - names})
    told = None if refusal is None else [str(getattr(refusal, "reason", "")), str(getattr(refusal, "detail", ""))]
    return {"seconds": seconds, "imported": imported, "refusal": told, "type": type(refusal).__name__}


def _unseen(text: str, done: float) -> None:
    """Progress that nobody watches has to be a text and a share all the same."""
    if not isinstance(text, str) or not 0.0 <= float(done) <= 1.0:
        raise ValueError(f"progress({text!r}, {done!r}): expected a text and a share from 0 to 1")


_LOOKS: Final[dict[str, Callable[[Registry, Request], Any]]] = {
    **RUNNING,
    **ESTIMATING,
    "net": _net,
    "convert": _convert,
    "modules": _modules,
    "present": _present,
}
