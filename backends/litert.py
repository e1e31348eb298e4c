"""Backend ``litert``: a ``.tflite`` file on LiteRT, formerly TensorFlow Lite, with the kernels that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import tradeoff
from tradeoff.engine import KERAS, engine_environment

from .litert_anatomy import anatomy
from .litert_checks import check
from .litert_convert import converted
from .litert_graph import read_graph
from .litert_intermediates import intermediates
from .litert_profile import profile
from .litert_quantizer import MADE, QUANTIZER, Learnt, chosen_for, quantized
from .litert_ranges import is_per_tensor, same_work, tensor_ranges
from .litert_runner import KERNELS, XNNPACK, LiteRTRunner

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array, Ranges

ARTIFACT: Final = "model.tflite"
INSTALL: Final = "tradeoff[litert]"
_NO_BFLOAT16: Final = tradeoff.Refusal(
    "not supported by format", "no converter writes weights of bfloat16 that LiteRT's kernels read; fp16 is as small"
)
_NO_QUANTIZER: Final = tradeoff.Refusal("not installed", f"{QUANTIZER.distribution}: pip install '{INSTALL}'")


class LiteRTBackend(tradeoff.Backend):
    """Converts with TensorFlow's converter; a request is floats in and floats out in every precision."""

    name = "litert"
    summary = "LiteRT with XNNPACK, the runtime of phones and small boards"
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "fp16", "dynamic", "int8", *MADE),
        refusals={"bf16": _NO_BFLOAT16},
        reads=(".tflite",),
        ranges=("int8",),
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
    converter_requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (
        KERAS,
        tradeoff.Requirement("tensorflow", "tensorflow"),
        # Its version counts where it is there; where it is not, the rest can still be converted.
        *((QUANTIZER,) if QUANTIZER.installed() else ()),
    )
    install = INSTALL

    def abilities(self, parameters: Mapping[str, Value]) -> tradeoff.Capabilities:
        """Without the quantizer, what TensorFlow's converter makes remains."""
        if QUANTIZER.installed():
            return self.capabilities
        return replace(
            self.capabilities,
            precisions=tuple(name for name in self.capabilities.precisions if name not in MADE),
            ranges=(),
            refusals={**self.capabilities.refusals, **dict.fromkeys(MADE, _NO_QUANTIZER)},
        )

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """One worker for all thread counts and kernels: the interpreter takes them, not the process."""
        return tradeoff.Environment("litert", modules=("ai_edge_litert.interpreter",))

    def conversion_environment(self, parameters: Mapping[str, Value]) -> tradeoff.Environment:
        """The converter reads TensorFlow graphs alone, whatever engine the model was trained on."""
        return engine_environment("tensorflow")

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Write the flatbuffer, and make sure that it is what was asked for."""
        job.progress("converting", 0.1)
        blob, chosen = _made(job)
        if job.precision != "float32":
            job.progress("checking what became of it", 0.9)
            left = check(blob, job.precision, chosen)
            if left:
                job.progress(left, 0.95)
        (job.folder / ARTIFACT).write_bytes(blob)
        return job.folder / ARTIFACT

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


def _made(job: tradeoff.Conversion) -> tuple[bytes, frozenset[str]]:
    """The file, and the results in it that ``mixed`` was to leave in floating point."""
    if job.ranges:
        return _with_ranges(job, job.ranges), frozenset()
    if job.precision not in MADE:
        return converted(job.load_model(), job.precision, job.calibration), frozenset()
    mixed = job.precision == "mixed"
    blob = converted(job.load_model(), "float32", job.calibration, marked=mixed)
    chosen = chosen_for(blob, job.values) if mixed else frozenset()
    job.progress("quantizing", 0.5)
    return quantized(blob, job.precision, job.calibration, chosen), chosen


def _with_ranges(job: tradeoff.Conversion, ranges: Ranges) -> bytes:
    """TensorFlow's converter cannot be told ranges; the quantizer can."""
    model = job.load_model()
    named = converted(model, "float32", job.calibration, marked=True)
    blob = converted(model, "float32", job.calibration)
    marked = read_graph(named)
    if not same_work(read_graph(blob), marked):
        # Then it is the one with the names, which is larger, and no less right.
        blob = named
    job.progress("quantizing with the ranges that were learnt", 0.5)
    learnt = Learnt(tensor_ranges(read_graph(blob), marked, ranges, model), is_per_tensor(ranges))
    return quantized(blob, job.precision, job.calibration, learnt=learnt)


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``litert``."""
    return [LiteRTBackend()]
