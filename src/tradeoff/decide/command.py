"""``tradeoff recommend``: which of what was measured to ship, and why not the rest."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Final

from tradeoff.decide.as_json import recommendation_to_json
from tradeoff.decide.candidates import DOUBTS
from tradeoff.decide.recommending import recommend
from tradeoff.decide.scenarios import read_scenario, shipped
from tradeoff.decide.wishes import DEFAULT_GOAL, LIMITS, Roles, Wish, check_limits, parse_goal, parse_limit
from tradeoff.errors import BadInput
from tradeoff.exchange.files import WHERE, read_selected
from tradeoff.output import Plugins, complain, renderer_of, room, write
from tradeoff.record import no_collection

#: Nothing fits.
NOTHING: Final = 1
_AMOUNTS: Final = {
    "max-latency": "200ms",
    "max-p99": "50ms",
    "max-ram": "512kB",
    "max-flash": "2MB",
    "max-size": "100kB",
    "max-energy": "1mJ",
    "min-accuracy": "0.9",
    "max-error": "0.3",
    "min-throughput": "30/s",
}


def add_recommend(parser: argparse.ArgumentParser, registry_of: Plugins) -> None:
    """The arguments of ``tradeoff recommend``."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder, its JSON, a journal, rows, or git:TAG")
    for name, about in (("device", "'stm32*'"), ("model", "'cnn*'"), ("load", "b1")):
        parser.add_argument(f"--{name}", metavar="GLOB", help=f"only this {name}, as in {about} (default: all)")
    add_wish(parser, DEFAULT_GOAL)
    parser.add_argument(
        "--cascade",
        action=argparse.BooleanOptionalAction,
        help="let a small model answer what it is sure of, and a large one the rest (default: as the scenario says)",
    )
    for role in ("small", "large"):
        what = f"which cells may be the {role} one of a cascade, by MODEL/CHAIN/BACKEND"
        parser.add_argument(f"--{role}", metavar="GLOB", help=f"{what}, as in 'cnn/*' (default: all)")
    parser.add_argument("--where", default="", metavar="SQL", help=f"{WHERE} (needs DuckDB)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--format", default="terminal", metavar="NAME", help="terminal, markdown, csv (default: terminal)"
    )
    parser.add_argument("--output", metavar="FILE", help="write there instead of to the terminal")
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="width of the terminal")
    parser.set_defaults(command=lambda options: _recommend(options, registry_of))


def add_wish(parser: argparse.ArgumentParser, default: str) -> None:
    """Limits, objective and doubts; :func:`wish_of` reads them.

    :param default: the objective that stands where none is given.
    """
    names = ", ".join(shipped())
    parser.add_argument("--scenario", metavar="NAME", help=f"limits and objective of a TOML file, or of {names}")
    for name, example in _AMOUNTS.items():
        objective, most = LIMITS[name]
        what = f"the {'most' if most else 'least'} that {'an error' if name == 'max-error' else objective} may be"
        parser.add_argument(f"--{name}", metavar="AMOUNT", help=f"{what}, as in {example}")
    parser.add_argument(
        "--objective",
        metavar="GOAL",
        help=f"energy, or 'accuracy:2,latency:1', or 'accuracy>latency' (default: {default!r})",
    )
    parser.add_argument(
        "--allow", action="append", default=[], choices=sorted(DOUBTS), help="put up with this; may be given repeatedly"
    )


def _recommend(options: argparse.Namespace, registry_of: Plugins) -> int:
    wish = wish_of(options)
    renderer = None if options.json else renderer_of(options, registry_of(options))
    with no_collection():
        runs = (read_selected(name, options.where, "decision", complain) for name in options.runs)
        found = recommend([run for some in runs for run in some], wish)
        if renderer is None:
            text = json.dumps(recommendation_to_json(found), indent=2, ensure_ascii=False, allow_nan=False)
        else:
            text = renderer.render_recommendation(found, *room(options))
        write(options, text)
    return 0 if found.found else NOTHING


def wish_of(options: argparse.Namespace) -> Wish:
    """What the command line asks for; it overrides what the scenario says."""
    base = read_scenario(options.scenario) if options.scenario is not None else Wish(parse_goal(DEFAULT_GOAL))
    limits = {limit.name: limit for limit in base.limits}
    for name in LIMITS:
        text = getattr(options, name.replace("-", "_"))
        if text is not None:
            limits[name] = parse_limit(name, text, f"--{name}")
    check_limits(limits.values())
    globs = {name: text for name in ("device", "model", "load") if (text := getattr(options, name)) is not None}
    goal = parse_goal(options.objective) if options.objective is not None else base.goal
    allow = base.allow | frozenset(options.allow)
    cascade = _roles(options, base.cascade)
    return replace(base, goal=goal, limits=tuple(limits.values()), allow=allow, cascade=cascade, **globs)


def _roles(options: argparse.Namespace, scenario: Roles | None) -> Roles | None:
    """Whoever names the parts wants a cascade."""
    named = {role: text for role in ("small", "large") if (text := getattr(options, role)) is not None}
    if options.cascade is False and named:
        raise BadInput(f"--{next(iter(named))} names a part of a cascade, and --no-cascade wants none; leave one out")
    if options.cascade is False or (options.cascade is None and scenario is None and not named):
        return None
    return replace(scenario or Roles(), **named)
