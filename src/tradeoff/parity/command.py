"""The arguments of ``tradeoff parity``; what does the work is imported when it is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final

from tradeoff.errors import BadInput
from tradeoff.options import BY_NAME, Settings
from tradeoff.registry import PluginSources

SAMPLES: Final = 16
_MOST_SAMPLES: Final = 4096
_OPTIONS: Final = (
    *("model", "data", "preprocess", "kind", "metric", "loss", "outputs", "allow-code"),
    *("seed", "store", "timeout", "memory", "in-process"),
)


def add_parity(
    parser: argparse.ArgumentParser,
    sources_of: Callable[[argparse.Namespace], PluginSources],
    settings_of: Callable[[argparse.Namespace], Settings],
) -> None:
    """The arguments of ``tradeoff parity``."""
    parser.add_argument(
        "cells", nargs="+", metavar="CELL", help="MODEL/CHAIN/BACKEND, as in 'cnn/int8/litert'; a glob may name several"
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=SAMPLES,
        metavar="NUMBER",
        help=f"samples of the test split that both answer (default {SAMPLES})",
    )
    for option in map(BY_NAME.__getitem__, _OPTIONS):
        how: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {"action": "store_true"}
        parser.add_argument(option.flag, f"--{option.name}", dest=option.dest, default=None, help=option.help, **how)
    parser.set_defaults(command=lambda options: _parity(options, sources_of(options), settings_of(options)))


def _parity(options: argparse.Namespace, sources: PluginSources, settings: Settings) -> int:
    from tradeoff.parity.telling import tell

    if not 1 <= options.samples <= _MOST_SAMPLES:
        raise BadInput(f"--samples {options.samples} is out of range; it is a number from 1 to {_MOST_SAMPLES}")
    return tell(options.cells, options.samples, sources, settings)
