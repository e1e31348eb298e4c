"""``tradeoff compare``, ``history`` and ``profile``: two runs against each other, many over time, one by operator."""

from __future__ import annotations

import argparse

from tradeoff.compare.comparing import compare
from tradeoff.compare.gate import Outcome, judge, parse_limits
from tradeoff.compare.history import histories
from tradeoff.compare.profiles import profiles_of
from tradeoff.compare.reading import read_named_run
from tradeoff.errors import BadInput
from tradeoff.output import Plugins, complain, renderer_of, room, write
from tradeoff.record import no_collection

#: A limit is broken, or could not be judged.
BROKEN = 1
_RUN = "a run's folder, its JSON file, a journal, git:TAG or git:TAG:path/to/FILE.json"


def add_compare(parser: argparse.ArgumentParser, registry_of: Plugins) -> None:
    """The arguments of ``tradeoff compare``."""
    parser.add_argument("old", metavar="OLD", help=_RUN)
    parser.add_argument("new", metavar="NEW", help="the run that is judged; written like OLD")
    parser.add_argument("--fail", metavar="LIMITS", help="exit with 1 when it is worse: 'latency:5%%,accuracy:0.5pt'")
    parser.add_argument("--force", action="store_true", help="compare times of different machines all the same")
    _add_output(parser, "terminal, markdown, csv, junit")
    parser.set_defaults(command=lambda options: _compare(options, registry_of))


def add_history(parser: argparse.ArgumentParser, registry_of: Plugins) -> None:
    """The arguments of ``tradeoff history``."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help=_RUN)
    parser.add_argument("--cell", default="*", metavar="GLOB", help="only these cells: 'cnn/int8/*'")
    parser.add_argument("--measurement", default="latency", metavar="NAME", help="which (default: latency)")
    _add_output(parser, "terminal, markdown, csv")
    parser.set_defaults(command=lambda options: _history(options, registry_of))


def add_profile(parser: argparse.ArgumentParser, registry_of: Plugins) -> None:
    """The arguments of ``tradeoff profile``."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help=_RUN)
    parser.add_argument("--cell", default="*", metavar="GLOB", help="only these cells: 'cnn/int8/*'")
    _add_output(parser, "terminal, markdown, csv")
    parser.set_defaults(command=lambda options: _profile(options, registry_of))


def _add_output(parser: argparse.ArgumentParser, formats: str) -> None:
    parser.add_argument("--format", default="terminal", metavar="NAME", help=f"{formats} (default: terminal)")
    parser.add_argument("--output", metavar="FILE", help="write there instead of to the terminal")
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="width of the terminal")


def _compare(options: argparse.Namespace, registry_of: Plugins) -> int:
    limits = parse_limits(options.fail) if options.fail is not None else ()
    renderer = renderer_of(options, registry_of(options))
    with no_collection():
        found = compare(read_named_run(options.old), read_named_run(options.new), force=options.force)
        outcome = Outcome(found, judge(found, limits) if limits else ())
        write(options, renderer.render_comparison(outcome, *room(options)))
    for one in outcome.judgements:
        if not one.passed and options.output:
            complain(one.text)
    return 0 if outcome.passed else BROKEN


def _history(options: argparse.Namespace, registry_of: Plugins) -> int:
    renderer = renderer_of(options, registry_of(options))
    with no_collection():
        series = histories([read_named_run(name) for name in options.runs], options.measurement, options.cell)
        write(options, renderer.render_history(series, *room(options)))
    return 0


def _profile(options: argparse.Namespace, registry_of: Plugins) -> int:
    renderer = renderer_of(options, registry_of(options))
    with no_collection():
        found = profiles_of([read_named_run(name) for name in options.runs], options.cell)
        if not found:
            raise BadInput("none of these cells has a profile: their runtimes cannot tell, or nothing was timed")
        write(options, renderer.render_profiles(found, *room(options)))
    return 0
