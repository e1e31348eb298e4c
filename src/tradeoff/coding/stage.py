"""What a worker does for a technique that codes artifacts: code one, decode it, and load what was decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from tradeoff.coding.coded_files import same_artifact
from tradeoff.errors import BadInput, Refused, TradeoffError
from tradeoff.fingerprint import sizes
from tradeoff.registry import Registry
from tradeoff.vocabulary import Anatomy, Backend, Encoding, Loading, Progress, Runner, Technique

_DECODED: Final = "decoded"


def encode(registry: Registry, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Code an artifact, decode what was written, and make sure that nothing has changed."""
    technique = registry.techniques[request["technique"]]
    artifact, folder = Path(request["artifact"]), Path(request["folder"])
    if technique.encode is None:
        raise BadInput(f"technique {technique.name} has stage artifact and no `encode`")
    begun = perf_counter()
    tensors = registry.backends[request["backend"]].weights(artifact)
    if not tensors:
        raise Refused(
            "not implemented here",
            f"{technique.name} codes weights, and {request['backend']} finds none in this artifact, byte by byte",
        )
    progress("coding weights", 0.1)
    made = technique.encode(Encoding(artifact, tensors, request["values"], folder, progress))
    if not made.file.is_file() or made.file.parent.resolve() != folder.resolve():
        raise TradeoffError(f"technique {technique.name}: encode returned {made.file}, which it did not write")
    progress("decoding them", 0.6)
    decoded = _decoded(technique, made.file, folder / _DECODED)
    if not same_artifact(artifact, decoded):
        raise TradeoffError(
            f"technique {technique.name}: what it decodes is not what it coded; this is its own mistake"
        )
    return {
        "artifact": made.file.name,
        "decoded": decoded.relative_to(folder).as_posix(),
        # It runs as the very bytes that it was made of.
        "content": request["content"],
        **sizes([made.file]),
        "coding": dict(made.facts),
        "ranges": request["before"]["ranges"],
        "seconds": request["before"]["seconds"] + perf_counter() - begun,
    }


def _decoded(technique: Technique, container: Path, folder: Path) -> Path:
    if technique.decode is None:
        raise BadInput(f"technique {technique.name} has stage artifact and no `decode`")
    folder.mkdir()
    return technique.decode(container, folder)


@dataclass(frozen=True)
class DecodesFirst:
    """Loads a container as a device would have to: decoded first, and loaded then.

    :param backend: runs what is decoded.
    """

    backend: Backend
    technique: Technique
    container: Path

    def load(self, job: Loading) -> Runner:
        """What is decoded goes once it is loaded; a runtime that maps the file goes on having it."""
        with TemporaryDirectory(prefix="tradeoff-decoded-") as folder:
            artifact = _decoded(self.technique, self.container, Path(folder) / _DECODED)
            return self.backend.load(replace(job, artifact=artifact))

    def anatomy(self, job: Loading, samples: int) -> Anatomy | None:
        """Of what is decoded."""
        return self.backend.anatomy(job, samples)
