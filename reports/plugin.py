"""The built-in reports, registered as anybody else's would be."""

from __future__ import annotations

from collections.abc import Sequence

import tradeoff

from .narrative.view import VIEW as NARRATIVE
from .page.renderer import Page
from .renderers.comma import CommaSeparated
from .renderers.junit import JUnit
from .renderers.markdown import Markdown
from .renderers.terminal import Terminal
from .tables.platforms import VIEW as PLATFORMS
from .tables.steps import VIEW as STEPS
from .views.shipped import shipped


@tradeoff.hookimpl
def tradeoff_renderers() -> Sequence[tradeoff.Renderer]:
    """Terminal, Markdown, CSV, JUnit and the page."""
    return [Terminal(), Markdown(), CommaSeparated(), JUnit(), Page()]


@tradeoff.hookimpl
def tradeoff_views() -> Sequence[tradeoff.View]:
    """Tables of record, each a small file, and what no such file can say."""
    return [*shipped(), STEPS, PLATFORMS, NARRATIVE]
