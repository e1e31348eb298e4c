"""What commands that show tables have in common: the renderer, the terminal's width, where the text goes."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tradeoff.errors import TradeoffError, UnknownName
from tradeoff.registry import Registry
from tradeoff.text import safe_lines
from tradeoff.vocabulary import Renderer

Plugins = Callable[[argparse.Namespace], Registry]


def renderer_of(options: argparse.Namespace, registry: Registry) -> Renderer:
    """The renderer that ``--format`` names; the terminal's if none is named."""
    name = options.format or "terminal"
    if name not in registry.renderers:
        raise UnknownName("report format", name, registry.renderers)
    return registry.renderers[name]


def room(options: argparse.Namespace) -> tuple[int, bool]:
    """How wide the terminal is, and whether it has colours."""
    width = options.width or shutil.get_terminal_size((100, 24)).columns
    return width, sys.stdout.isatty() and not options.output and "NO_COLOR" not in os.environ


def write(options: argparse.Namespace, text: str) -> None:
    """To the file that ``--output`` names, or to the terminal."""
    if not options.output:
        print(text, end="" if text.endswith("\n") else "\n")
        return
    try:
        Path(options.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TradeoffError(f"--output {options.output} cannot be written: {error}") from error


def complain(line: str) -> None:
    """Beside the result, so that this stays fit for a pipe."""
    print(f"tradeoff: {safe_lines(line)}", file=sys.stderr)
