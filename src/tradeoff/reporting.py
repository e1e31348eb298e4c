"""``tradeoff report``: tables, views, pages, pictures and rows from saved runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tradeoff.errors import TradeoffError
from tradeoff.exchange.files import WHERE, read_selected, write_rows, writes_rows
from tradeoff.exchange.selecting import Purpose
from tradeoff.output import Plugins, complain, renderer_of, room, write
from tradeoff.record import Run, no_collection
from tradeoff.registry import Registry
from tradeoff.view_choice import LIST, find_view, list_views


def add_report(parser: argparse.ArgumentParser, registry_of: Plugins) -> None:
    """The arguments of ``tradeoff report``."""
    parser.add_argument("runs", nargs="*", metavar="RUN.json", help="a JSON file that a run has written, or its folder")
    parser.add_argument("--format", metavar="NAME", help="terminal, markdown, csv, junit, html (default: terminal)")
    parser.add_argument(
        "--view", metavar="NAME", help="these tables instead of all: a view's name, your own .toml file, or list"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write there, not to the terminal: all rows, if it is .parquet or .json",
    )
    parser.add_argument("--where", default="", metavar="SQL", help=f"{WHERE} (needs DuckDB)")
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="width of the terminal")
    parser.add_argument("--pictures", metavar="FOLDER", help="write the pictures there as well, as SVG and PNG")
    parser.set_defaults(command=lambda options: _report(options, registry_of(options), parser))


def _report(options: argparse.Namespace, registry: Registry, parser: argparse.ArgumentParser) -> int:
    renderer = renderer_of(options, registry)
    rows = Path(options.output) if options.output and not options.format and writes_rows(options.output) else None
    if rows and options.view:
        raise TradeoffError(f"--output {options.output} has all rows; leave out --view, or name a --format")
    if options.view == LIST:
        print("\n".join(list_views(registry.views)))
        return 0
    if not options.runs:
        parser.error("name a run: a JSON file that it has written, or its folder")
    view = find_view(options.view, registry.views) if options.view is not None else None
    with no_collection():
        purpose: Purpose = "all" if rows else "report"
        runs = [run for name in options.runs for run in read_selected(name, options.where, purpose, complain)]
        if options.pictures:
            _write_pictures(registry, runs, Path(options.pictures))
        if rows:
            write_rows(runs, rows)
            return 0
        size = room(options)
        write(options, renderer.render_view(view, runs, *size) if view else renderer.render(runs, *size))
    return 0


def _write_pictures(registry: Registry, runs: Sequence[Run], folder: Path) -> None:
    """The pictures of every renderer that draws any; what is a text among them is told as well."""
    written, told = 0, []
    for renderer in registry.renderers.values():
        for name, content in renderer.render_pictures(runs):
            if Path(name).name != name:
                raise TradeoffError(f"renderer {renderer.name} names a picture {name!r}; expected the name of a file")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            except OSError as error:
                raise TradeoffError(f"--pictures {folder} cannot be written: {error}") from error
            written += 1
            told += content.decode().splitlines() if name.endswith(".txt") else []
    for line in (f"{written:,} files in {folder}", *told):
        complain(line)
