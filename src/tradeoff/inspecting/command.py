"""The arguments of ``tradeoff inspect``; what does the work is imported when it is asked for."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tradeoff.errors import BadInput
from tradeoff.options import BY_NAME, Settings
from tradeoff.registry import PluginSources

_OPTIONS: Final = (
    *("model", "data", "preprocess", "kind", "metric", "loss", "outputs", "allow-code"),
    *("seed", "store", "timeout", "memory", "in-process"),
)
#: Of a run's own options these decide which variants it made; code it may execute is up to whoever looks.
_OF_THE_RUN: Final = ("model", "data", "preprocess", "kind", "metric", "loss", "outputs", "seed", "store")


def add_inspect(
    parser: argparse.ArgumentParser,
    sources_of: Callable[[argparse.Namespace], PluginSources],
    settings_of: Callable[[argparse.Namespace], Settings],
) -> None:
    """The arguments of ``tradeoff inspect``."""
    parser.add_argument(
        "what",
        nargs="+",
        metavar="RUN_OR_CELL",
        help="a run's folder or JSON file, for all its cells; or MODEL/CHAIN/BACKEND, as in 'cnn/prune+int8/litert'",
    )
    parser.add_argument("--width", type=int, metavar="COLUMNS", help="width of the terminal")
    for option in map(BY_NAME.__getitem__, _OPTIONS):
        how: dict[str, Any] = {"metavar": option.metavar} if option.metavar else {"action": "store_true"}
        parser.add_argument(option.flag, f"--{option.name}", dest=option.dest, default=None, help=option.help, **how)
    parser.set_defaults(command=lambda options: _inspect(options, sources_of(options), settings_of(options)))


def _inspect(options: argparse.Namespace, sources: PluginSources, settings: Settings) -> int:
    from tradeoff.inspecting.telling import tell

    width = options.width or shutil.get_terminal_size((100, 24)).columns
    cells: list[str] = []
    for name in options.what:
        if Path(name).exists():
            found, settings = _of_run(name, settings)
            cells += found
        else:
            cells.append(name)
    return tell(list(dict.fromkeys(cells)), sources, settings, width)


def _of_run(name: str, settings: Settings) -> tuple[list[str], Settings]:
    """The cells that a run has measured, and its own options where nobody gives others now."""
    from tradeoff.compare.reading import read_named_run

    run = read_named_run(name)
    built = [record.cell for record in run.records if record.status == "measured" and record.facts.get("variant")]
    cells = [f"{cell.model}/{cell.chain}/{cell.backend}" for cell in built]
    if not cells:
        raise BadInput(f"{name}: none of its cells was built from a model here and measured")
    then = {key: run.options[key] for key in _OF_THE_RUN if run.options.get(key) is not None}
    return list(dict.fromkeys(cells)), replace(settings, values={**then, **settings.values})
