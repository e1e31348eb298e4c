"""Meters of energy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from tradeoff.vocabulary.common import Provenance, Requirement


class Reading(ABC):
    """A meter that has been opened, in the worker that is measured.

    A subclass sets what it covers and how finely it tells, and has ``read``.
    """

    #: What of the machine it sees: ``package``, ``dram``, ``gpu``, ``soc``, or ``device`` for all of it.
    covers: tuple[str, ...] = ("device",)
    #: The smallest step of its counter, in joules.
    step_joules: float = 0.0
    #: So long may it go on telling the same, in seconds.
    step_seconds: float = 0.0

    @abstractmethod
    def read(self) -> float:
        """Joules so far, from any beginning; it never goes down."""

    def close(self) -> None:  # noqa: B027 - most have nothing to give back
        """Give back what was opened."""


class Meter(ABC):
    """Tells what energy is used. A subclass needs a ``name`` and ``open``; everything else has a default."""

    name: ClassVar[str]
    #: One line for a person.
    summary: ClassVar[str] = ""
    #: What ``open`` imports.
    requires: ClassVar[tuple[Requirement, ...]] = ()
    #: What to give pip when something is missing: ``tradeoff[energy]``.
    install: ClassVar[str] = ""
    #: What its joules are: ``measured`` by a sensor, or ``modelled``.
    provenance: ClassVar[Provenance] = "measured"

    def available(self) -> str:
        """Why it cannot be read here, or nothing; asked in the process that plans, so it imports nothing heavy."""
        return ""

    @abstractmethod
    def open(self) -> Reading:
        """Begin to read; whatever it raises is told as the reason why there is no number."""
