"""Has the checks look at what the options name, and stops with what can be given where they name nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tradeoff.conformance.kit import Kit
from tradeoff.conformance.selection import Selection, select
from tradeoff.errors import TradeoffError
from tradeoff.text import safe_lines

_HERE: Final = Path(__file__).parent
_SELECTION: Final = pytest.StashKey[Selection | TradeoffError]()
#: Which option a file of checks is about.
_ABOUT: Final = {"test_technique.py": "technique", "test_device.py": "device"}
#: It is about backends and devices alike, where one of them is not here.
_ESTIMATES: Final = "test_estimates.py"


def _selection(config: pytest.Config) -> Selection | TradeoffError:
    if _SELECTION not in config.stash:
        try:
            config.stash[_SELECTION] = select(config)
        except TradeoffError as error:
            config.stash[_SELECTION] = error
    return config.stash[_SELECTION]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the checks of what no option names."""
    if collection_path.parent != _HERE or not collection_path.name.startswith("test_"):
        return None
    if collection_path.name == _ESTIMATES:
        selection = _selection(config)
        return True if isinstance(selection, TradeoffError) or not selection.estimated else None
    kind = _ABOUT.get(collection_path.name, "backend")
    return True if config.getoption(f"tradeoff_{kind}") is None else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say what is wrong with the selection."""
    selection = _selection(config)
    if isinstance(selection, TradeoffError):
        items.clear()
        raise pytest.UsageError(safe_lines(str(selection)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check for each thing that is looked at, and for each precision where it is about one."""
    selection = _selection(metafunc.config)
    if isinstance(selection, TradeoffError):
        # What is wrong is told when collection is over.
        selection = Selection()
    names = set(metafunc.fixturenames)
    if {"subject", "precision"} <= names:
        pairs = [(subject, precision) for subject in selection.backends for precision in subject.can.precisions]
        ids = [f"{subject.choice.spelling}-{precision}" for subject, precision in pairs]
        metafunc.parametrize(("subject", "precision"), pairs, ids=ids)
    elif "estimated" in names:
        pairs = [(subject, precision) for subject in selection.estimated for precision in subject.can.precisions]
        ids = [f"{subject.choice.spelling}-{subject.device}-{precision}" for subject, precision in pairs]
        metafunc.parametrize(("estimated", "precision"), pairs, ids=ids)
    elif "subject" in names:
        _parametrize(metafunc, "subject", selection.backends, lambda subject: subject.choice.spelling)
    if "step" in names:
        _parametrize(metafunc, "step", selection.techniques, lambda step: step.spelling)
    if "device" in names:
        _parametrize(metafunc, "device", selection.devices, str)


def _parametrize(metafunc: pytest.Metafunc, name: str, things: tuple[Any, ...], spelled: Callable[[Any], str]) -> None:
    metafunc.parametrize(name, things, ids=[spelled(thing) for thing in things])


@pytest.fixture(scope="session")
def kit(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    """Workers, and what they have converted."""
    selection = _selection(pytestconfig)
    assert isinstance(selection, Selection)
    made = Kit(selection.registry, selection.sources, tmp_path_factory.mktemp("conformance"))
    yield made
    made.close()
