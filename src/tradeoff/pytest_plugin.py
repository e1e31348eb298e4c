"""What pytest loads at every start: the options, and the fixture that turns a test into cells.

Everything else waits until a test asks for the fixture; a session without cells pays for none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tradeoff.options import KIT_OPTIONS, OPTIONS

if TYPE_CHECKING:
    from tradeoff.corridor import Corridor
    from tradeoff.pytest_cells import Cells

FIXTURE: Final = "corridor"
_CELLS: Final = pytest.StashKey["Cells"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the tables in :mod:`tradeoff.options`."""
    group = parser.getgroup("tradeoff", "tradeoff: which compressed model, on which runtime, for which device")
    for option in (*OPTIONS, *KIT_OPTIONS):
        if option.metavar:
            group.addoption(option.flag, dest=option.dest, metavar=option.metavar, default=None, help=option.help)
        else:
            group.addoption(option.flag, dest=option.dest, action="store_true", default=None, help=option.help)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one item of each cell."""
    if FIXTURE in metafunc.fixturenames:
        metafunc.parametrize(FIXTURE, _cells(metafunc.config).parameters(), indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A manifest is about cells: under ``--tradeoff-rerun`` no other test of a folder that it names is run."""
    if config.getoption("tradeoff_rerun"):
        others = [item for item in items if FIXTURE not in getattr(item, "fixturenames", ())]
        items[:] = [item for item in items if item not in others]
        if others:
            config.hook.pytest_deselected(items=others)


def _cells(config: pytest.Config) -> Cells:
    """The hooks of a session that has cells, registered when the first test asks for one."""
    if _CELLS not in config.stash:
        from tradeoff.pytest_cells import Cells

        config.stash[_CELLS] = Cells(config)
        config.pluginmanager.register(config.stash[_CELLS], "tradeoff-cells")
    return config.stash[_CELLS]


@pytest.fixture
def corridor(request: pytest.FixtureRequest) -> Corridor:
    """One cell's way from its model to its record: ``build``, ``convert``, ``evaluate``, ``time``."""
    return _cells(request.config).corridor(request.node, request.param)
