"""What it takes a developer to ship an artifact: facts that a backend declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Platform = Literal["cloud", "edge", "microcontroller"]


@dataclass(frozen=True)
class Effort:
    """The parts of the smallest deployment: a program that loads the artifact and answers one request.

    All of it can be counted; what it counts is named, so that anybody can check it.

    :param platform: what such a program is for: ``cloud``, ``edge`` or ``microcontroller``.
    :param language: that the program is written in.
    :param lines: of it, none blank and no comments.
    :param steps: from the artifact to something that runs, in order.
    :param tools: that these need on the developer's machine, beside Python and pip.
    :param dependencies: that are shipped with the program.
    """

    platform: Platform
    language: str
    lines: int
    steps: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
