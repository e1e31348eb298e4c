"""The ``.tflite`` file of a conversion: made, checked and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import tradeoff
from tradeoff.engine import KERAS, engine_environment
from tradeoff.formats.stored import tflite_weights

from ..layerwise import LAYERWISE, bits_of
from .checks import check, check_widths
from .convert import converted
from .graph import read_graph
from .quantizer import MADE, QUANTIZER, Learnt, chosen_for, quantized, widths_for, without_quantizer
from .ranges import is_per_tensor, same_work, tensor_ranges

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Ranges

ARTIFACT: Final = "model.tflite"


class WritesTFLite(tradeoff.Backend):
    """What backends share whose artifact is a ``.tflite`` file; a subclass says how it is run."""

    converter_requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (
        KERAS,
        tradeoff.Requirement("tensorflow", "tensorflow"),
        # Its version counts where it is there; where it is not, the rest can still be converted.
        *((QUANTIZER,) if QUANTIZER.installed() else ()),
    )

    def abilities(self, parameters: Mapping[str, Value]) -> tradeoff.Capabilities:
        """Without the quantizer, what TensorFlow's converter makes remains."""
        return without_quantizer(self.capabilities, self.install)

    def conversion_environment(self, parameters: Mapping[str, Value]) -> tradeoff.Environment:
        """The converter reads TensorFlow graphs alone, whatever engine the model was trained on."""
        return engine_environment("tensorflow")

    def weights(self, artifact: Path) -> Sequence[tradeoff.StoredTensor]:
        """The buffers of its constants."""
        return tflite_weights(artifact)

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Write the flatbuffer, and make sure that it is what was asked for."""
        return written(job)


def written(job: tradeoff.Conversion) -> Path:
    """Write the flatbuffer into the job's folder, and make sure that it is what was asked for."""
    job.progress("converting", 0.1)
    blob, checked = _made(job)
    if job.precision != "float32":
        job.progress("checking what became of it", 0.9)
        left = checked()
        if left:
            job.progress(left, 0.95)
    (job.folder / ARTIFACT).write_bytes(blob)
    return job.folder / ARTIFACT


def _made(job: tradeoff.Conversion) -> tuple[bytes, Callable[[], str]]:
    """The file, and what checks that it is what was asked for; it tells what is left in floating point."""
    if job.precision == LAYERWISE and not job.ranges:
        blob, widths = _layer_by_layer(job)
        return blob, partial(check_widths, blob, widths)
    blob, chosen = _of_one_kind(job)
    return blob, partial(check, blob, job.precision, chosen)


def _of_one_kind(job: tradeoff.Conversion) -> tuple[bytes, frozenset[str]]:
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


def _layer_by_layer(job: tradeoff.Conversion) -> tuple[bytes, dict[str, int]]:
    bits = bits_of(job)
    model = job.load_model()
    named, blob = (converted(model, "float32", job.calibration, marked=marked) for marked in (True, False))
    widths, marked, plain = widths_for(named, bits), read_graph(named), read_graph(blob)
    if same_work(plain, marked):
        # The names of layers make a file larger; without them the operators stand in the same order.
        pairs = zip(plain.weighted(), marked.weighted(), strict=True)
        widths = {plain.full_name(ours): widths[marked.full_name(theirs)] for (ours, _), (theirs, _) in pairs}
    else:
        blob = named
    job.progress("quantizing layer by layer", 0.5)
    return quantized(blob, LAYERWISE, job.calibration, widths=widths), widths


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
