"""The built-in reports, registered as anybody else's would be."""

from __future__ import annotations

from collections.abc import Sequence

import tradeoff

from .comma import CommaSeparated
from .junit import JUnit
from .markdown import Markdown
from .narrative import VIEW as NARRATIVE
from .page import Page
from .platforms import VIEW as PLATFORMS
from .terminal import Terminal
from .views import shipped


@tradeoff.hookimpl
def tradeoff_renderers() -> Sequence[tradeoff.Renderer]:
    """Terminal, Markdown, CSV, JUnit and the page."""
    return [Terminal(), Markdown(), CommaSeparated(), JUnit(), Page()]


@tradeoff.hookimpl
def tradeoff_views() -> Sequence[tradeoff.View]:
    """Tables of record, each a small file, and what no such file can say."""
    return [*shipped(), PLATFORMS, NARRATIVE]
