"""Reports in one format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from tradeoff.errors import BadInput


class Renderer(ABC):
    """Writes the tables of any number of runs in one format."""

    name: ClassVar[str]
    #: Of the file it makes, with the dot; empty for the terminal.
    suffix: ClassVar[str] = ""
    summary: ClassVar[str] = ""

    @abstractmethod
    def render(self, runs: Any, width: int, colour: bool) -> str:
        """The report over ``runs``, a sequence of :class:`tradeoff.record.Run`."""

    def render_pictures(self, runs: Any) -> Iterable[tuple[str, bytes]]:
        """Files of pictures for ``runs``, each a name with its ending and the content; a format need not have any."""
        return ()

    def render_comparison(self, outcome: Any, width: int, colour: bool) -> str:
        """Two runs compared, a :class:`tradeoff.compare.gate.Outcome`; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show comparisons")

    def render_history(self, series: Any, width: int, colour: bool) -> str:
        """Values over time, a sequence of :class:`tradeoff.compare.history.Series`; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show histories")

    def render_profiles(self, profiles: Any, width: int, colour: bool) -> str:
        """Cells by operator, each a :class:`tradeoff.compare.profiles.CellProfile`; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show profiles")

    def render_recommendation(self, found: Any, width: int, colour: bool) -> str:
        """What to ship, a :class:`tradeoff.decide.advice.Recommendation`; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show recommendations")

    def render_view(self, view: Any, runs: Any, width: int, colour: bool) -> str:
        """The tables of a :class:`tradeoff.View` over ``runs``; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show views")
