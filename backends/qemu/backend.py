"""Backend ``qemu``: a ``.tflite`` file in LiteRT for aarch64, on a Cortex-A that QEMU emulates.

What it answers is what a phone or a board with these instructions answers, and how many instructions that takes is
counted. Cycles are not: QEMU knows nothing of pipelines and caches, and its own time says nothing of any processor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import tradeoff

from ..layerwise import LAYERWISE
from ..litert.anatomy import anatomy
from ..litert.quantizer import MADE
from ..litert.runner import KERNELS, XNNPACK, LiteRTRunner
from ..litert.write import WritesTFLite
from .place import found_system, system, why_not

if TYPE_CHECKING:
    from tradeoff.spelling import Value

#: Cores by what QEMU calls them, and what a reader knows them from. LiteRT does not learn the name of an emulated core:
#: others with the same instructions would give the same numbers, a Cortex-A53 those of the Cortex-A72.
CORES: Final = {
    "cortex-a72": "as in Raspberry Pi 4: ARMv8.0, without dot products",
    "cortex-a76": "as in Raspberry Pi 5: ARMv8.2 with dot products and float16",
}
_SUFFIX: Final = "@qemu"
#: Part of the key of what is stored: the runtime is not a distribution that is installed here.
_RUNTIME: Final = "TRADEOFF_QEMU_RUNTIME"


class QEMUBackend(WritesTFLite):
    """What litert converts, run by LiteRT for aarch64 on an emulated core; a request is floats in and floats out."""

    name = "qemu"
    summary = "LiteRT for aarch64 on an emulated Cortex-A: outputs, and instructions for each request"
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "fp16", "dynamic", "int8", *MADE),
        refusals={
            "bf16": tradeoff.Refusal(
                "not supported by format", "no converter writes weights of bfloat16 that LiteRT's kernels read"
            )
        },
        devices=tuple(f"{core}{_SUFFIX}" for core in CORES),
        reads=(".tflite",),
        ranges=("int8",),
        bits=(LAYERWISE,),
    )
    parameters = (
        tradeoff.Parameter(
            "kernels",
            str,
            default=XNNPACK,
            choices=tuple(KERNELS),
            runtime=True,
            summary="who computes: XNNPACK where it can, LiteRT's optimised kernels, or its plain ones",
        ),
    )
    # Python and LiteRT are those of the emulated system, which its devices look for.
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = ()
    install = "tradeoff[litert]"
    quick = False

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """A worker for each core: which instructions it has decides which kernels compute."""
        core, found = _core(device), found_system()
        told = found.told if found else ""
        return tradeoff.Environment(f"qemu {core}", variables=((_RUNTIME, f"{told}, {core}"),))

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Load the file where it runs."""
        return LiteRTRunner(job.artifact, 1, _kernels(job), partial(_remote, core=_core(job.device)))

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Constants as they are stored, and what operators fill from a request."""
        return anatomy(job.artifact, samples)

    def estimate(self, job: tradeoff.Loading, samples: int) -> tradeoff.Estimated:
        """Instructions of one request of so many samples."""
        from .counting import count

        found = count(job.artifact, _kernels(job), _core(job.device), samples)
        note = f"of one call of the interpreter ({system().told}); instructions are not cycles"
        instructions = tradeoff.Figure("instructions", found.value, "1", "lower", "simulated", note=note)
        latency = tradeoff.Figure(
            "latency", None, "s", note="QEMU counts instructions; how long they take, it does not know"
        )
        return tradeoff.Estimated((instructions, latency))


def _core(device: str) -> str:
    core = device.removesuffix(_SUFFIX)
    if core not in CORES:
        raise tradeoff.Refused("no such device", f"qemu emulates {', '.join(CORES)}, not {core}")
    return core


def _kernels(job: tradeoff.Loading) -> str:
    return str(job.parameters.get("kernels", XNNPACK))


def _remote(artifact: Path, threads: int, kernels: str, *, core: str) -> Any:
    from .runner import RemoteInterpreter

    return RemoteInterpreter(artifact, kernels, core)


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``qemu``."""
    return [QEMUBackend()]


@tradeoff.hookimpl
def tradeoff_devices() -> Sequence[tradeoff.Device]:
    """The cores that are emulated."""
    found = found_system()
    version = found.told if found else ""
    return [
        tradeoff.Device(f"{core}{_SUFFIX}", "simulated", f"an emulated core, {told}", why_not, version=version)
        for core, told in CORES.items()
    ]
