"""The ``.tflite`` file of a conversion: made, checked and written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import tradeoff

from .litert_checks import check
from .litert_convert import converted
from .litert_quantizer import MADE, chosen_for, quantized

ARTIFACT: Final = "model.tflite"


def written(job: tradeoff.Conversion) -> Path:
    """Write the flatbuffer into the job's folder, and make sure that it is what was asked for."""
    job.progress("converting", 0.1)
    blob, chosen = _made(job)
    if job.precision != "float32":
        job.progress("checking what became of it", 0.9)
        left = check(blob, job.precision, chosen)
        if left:
            job.progress(left, 0.95)
    (job.folder / ARTIFACT).write_bytes(blob)
    return job.folder / ARTIFACT


def _made(job: tradeoff.Conversion) -> tuple[bytes, frozenset[str]]:
    """The file, and the results in it that ``mixed`` was to leave in floating point."""
    if job.precision not in MADE:
        return converted(job.load_model(), job.precision, job.calibration), frozenset()
    mixed = job.precision == "mixed"
    blob = converted(job.load_model(), "float32", job.calibration, marked=mixed)
    chosen = chosen_for(blob, job.values) if mixed else frozenset()
    job.progress("quantizing", 0.5)
    return quantized(blob, job.precision, job.calibration, chosen), chosen
