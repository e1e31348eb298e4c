"""What each precision is allowed to lose in a conversion, and the verdict on a cell that lost more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

#: Why there is no number for the SNR of an artifact that differs in nothing.
EXACT: Final = "infinite: the outputs are equal to the last bit"


@dataclass(frozen=True)
class Threshold:
    """The least that is expected of an artifact, against the Keras model it was converted from.

    :param cosine: likeness of the outputs.
    :param snr: of the outputs: the original's power over that of the difference, in dB.
    :param top1: share of equal decisions, for a classification.
    :param layer_snr: the same as ``snr`` for what one layer gives.
    """

    cosine: float
    snr: float
    top1: float
    layer_snr: float


#: docs/parity.md tells the measurements these were chosen from.
THRESHOLDS: Final[Mapping[str, Threshold]] = MappingProxyType(
    {
        "float32": Threshold(cosine=0.99999, snr=60.0, top1=0.999, layer_snr=60.0),
        "fp16": Threshold(cosine=0.9999, snr=40.0, top1=0.995, layer_snr=30.0),
        "bf16": Threshold(cosine=0.999, snr=25.0, top1=0.98, layer_snr=20.0),
        "int8w": Threshold(cosine=0.999, snr=25.0, top1=0.98, layer_snr=20.0),
        "dynamic": Threshold(cosine=0.995, snr=20.0, top1=0.97, layer_snr=18.0),
        "int8": Threshold(cosine=0.995, snr=20.0, top1=0.97, layer_snr=16.0),
        "mixed": Threshold(cosine=0.99, snr=16.0, top1=0.97, layer_snr=13.0),
        "int16x8": Threshold(cosine=0.99, snr=14.0, top1=0.97, layer_snr=9.0),
        "int4": Threshold(cosine=0.95, snr=10.0, top1=0.95, layer_snr=7.0),
    }
)
#: For a precision that a plugin brings: how coarse it is, only its author knows.
OTHERS: Final = THRESHOLDS["int4"]


def threshold_of(precision: str) -> Threshold:
    """What is expected of an artifact in this precision."""
    return THRESHOLDS.get(precision, OTHERS)


def verdict(numbers: Mapping[str, float | None], precision: str, samples: int) -> str:
    """What is beyond the threshold, in words; nothing where all of it is within.

    :param numbers: as :func:`tradeoff.quality.parity` gives them, ``None`` for what is not finite.
    :param samples: a single one that is decided otherwise is never held against the artifact: it may be a tie.
    """
    least = threshold_of(precision)
    top1 = min(least.top1, 1.0 - 1.0 / max(1, samples))
    told = [
        *_beyond("SNR", _snr(numbers), least.snr, "{:.1f} dB", "{:g} dB"),
        *_beyond("cosine", _worst_if_none(numbers["parity_cosine"]), least.cosine, "{:.6f}", "{:g}"),
    ]
    if "parity_top1" in numbers:
        share = _worst_if_none(numbers["parity_top1"])
        told += _beyond("top-1", 100 * share, 100 * top1, "{:.2f} %", "{:.2f} %")
    return f"parity: {', '.join(told)}" if told else ""


def facts(numbers: Mapping[str, float | None], precision: str) -> dict[str, Any]:
    """What the record keeps: the numbers, and what was expected of them."""
    least = asdict(threshold_of(precision))
    expected = {name: least[name] for name in ("cosine", "snr", "top1")}
    return {**numbers, "precision": precision, "threshold": expected}


def is_exact(numbers: Mapping[str, float | None]) -> bool:
    """Whether nothing differs; then the SNR is infinite, which JSON has no number for."""
    return numbers.get("max_error") == 0.0


def _snr(numbers: Mapping[str, float | None]) -> float:
    return math.inf if is_exact(numbers) else _worst_if_none(numbers["snr"])


def _worst_if_none(value: float | None) -> float:
    return -math.inf if value is None else value


def _beyond(name: str, value: float, least: float, shown: str, bound: str) -> list[str]:
    if value >= least:
        return []
    told = shown.format(value) if math.isfinite(value) else "no number"
    return [f"{name} {told} < {bound.format(least)}"]
