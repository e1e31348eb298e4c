"""Views: those that come with the package, and what becomes of any of them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from tradeoff.record import Run
from tradeoff.vocabulary import View

from ..tables.table import Limit, Table
from .files import parse_view
from .tables import Picture

NOTHING = "No measured cell of these runs is asked for by this view."


@cache
def shipped() -> tuple[View, ...]:
    """A view for each file beside this module."""
    places = [place for place in files(__package__ or "").iterdir() if place.name.endswith(".toml")]
    texts = {place.name.removesuffix(".toml"): place.read_text(encoding="utf-8") for place in places}
    return tuple(
        View(name, tomllib.loads(text)["summary"], text, source=f"view {name}") for name, text in sorted(texts.items())
    )


def view_tables(view: View, runs: Sequence[Run], limit: Limit | None = None) -> list[Table]:
    """The tables of a view, whether a file or a function makes them."""
    if view.tables is not None:
        made: Any = view.tables(runs)
        return list(made)
    definition = parse_view(view.definition, view.source or f"view {view.name}")
    return Picture(definition, runs).tables(limit or Limit())
