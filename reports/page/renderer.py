"""One page that holds everything it needs: tables, pictures and the library that draws them. Nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Any, Final

import tradeoff
from tradeoff.record import Run

from ..pictures.cascade import pictures_of
from ..pictures.drawing import INSTALL, drawn, script
from ..pictures.gallery import Gallery, as_files, gallery
from ..pictures.looks import config
from ..tables.by_operator import by_operator
from ..tables.comparison import for_a_comment, headline
from ..tables.format import printable
from ..tables.fronts import Fronts
from ..tables.over_time import over_time
from ..tables.recommendation import answers_first
from ..tables.report import NOTHING, sections
from ..tables.sensitivity import sensitivity_tables
from ..tables.steps import step_tables
from ..tables.table import Limit, Table
from ..tables.trainings import training_tables
from ..views.shipped import view_tables
from .parts import glance, picture_html
from .tables import tables_html

#: The page finds a cell among many, so that few have to be left out.
_LIMIT: Final = Limit(rows=1000, total=2000)
_HISTORY: Final = 500
#: Nothing from anywhere else, whatever a name says; the library makes functions of its expressions.
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_FOOTER: Final = (
    "<footer>Made by <b>tradeoff</b>. This page holds all it needs: it can be kept, sent and read without a network."
    "</footer>"
)
_Sections = Sequence[tuple[str, Sequence[Table]]]


class Page(tradeoff.Renderer):
    """A page to read, to search, to print and to send on."""

    name = "html"
    suffix = ".html"
    summary = "one page with tables to sort and filter, and pictures; opens without a network"

    def render(self, runs: Any, width: int, colour: bool) -> str:
        """The report over ``runs``; a page has neither width nor colour."""
        fronts = Fronts(runs)
        shown = gallery(runs, fronts)
        *parts, where = sections(runs, _LIMIT, fronts) or [("", [])]
        details = [
            ("Step by step", step_tables(runs)),
            ("Trainings", training_tables(runs)),
            ("Sensitivity", sensitivity_tables(runs)),
        ]
        return _page(_title(runs), _facts(runs), [*parts, *details, where], shown)

    def render_view(self, view: Any, runs: Any, width: int, colour: bool) -> str:
        """The tables of one view."""
        tables = view_tables(view, runs, _LIMIT)
        told = view.summary or view.name
        return _page(f"{_title(runs)}: {view.name}", _facts(runs), [(told[:1].upper() + told[1:], tables)])

    def render_pictures(self, runs: Any) -> Iterator[tuple[str, bytes]]:
        """Each picture as SVG and as PNG, and a text that says what could not be drawn."""
        shown = gallery(runs)
        look = config("light", "Arial, Helvetica, sans-serif")
        for name, spec in as_files(shown):
            svg, png = drawn(spec, look)
            yield f"{name}.svg", svg.encode()
            yield f"{name}.png", png
        if shown.left_out:
            yield "left-out.txt", "".join(f"{line}\n" for line in shown.left_out).encode()

    def render_comparison(self, outcome: Any, width: int, colour: bool) -> str:
        """Two runs compared: what matters first."""
        first, rest = for_a_comment(outcome)
        verdict = "" if not outcome.judgements else ": passed" if outcome.passed else ": failed"
        return _page(f"Comparison{verdict}", [headline(outcome)], [("What matters", first), ("Everything else", rest)])

    def render_history(self, series: Any, width: int, colour: bool) -> str:
        """Values over time, and where they changed."""
        return _page("History", [], [("Over time", over_time(series, _HISTORY))])

    def render_profiles(self, profiles: Any, width: int, colour: bool) -> str:
        """Where requests go, a table for each cell."""
        return _page("Profiles", [], [("By operator", by_operator(profiles))])

    def render_recommendation(self, found: Any, width: int, colour: bool) -> str:
        """What to ship first, then what the limits cost and why nothing else."""
        shown = Gallery(pictures=tuple(pictures_of(found)))
        return _page("Recommendation", [], [("What to ship", answers_first(found))], shown)


def _title(runs: Sequence[Run]) -> str:
    return f"{len(runs)} runs" if len(runs) > 1 else printable(runs[0].name, 100) if runs else "No run"


def _facts(runs: Sequence[Run]) -> list[str]:
    """What a reader asks first: how many cells, when and where."""
    if not runs:
        return [NOTHING]
    records = [record for run in runs for record in run.records]
    measured = sum(record.status == "measured" for record in records)
    models = len({record.cell.model for record in records})
    facts = [f"{measured:,} of {len(records):,} cells measured", f"{models:,} model{'' if models == 1 else 's'}"]
    if len(runs) == 1:
        machine = runs[0].machine
        facts += [runs[0].started.replace("T", " ")[:16] + " UTC"]
        facts += [str(machine[name]) for name in ("node", "processor") if machine.get(name)]
        facts += [f"{machine['cores']} cores"] if machine.get("cores") else []
    return [printable(fact, 100) for fact in facts]


# --- the page ---------------------------------------------------------------------------------------


def _page(title: str, facts: Sequence[str], parts: _Sections, shown: Gallery | None = None) -> str:
    """Head, tools, what is seen first, pictures, tables; then data, library and behaviour."""
    pictures = shown if shown is not None and shown.pictures else None
    vega = script() if pictures else None
    filled = [(name, tables) for name, tables in parts if tables]
    named = escape(title)
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en" data-theme="auto"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark"><meta name="generator" content="tradeoff">',
            f"<title>{named} · tradeoff</title><style>{_part('page.css')}</style></head><body>",
            *_header(named, facts, filled, shown),
            '<main id="content">',
            *(_pictures(shown, vega is not None) if shown is not None else ()),
            *_sections(filled),
            "</main>",
            _FOOTER,
            '<div id="said" class="hidden" role="status" aria-live="polite"></div>',
            *([_data(pictures)] if pictures and vega else []),
            f"<script>{_part('page.js')}</script>",
            *([f"<script>{vega}</script>"] if vega else []),
            "</body></html>\n",
        )
    )


def _header(title: str, facts: Sequence[str], parts: _Sections, shown: Gallery | None) -> Iterator[str]:
    links = [("pictures", "Pictures")] * bool(shown and shown.pictures)
    links += [(_anchor(name), name) for name, _ in parts]
    yield '<a class="skip" href="#content">Skip to the content</a><header class="top">'
    yield f'<p class="brand">tradeoff</p><h1>{title}</h1>'
    yield f'<p class="facts">{"".join(f"<span>{escape(fact)}</span>" for fact in facts)}</p></header>'
    yield '<div class="tools" role="search"><nav aria-label="Sections">'
    yield "".join(f'<a href="#{anchor}">{name}</a>' for anchor, name in links)
    yield (
        "</nav><label class=find><span class=hidden>Filter rows and pictures</span>"
        '<input id="find" type="search" placeholder="Filter: int8 litert -keras" autocomplete="off" '
        'spellcheck="false" aria-describedby="find-help"></label>'
        '<span id="find-help" class="hidden">All words must be in a row; a word behind a minus sign must not.</span>'
        '<button type="button" id="columns" aria-pressed="false">All columns</button>'
        '<button type="button" id="theme" aria-label="Colours: as the system has them">\u25d0 Auto</button></div>'
    )


def _pictures(shown: Gallery, drawable: bool) -> Iterator[str]:
    if not shown.pictures:
        return
    yield '<section id="pictures" aria-labelledby="pictures-title">'
    yield '<div class="bar"><h2 id="pictures-title">Pictures</h2>'
    if len(shown.scenes) > 1:
        options = "".join(f'<option value="{s.number}">{escape(s.title)}</option>' for s in shown.scenes)
        yield f'<label class="choose">Cells of <select id="scene">{options}</select></label>'
    yield "</div>"
    yield from glance(shown.scenes)
    if drawable:
        yield '<div class="pictures">'
        yield from (picture_html(place, picture) for place, picture in enumerate(shown.pictures))
        yield "</div>"
    else:
        yield f'<p class="absent">Pictures need vl-convert-python: <code>{escape(INSTALL)}</code>, then again.</p>'
    if shown.left_out:
        yield '<ul class="notes"><li>Not drawn:</li>'
        yield from (f"<li>{escape(line)}</li>" for line in shown.left_out)
        yield "</ul>"
    yield "</section>"


def _sections(parts: _Sections) -> Iterator[str]:
    told: set[str] = set()
    count = 1
    for name, tables in parts:
        yield f'<section id="{_anchor(name)}"><h2>{escape(name)}</h2>'
        yield from tables_html(tables, told, count)
        yield "</section>"
        count += len(tables)


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")


def _data(shown: Gallery) -> str:
    """All points once, and of each picture how they are drawn."""
    pictures = [
        {"spec": one.spec, **({"values": one.values} if one.values else {}), "group": one.group}
        for one in shown.pictures
    ]
    looks = {"light": config("light"), "dark": config("dark")}
    text = as_json({"cells": shown.points, "pictures": pictures, "looks": looks})
    return f'<script type="application/json" id="data">{text}</script>'


def as_json(data: Mapping[str, Any]) -> str:
    """JSON in which nothing ends the script that it stands in."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@lru_cache
def _part(name: str) -> str:
    return files(__package__ or "").joinpath(name).read_text(encoding="utf-8")
