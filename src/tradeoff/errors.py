"""What can go wrong, told so that a person knows what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final, Literal

#: So many names are told, and so many letters make two names alike.
_MANY: Final = 20
_ALIKE: Final = 3
#: Why a cell cannot exist. A small vocabulary: reports group by it, tests assert on it.
Reason = Literal[
    "not installed",
    "not supported by format",
    "not implemented here",
    "no such device",
]


class TradeoffError(Exception):
    """The base of every error that a person can mend; its text is shown without a traceback."""


class UnknownName(TradeoffError):
    """A name that nothing is registered under; offers the nearest that is."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        choices = sorted(known)
        near = nearest(name, choices)
        message = f"unknown {kind} {name!r}"
        message += f"; did you mean {near!r}?" if near else "."
        message += f" Known: {_told(name, choices)}."
        super().__init__(f"{message} {hint}".rstrip())
        self.name = name
        self.near = near


def _told(name: str, choices: Sequence[str]) -> str:
    """All of them, or of very many those that begin like what was said, and how many others there are."""
    if len(choices) <= _MANY:
        return ", ".join(choices) or "none"
    alike = [choice for choice in choices if choice[:_ALIKE].lower() == name[:_ALIKE].lower()] or choices
    shown = alike[:_MANY]
    return f"{', '.join(shown)} and {len(choices) - len(shown)} more"


class BadInput(TradeoffError):
    """A file, an option or a spelling that cannot be used."""


class Refused(TradeoffError):
    """A backend or technique declines a cell, with a reason from the vocabulary.

    Raise it from ``Backend.convert`` or ``Backend.load`` when the file at hand turns out to be
    impossible; declare it in ``Capabilities.refusals`` when it is known beforehand.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The registered name that was most likely meant."""
    folded = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    return folded[found[0]] if found else None
