"""Views: tables that a person asks for by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class View:
    """A way to lay out rows that were measured, beside the report itself.

    :param name: how it is spelled in ``tradeoff report --view``.
    :param summary: one line for a person.
    :param definition: which rows and columns it has, as the text of a TOML file.
    :param tables: for what no such file can say: takes the runs, gives tables (``reports/tables/table.py``).
    :param source: how an error calls the definition.
    """

    name: str
    summary: str = ""
    definition: str = ""
    tables: Callable[[Any], Any] | None = None
    source: str = ""
