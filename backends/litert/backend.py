"""Backend ``litert``: a ``.tflite`` file on LiteRT, formerly TensorFlow Lite, with the kernels that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import tradeoff

from ..layerwise import LAYERWISE
from .anatomy import anatomy
from .intermediates import intermediates
from .profile import profile
from .quantizer import MADE
from .runner import KERNELS, XNNPACK, LiteRTRunner
from .write import WritesTFLite

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

INSTALL: Final = "tradeoff[litert]"
_NO_BFLOAT16: Final = tradeoff.Refusal(
    "not supported by format", "no converter writes weights of bfloat16 that LiteRT's kernels read; fp16 is as small"
)


class LiteRTBackend(WritesTFLite):
    """Converts with TensorFlow's converter; a request is floats in and floats out in every precision."""

    name = "litert"
    summary = "LiteRT with XNNPACK, the runtime of phones and small boards"
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "fp16", "dynamic", "int8", *MADE),
        refusals={"bf16": _NO_BFLOAT16},
        reads=(".tflite",),
        ranges=("int8",),
        bits=(LAYERWISE,),
        effort=tradeoff.Effort(
            "edge", "Python", 7, ("pip install ai-edge-litert", "run the program"), (), ("ai-edge-litert", "numpy")
        ),
    )
    parameters = (
        tradeoff.Parameter("threads", int, default=1, minimum=1, runtime=True, summary="of the interpreter"),
        tradeoff.Parameter(
            "kernels",
            str,
            default=XNNPACK,
            choices=tuple(KERNELS),
            runtime=True,
            summary="who computes: XNNPACK where it can, LiteRT's optimised kernels, or its plain ones",
        ),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (tradeoff.Requirement("ai_edge_litert", "ai-edge-litert"),)
    install = INSTALL

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """One worker for all thread counts and kernels: the interpreter takes them, not the process."""
        return tradeoff.Environment("litert", modules=("ai_edge_litert.interpreter",))

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Load the file and allocate it."""
        return LiteRTRunner(job.artifact, *_settings(job))

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Constants as they are stored, and what operators fill from a request."""
        return anatomy(job.artifact, samples)

    def profile(self, job: tradeoff.Loading, batch: Array) -> tradeoff.Profile | None:
        """The file's operators, with the time that each adds to the request."""
        return profile(job.artifact, *_settings(job), batch)

    def intermediates(self, job: tradeoff.Loading, batch: Array) -> Mapping[str, Array]:
        """The results of its operators, as LiteRT's own kernels compute them."""
        return intermediates(job.artifact, batch)


def _settings(job: tradeoff.Loading) -> tuple[int, str]:
    return int(job.parameters["threads"]), str(job.parameters.get("kernels", XNNPACK))


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``litert``."""
    return [LiteRTBackend()]
