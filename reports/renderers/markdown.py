"""Tables for a pull request or a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import tradeoff

from ..tables.by_operator import by_operator
from ..tables.comparison import for_a_comment, headline
from ..tables.over_time import over_time
from ..tables.recommendation import answers_first
from ..tables.report import NOTHING, report
from ..tables.table import Cell, Column, Limit, Quote, Table
from ..views.shipped import NOTHING as NOTHING_ASKED
from ..views.shipped import view_tables

# A comment on GitHub ends at 65,536 characters.
_LIMIT: Final = Limit(rows=25, total=150)
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]#|])")
#: A single tilde before a digit is the mark of a modelled number; two tildes would strike out.
_TILDE: Final = re.compile(r"~(?!\d)")
#: What becomes a link, or calls somebody, without any other sign: addresses and names behind an @.
_LINKS: Final = re.compile(
    r"(?i)(?<=\bwww)\.|(?<=[a-z]):(?=//)|(?<!\w)@(?=\w)|(?<=\w)@(?=[\w.-]+\.\w)|(?<=\bmailto):|(?<=\bxmpp):"
)


class Markdown(tradeoff.Renderer):
    """GitHub's Markdown: one heading and one table for each model under the same conditions."""

    name = "markdown"
    suffix = ".md"
    summary = "tables for a pull request"

    def render(self, runs: Any, width: int, colour: bool) -> str:
        """The report over ``runs``; Markdown has neither width nor colour."""
        told: set[str] = set()
        blocks = [block for table in report(runs, _LIMIT) for block in _blocks(table, told)]
        return "\n\n".join(blocks or [NOTHING]) + "\n"

    def render_comparison(self, outcome: Any, width: int, colour: bool) -> str:
        """A comment for a pull request: what matters first, the rest folded."""
        told: set[str] = set()
        first, rest = for_a_comment(outcome)
        verdict = "" if not outcome.judgements else ": passed" if outcome.passed else ": **failed**"
        folded = [block for table in rest for block in _blocks(table, told)]
        blocks = [
            f"## tradeoff{verdict}",
            escape(headline(outcome)),
            *(block for table in first for block in _blocks(table, told)),
            *(["<details><summary>everything else</summary>", *folded, "</details>"] if folded else []),
        ]
        return "\n\n".join(blocks) + "\n"

    def render_history(self, series: Any, width: int, colour: bool) -> str:
        """Values over time, and where they changed."""
        told: set[str] = set()
        return "\n\n".join(block for table in over_time(series, 25) for block in _blocks(table, told)) + "\n"

    def render_profiles(self, profiles: Any, width: int, colour: bool) -> str:
        """Where requests go, a table for each cell."""
        told: set[str] = set()
        return "\n\n".join(block for table in by_operator(profiles) for block in _blocks(table, told)) + "\n"

    def render_recommendation(self, found: Any, width: int, colour: bool) -> str:
        """What to ship first, then what the limits cost and why nothing else."""
        told: set[str] = set()
        return "\n\n".join(block for table in answers_first(found) for block in _blocks(table, told)) + "\n"

    def render_view(self, view: Any, runs: Any, width: int, colour: bool) -> str:
        """The tables of a view; what leads to another row does so by a link."""
        told: set[str] = set()
        blocks = [block for table in view_tables(view, runs, _LIMIT) for block in _blocks(table, told)]
        return "\n\n".join(blocks or [NOTHING_ASKED]) + "\n"


def _blocks(table: Table, told: set[str]) -> Iterator[str]:
    yield f"### {escape(table.title)}"
    yield "\n".join(_lines(table))
    yield from (_quote(quote) for quote in table.quotes)
    notes = [note for note in table.notes if not note.mark and note.text not in told]
    told.update(note.text for note in notes if note.once)
    if notes:
        yield "\n".join(f"- {escape(note.text)}" for note in notes)


def _lines(table: Table) -> Iterator[str]:
    yield _line(escape(column.header) for column in table.columns)
    yield _line(_rule(column) for column in table.columns)
    for row in table.rows:
        yield _line(map(_cell, row))


def _cell(cell: Cell) -> str:
    text = ", ".join(f"[{escape(text)}](#{anchor})" for text, anchor in cell.links) or escape(cell.text)
    return f'<a name="{cell.anchor}"></a>{text}' if cell.anchor else text


def _rule(column: Column) -> str:
    return "---:" if column.align == "right" else ":---"


def _line(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _quote(quote: Quote) -> str:
    """A block of code, fenced by more backticks than it holds."""
    text = "\n".join(quote.lines)
    fence = "`" * (1 + max(2, *(len(run) for run in re.findall(r"`+", text)), 0))
    return f"{escape(quote.title)}\n\n{fence}text\n{text}\n{fence}"


def escape(text: str) -> str:
    """The text as Markdown that shows exactly this text, in one line."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _TILDE.sub(r"\\~", _SPECIAL.sub(r"\\\1", line))
    # A comment shows nothing, and keeps apart what would be read together.
    return _LINKS.sub(lambda found: f"{found[0]}<!-- -->", line)
