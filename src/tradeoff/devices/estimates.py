"""What is told of a file on a device: plain numbers, none of which was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tradeoff.devices.memory import Peak
from tradeoff.devices.profiles import Validation


@dataclass(frozen=True)
class Area:
    """A memory that an NPU works in.

    :param limit: ``None`` where the profile does not give it.
    :param traffic: bytes that go to and from it in one request.
    """

    name: str
    bytes: int
    limit: int | None
    traffic: int


@dataclass(frozen=True)
class OnNPU:
    """What of a file runs on an NPU.

    :param cycles: of the NPU, for one request.
    :param macs: as the NPU counts them, padding included.
    :param on_cpu: seconds of what is left to the processor, as far as they are known.
    :param left: what is left to the processor: kind, name, and why.
    """

    accelerator: str
    compiler: str
    cycles: float
    macs: int
    on_cpu: float
    areas: tuple[Area, ...]
    left: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class OperatorEstimate:
    """One operator; ``None`` for what cannot be said."""

    name: str
    kind: str
    macs: int
    weights_bytes: int
    output_bytes: int
    seconds: float | None = None
    energy_joules: float | None = None
    bound: str | None = None
    intensity: float | None = None
    working_set_bytes: int | None = None
    held_by: str | None = None
    simd: float | None = None


@dataclass(frozen=True)
class Estimate:
    """What can be said of a file on a device. Nothing in it was measured.

    :param fits: whether flash and RAM suffice; ``None`` where the profile does not give them.
    :param problems: why it cannot run there; empty when nothing is known against it.
    :param flash_bytes: the file, and the runtime where the profile gives its share.
    :param ram_bytes: ``None`` where only the peak is known, which is then what is compared.
    :param seconds: of one request; ``None`` with the reason in ``notes``.
    :param validation: how wrong such latencies were, where that was checked.
    :param shares: of the time that compute, memory and overhead take.
    :param untimed: why there is no latency, or nothing.
    :param unmodelled: operators whose time is not counted.
    :param on_npu: what runs on an NPU and what does not, where there is one.
    """

    device: str
    model: str
    precision: str
    fits: bool | None
    problems: tuple[str, ...]
    flash_bytes: int
    flash_limit: int | None
    ram_bytes: int
    ram_limit: int | None
    peak: Peak
    peak_layer: str
    macs: int
    seconds: float | None
    validation: Validation | None
    energy_joules: float | None
    shares: Mapping[str, float]
    operators: tuple[OperatorEstimate, ...] = field(repr=False)
    untimed: str = ""
    unmodelled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    on_npu: OnNPU | None = None

    @property
    def error(self) -> float | None:
        """The mean error of such latencies as a share, ``None`` where they were never checked."""
        return self.validation.mean_error if self.validation else None


def to_json(estimate: Estimate) -> dict[str, Any]:
    """The estimate as plain data."""
    return {**asdict(estimate), "provenance": "modelled", "error": estimate.error}
