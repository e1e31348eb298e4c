"""The arguments of ``tradeoff order``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput, UnknownName
from tradeoff.fingerprint import digest
from tradeoff.options import BY_NAME
from tradeoff.ordering.plan import Ways, ways_of
from tradeoff.own.model_file import safe_name
from tradeoff.registry import Registry

SEEDS: Final = 5
EPOCHS: Final = 12
_MOST_SEEDS: Final = 100
#: Those that speak of the user's own model, and of where and how workers run.
_FORWARDED: Final = (
    *("data", "preprocess", "kind", "metric", "loss", "outputs", "allow-code"),
    *("store", "timeout", "memory", "in-process"),
)


def add_order(parser: argparse.ArgumentParser, registry_of: Callable[[argparse.Namespace], Registry]) -> None:
    """The arguments of ``tradeoff order``."""
    parser.add_argument(
        "--techniques", required=True, metavar="NAMES", help="in any order, as in 'prune:0.8,cluster:16,qat'"
    )
    parser.add_argument(
        "--model", required=True, metavar="MODEL", help="a model's name, or a file with one of your own"
    )
    parser.add_argument("--backend", default="litert", metavar="NAME", help="what runs them (default: litert)")
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="NUMBER", help=f"of each chain in all (default {EPOCHS})"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="NUMBER", help=f"0 to that (default {SEEDS} seeds)")
    parser.add_argument("--output", metavar="FOLDER", help="where the runs go (default: a folder in .tradeoff/orders)")
    parser.add_argument("--dry-run", action="store_true", help="tell the chains and stop")
    for option in map(BY_NAME.__getitem__, _FORWARDED):
        how: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {"action": "store_true"}
        parser.add_argument(f"--{option.name}", option.flag, dest=option.dest, default=None, help=option.help, **how)
    parser.set_defaults(command=lambda options: _order(options, registry_of(options)))


def _order(options: argparse.Namespace, registry: Registry) -> int:
    from tradeoff.ordering.telling import tell
    from tradeoff.ordering.trying import tried

    if not 1 <= options.seeds <= _MOST_SEEDS:
        raise BadInput(f"--seeds {options.seeds} is out of range; it is a number from 1 to {_MOST_SEEDS}")
    words = [word.strip() for word in options.techniques.split(",") if word.strip()]
    ways = ways_of(words, options.epochs, registry.techniques)
    name, own = _model(options.model, registry)
    cells = [f"{name}/{way.chain}/{options.backend}" for way in ways.ways]
    if options.dry_run:
        print("\n".join(_planned(ways, cells, options.seeds)))
        return 0
    folder = Path(options.output or f".tradeoff/orders/{name}-{digest([cells, options.model])[:12]}")
    runs = tried(folder, range(options.seeds), cells, [*own, *_forwarded(options), *_plugins(options)])
    print("\n".join(tell(name, ways, runs)))
    return 0


def _model(word: str, registry: Registry) -> tuple[str, list[str]]:
    """Its name in cells, and what pytest has to be told of it."""
    if word in registry.models:
        return word, []
    path = Path(word).expanduser()
    if path.exists():
        return safe_name(path.stem if path.suffix == ".keras" else path.name, "own"), [f"--tradeoff-model={path}"]
    raise UnknownName("model", word, registry.models, "It may also be a file: my.keras")


def _planned(ways: Ways, cells: list[str], seeds: int) -> list[str]:
    told = f"{len(cells)} chains, each with {ways.epochs} epochs of training in all, for {seeds}"
    return [f"{told} seed{'' if seeds == 1 else 's'}:", *(f"  {cell}" for cell in cells)]


def _forwarded(options: argparse.Namespace) -> list[str]:
    found = []
    for option in map(BY_NAME.__getitem__, _FORWARDED):
        value = getattr(options, option.dest)
        if value is not None:
            found.append(f"{option.flag}={value}" if option.metavar else option.flag)
    return found


def _plugins(options: argparse.Namespace) -> list[str]:
    if options.conftest:
        raise BadInput(f"--conftest {options.conftest}: pytest takes that of the folder it is in; change to there")
    return [f"-p{name}" for name in options.plugins]
