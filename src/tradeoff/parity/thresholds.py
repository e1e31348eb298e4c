"""The verdict on a cell that lost more in its conversion than its precision is allowed to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from tradeoff.vocabulary import Tolerance

#: Why there is no number for the SNR of an artifact that differs in nothing.
EXACT: Final = "infinite: the outputs are equal to the last bit"


def verdict(numbers: Mapping[str, float | None], least: Tolerance, samples: int) -> str:
    """What is beyond the threshold, in words; nothing where all of it is within.

    :param numbers: as :func:`tradeoff.quality.parity` gives them, ``None`` for what is not finite.
    :param least: what is expected.
    :param samples: a single one that is decided otherwise is never held against the artifact: it may be a tie.
    """
    top1 = min(least.top1, 1.0 - 1.0 / max(1, samples))
    told = [
        *_beyond("SNR", _snr(numbers), least.snr, "{:.1f} dB", "{:g} dB"),
        *_beyond("cosine", _worst_if_none(numbers["parity_cosine"]), least.cosine, "{:.6f}", "{:g}"),
    ]
    if "parity_top1" in numbers:
        share = _worst_if_none(numbers["parity_top1"])
        told += _beyond("top-1", 100 * share, 100 * top1, "{:.2f} %", "{:.2f} %")
    return f"parity: {', '.join(told)}" if told else ""


def facts(numbers: Mapping[str, float | None], precision: str, least: Tolerance) -> dict[str, Any]:
    """What the record keeps: the numbers, and what was expected of them."""
    expected = {"cosine": least.cosine, "snr": least.snr, "top1": least.top1}
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
