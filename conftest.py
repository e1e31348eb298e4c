"""Wires the checkout: the suites run from here need the package that is installed from here."""

from __future__ import annotations

import importlib.util

import pytest

pytest_plugins = ["pytester"]


def pytest_configure(config: pytest.Config) -> None:
    """Say what is missing instead of 'fixture corridor not found'."""
    if importlib.util.find_spec("tradeoff") is None:
        raise pytest.UsageError(
            f"tradeoff is not installed in this environment; run: pip install -e '{config.rootpath}[all]'"
        )
