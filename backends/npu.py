"""Backend ``npu``: an int8 ``.tflite`` file on Arm's Ethos-U, compiled by Vela and computed by reference kernels.

No NPU is needed, and none is emulated: an Ethos-U is made to compute what the reference kernels compute. Cycles and
memory come from Vela, which the device's profile asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import tradeoff
from tradeoff.devices.accelerating import PRECISIONS, only_whole
from tradeoff.devices.estimating import precision_of
from tradeoff.devices.vela import INSTALL, VELA
from tradeoff.formats.tflite_operators import read_network

from .litert.anatomy import anatomy
from .litert.intermediates import intermediates
from .litert.runner import LiteRTRunner
from .litert.write import WritesTFLite

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

#: LiteRT's plain kernels, which the NPU is made to agree with.
KERNELS: Final = "reference"
_WHOLE: Final = "an Ethos-U multiplies whole numbers alone, and {}: int8 quantizes both weights and activations"


def _unsupported(what: str) -> tradeoff.Refusal:
    return tradeoff.Refusal("not supported by format", _WHOLE.format(what))


class NPUBackend(WritesTFLite):
    """What litert converts, run by LiteRT's reference kernels; a request is floats in and floats out."""

    name = "npu"
    summary = "Arm's Ethos-U: cycles and memory by its compiler Vela, outputs by reference kernels"
    capabilities = tradeoff.Capabilities(
        precisions=PRECISIONS,
        refusals={
            "float32": _unsupported("all of this would be left to the processor"),
            "fp16": _unsupported("float16 would be left to the processor"),
            "bf16": _unsupported("bfloat16 would be left to the processor"),
            "dynamic": _unsupported("these activations are floats"),
            "int8w": _unsupported("these weights are unpacked into floats"),
            "int4": _unsupported("these activations are floats"),
            "mixed": _unsupported("operators that stay in floating point would be left to the processor"),
        },
        devices=(),
        reads=(".tflite",),
        ranges=("int8",),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (
        tradeoff.Requirement("ai_edge_litert", "ai-edge-litert"),
        VELA,
    )
    install = INSTALL
    quick = False

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """The worker of ``litert``: which device it is changes nothing of what is computed."""
        return tradeoff.Environment("litert", modules=("ai_edge_litert.interpreter",))

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Load a file that an NPU could run."""
        refused = only_whole(precision_of(read_network(job.artifact)))
        if refused:
            raise tradeoff.Refused("not supported by format", f"{job.artifact.name}: {refused}")
        return LiteRTRunner(job.artifact, 1, KERNELS)

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Constants as they are stored, and what operators fill from a request."""
        return anatomy(job.artifact, samples)

    def intermediates(self, job: tradeoff.Loading, batch: Array) -> Mapping[str, Array]:
        """The results of its operators, as LiteRT's own kernels compute them."""
        return intermediates(job.artifact, batch)


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``npu``."""
    return [NPUBackend()]
