"""Backend ``mcu``: a ``.tflite`` file in TFLM, TensorFlow Lite for Microcontrollers, by its real interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import tradeoff

from ..litert.write import WritesTFLite
from .arena import figures
from .profile import anatomy, profile
from .runner import TFLMRunner

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

INSTALL: Final = "tradeoff[mcu]"
#: No chip in particular: what is known without one.
ANY: Final = "any@tflm"


def _unsupported(detail: str) -> tradeoff.Refusal:
    return tradeoff.Refusal("not supported by format", detail)


_HYBRID: Final = "TFLM has no kernels that multiply float activations by {} weights: int8 quantizes both"


class MCUBackend(WritesTFLite):
    """What litert converts, run by TFLM's own interpreter and its reference kernels; a request is floats in and out."""

    name = "mcu"
    summary = (
        "TFLM, the runtime of microcontrollers: outputs and memory by its real interpreter, no time of this machine"
    )
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "int8", "int16x8", "mixed"),
        refusals={
            "fp16": _unsupported("TFLM does not unpack weights of float16"),
            "bf16": _unsupported("no converter writes weights of bfloat16 that TFLM's kernels read"),
            "dynamic": _unsupported(_HYBRID.format("8-bit")),
            "int4": _unsupported(_HYBRID.format("4-bit")),
            "layerwise": _unsupported(_HYBRID.format("8- and 4-bit")),
            "int8w": _unsupported(
                "TFLM runs weights that are unpacked from 8 bits, and answers wrongly; int8 is right"
            ),
        },
        devices=(ANY,),
        reads=(".tflite",),
        effort=tradeoff.Effort(
            "microcontroller",
            "C++",
            21,
            (
                "write the artifact as an array in C",
                "make a source tree of TFLM with the operators that it needs",
                "compile and link for the chip",
                "write it to the chip's flash",
            ),
            ("git", "make", "xxd", "a compiler for the chip", "a programmer for the chip"),
            ("tflite-micro", "flatbuffers", "gemmlowp"),
        ),
        ranges=("int8",),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (tradeoff.Requirement("tflite_micro", "tflite-micro"),)
    install = INSTALL

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """One worker for all devices: none of them changes what TFLM computes."""
        return tradeoff.Environment("mcu", modules=("tflite_micro",))

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Try the file in a process that may die of it, then load it."""
        return TFLMRunner(job.artifact)

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Constants as they are stored, and what operators fill for one sample."""
        return anatomy(job.artifact)

    def profile(self, job: tradeoff.Loading, batch: Array) -> tradeoff.Profile:
        """The file's operators; a microcontroller's seconds are not to be had here."""
        return profile(job.artifact)

    def estimate(self, job: tradeoff.Loading, samples: int) -> tradeoff.Estimated:
        """The arena, searched for, and what is known of the flash."""
        return tradeoff.Estimated(figures(job.artifact))


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``mcu``."""
    return [MCUBackend()]


@tradeoff.hookimpl
def tradeoff_devices() -> Sequence[tradeoff.Device]:
    """A microcontroller of which nothing else is known: no speed is made up for it."""
    return [tradeoff.Device(ANY, "simulated", "a microcontroller with TFLM, of no speed or size in particular")]
