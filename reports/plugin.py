"""The built-in reports, registered as anybody else's would be."""

from __future__ import annotations

from collections.abc import Sequence

import tradeoff

from .comma import CommaSeparated
from .junit import JUnit
from .markdown import Markdown
from .page import Page
from .terminal import Terminal


@tradeoff.hookimpl
def tradeoff_renderers() -> Sequence[tradeoff.Renderer]:
    """Terminal, Markdown, CSV, JUnit and the page."""
    return [Terminal(), Markdown(), CommaSeparated(), JUnit(), Page()]
