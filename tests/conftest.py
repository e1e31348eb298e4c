"""A trained model, made once a session and kept in a store that every test of the plugin shares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from user_project import NUMPY_BACKEND, QUICK, SUITE, Project


def pytest_configure(config: pytest.Config) -> None:
    """Tests start pytest themselves; that one is not part of the distributed run, and must not take itself for one.

    It has a home of its own, and would put the library of the page together again: the cache is that of all tests.
    """
    os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    if hasattr(config, "workerinput"):
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
            del os.environ[name]


@pytest.fixture(scope="session")
def warm_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the dense net trained and converted for the backend of :data:`NUMPY_BACKEND`."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "conftest.py").write_text(NUMPY_BACKEND, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *SUITE, *QUICK, "--tradeoff-cells=dense/baseline/numpy"]
    environment = {**os.environ, "TRADEOFF_STORE": str(folder / "store")}
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder / "store"


@pytest.fixture
def project(pytester: pytest.Pytester, warm_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A user's folder; the trained model is in the store already."""
    monkeypatch.setenv("TRADEOFF_STORE", str(warm_store))
    made = Project(pytester)
    made.conftest()
    return made
