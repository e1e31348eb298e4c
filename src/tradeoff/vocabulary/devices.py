"""Devices, and what is told of one that is not here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradeoff.vocabulary.common import Direction, Provenance, Refusal
from tradeoff.vocabulary.operators import Operator


@dataclass(frozen=True)
class Figure:
    """One number about requests on a device that is not here, computed or counted instead of measured there.

    :param name: ``latency``, ``energy``, or another one, which becomes a column of the reports.
    :param value: ``None`` when it cannot be said; the note then tells why.
    :param unit: ``s``, ``J``, ``B``, or ``1``.
    :param direction: which way is better.
    :param provenance: ``simulated`` when the runtime of the device told it, ``modelled`` when it was computed.
    :param error: by which share such numbers are wrong on the average, where they were checked; ``None`` where not.
    :param note: what a reader has to know about it.
    """

    name: str
    value: float | None
    unit: str = "1"
    direction: Direction = "lower"
    provenance: Provenance = "modelled"
    error: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Estimated:
    """What can be told of a request on a device that is not here.

    :param figures: by name; ``latency`` is that of the whole request.
    :param operators: in the order in which they run, with the seconds of the virtual clock.
    :param source: who tells it, for a reader of the operators: ``cycles of a Cortex-M7``.
    :param verdicts: what a reader must be told: ``needs 12 kB more RAM``.
    :param fits: whether there is room for it; ``None`` where nobody knows how much there is.
    """

    figures: tuple[Figure, ...] = ()
    operators: tuple[Operator, ...] = ()
    source: str = ""
    verdicts: tuple[str, ...] = ()
    fits: bool | None = None


@dataclass(frozen=True)
class Workload:
    """What the model of a device is handed: one request to an artifact.

    :param artifact: the file or folder that would be shipped.
    :param samples: in one request.
    :param told: what the backend tells of it by itself, such as the memory that its runtime takes.
    """

    artifact: Path
    samples: int
    told: Estimated


@dataclass(frozen=True)
class Device:
    """Where a backend runs an artifact.

    :param name: how it is spelled: ``host-cpu``, ``stm32h743@tflm``.
    :param provenance: what a latency on it is: ``measured`` here, ``simulated`` or ``modelled``.
    :param summary: one line for a person.
    :param present: says why it is not there, or ``None``; asked without importing a framework.
    :param backends: the backends that stand for its runtime, beside those that name it themselves.
    :param model: what is known of a request there without the device; of one that is ``measured`` it is never asked.
    :param validated: whether somebody has checked what ``model`` says; of one that is ``measured`` it does not matter.
    :param version: raise it when ``model`` says something else; stored estimates are keyed by it.
    """

    name: str
    provenance: Provenance = "measured"
    summary: str = ""
    present: Callable[[], Refusal | None] = lambda: None
    backends: tuple[str, ...] = ()
    model: Callable[[Workload], Estimated] | None = None
    validated: bool = False
    version: str = "1"

    @property
    def is_here(self) -> bool:
        """Whether requests are timed on it; if not, what is known of them is estimated."""
        return self.provenance == "measured"
