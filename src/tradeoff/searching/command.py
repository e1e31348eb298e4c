"""The arguments of ``tradeoff search``; what does the work is imported when it is asked for."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from typing import Any, Final

from tradeoff.decide.amounts import parse_amount
from tradeoff.decide.command import add_wish, wish_of
from tradeoff.decide.wishes import Wish
from tradeoff.errors import BadInput
from tradeoff.options import BY_NAME, Settings, split_words
from tradeoff.registry import PluginSources

TRIALS: Final = 20
#: Deterministic, both of them: what a machine measures would make the same seed find something else.
GOAL: Final = "accuracy>size"
GOAL_THERE: Final = "accuracy>latency"
_HERE: Final = "host-cpu"
_MOST_TRIALS: Final = 100_000
_OPTIONS: Final = (
    *("data", "preprocess", "kind", "metric", "loss", "outputs", "allow-code"),
    *("device-file", "seed", "store", "timeout", "memory", "in-process"),
)


def add_search(
    parser: argparse.ArgumentParser,
    sources_of: Callable[[argparse.Namespace], PluginSources],
    settings_of: Callable[[argparse.Namespace], Settings],
) -> None:
    """The arguments of ``tradeoff search``."""
    parser.add_argument(
        "--model", required=True, metavar="MODEL", help="a model's name, or a file with one of your own"
    )
    parser.add_argument("--device", default=_HERE, metavar="NAME", help=f"what it shall run on (default: {_HERE})")
    add_wish(parser, f"{GOAL}; on a device that is not here {GOAL_THERE}")
    parser.add_argument(
        "--techniques",
        metavar="NAMES",
        help="what may stand in a chain, in its order, as in 'channels,prune:0.5..0.9/5,int8'; 'all' for every one",
    )
    parser.add_argument(
        "--backends", metavar="NAMES", help="what may run it (default: litert, or what stands for the device)"
    )
    parser.add_argument("--trials", type=int, default=TRIALS, metavar="NUMBER", help=f"in all (default {TRIALS})")
    parser.add_argument("--time-budget", metavar="AMOUNT", help="begin no trial after this, as in 10min")
    parser.add_argument("--output", metavar="FOLDER", help="where it lies (default: a folder in .tradeoff/searches)")
    parser.add_argument("--dry-run", action="store_true", help="tell what may be tried, and stop")
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="width of the terminal")
    for option in map(BY_NAME.__getitem__, _OPTIONS):
        how: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {"action": "store_true"}
        parser.add_argument(f"--{option.name}", option.flag, dest=option.dest, default=None, help=option.help, **how)
    parser.set_defaults(command=lambda options: _search(options, sources_of(options), settings_of(options)))


def _search(options: argparse.Namespace, sources: PluginSources, settings: Settings) -> int:
    from tradeoff.searching.running import Manner, run
    from tradeoff.searching.search import Asking, described, search_for

    if not 1 <= options.trials <= _MOST_TRIALS:
        raise BadInput(f"--trials {options.trials} is out of range; it is a number from 1 to {_MOST_TRIALS:,}")
    budget = parse_amount("--time-budget", options.time_budget, "s") if options.time_budget is not None else None
    asking = Asking(
        options.model,
        options.device,
        _wish(options),
        _words("--techniques", options.techniques),
        _words("--backends", options.backends),
    )
    search = search_for(asking, settings, sources)
    first = len(search.yardsticks)
    if options.trials <= first:
        raise BadInput(
            f"--trials {options.trials} are too few: the default matrix, which is tried first, has {first} cells here; "
            f"give {first + 1} or more"
        )
    if options.dry_run:
        print("\n".join(described(search, options.trials)))
        return 0
    if importlib.util.find_spec("optuna") is None:
        raise BadInput("tradeoff search needs optuna, which is not installed: pip install 'tradeoff[search]'")
    return run(search, Manner(options.trials, budget, search.folder(options.output), options.width))


def _words(flag: str, text: str | None) -> tuple[str, ...]:
    words = split_words(text) if text is not None else ()
    if text is not None and not words:
        raise BadInput(f"{flag} is empty; leave it out, or name some")
    return words


def _wish(options: argparse.Namespace) -> Wish:
    """As ``tradeoff recommend`` reads it; a search has one model, one device and one load."""
    one = {"device": "*", "model": "*", "load": "*", "cascade": False, "small": None, "large": None}
    asked = argparse.Namespace(**{**vars(options), **one})
    if asked.objective is None and asked.scenario is None:
        asked.objective = GOAL if options.device == _HERE else GOAL_THERE
    return wish_of(asked)
