"""The example backend as a third party ships it: installed, found by its entry point, run, and checked by the kit."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "tradeoff-openvino"

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.skipif(
        importlib.util.find_spec("openvino") is None, reason="openvino is not installed: pip install openvino"
    ),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the example is installed, from a copy: setuptools builds in the folder of the source."""
    source, target = tmp_path_factory.mktemp("source") / EXAMPLE.name, tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(target), str(source)], check=True, capture_output=True)
    return target


@pytest.fixture
def environment(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """As in a shell of a user who has it, in a home folder that is empty."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def run(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)


def test_it_is_listed_with_the_plugin_that_brings_it(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run(tmp_path, environment, "tradeoff", "list")
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if "OpenVINO on the processor" in line)
    assert "openvino" in line


def test_it_keeps_the_contract(tmp_path: Path, environment: dict[str, str]) -> None:
    kit = ("pytest", "--pyargs", "tradeoff.conformance", "-p", "no:cacheprovider", "--tradeoff-backend=openvino")
    done = run(tmp_path, environment, *kit)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    # Importing OpenVINO would send word to its makers, and leave a folder here.
    assert not (tmp_path / "home" / "intel").exists()


def test_its_cells_stand_among_those_of_the_suites(
    tmp_path: Path, environment: dict[str, str], warm_store: Path
) -> None:
    """The suite, the reports and the store have never heard of it."""
    suite = ("pytest", "--pyargs", "tradeoff.suites", "--benchmark-only", "-p", "no:cacheprovider")
    chosen = ("--tradeoff-models=dense", "--tradeoff-techniques=baseline,fp16,int8", "--tradeoff-backends=openvino")
    brief = ("--benchmark-max-time=0.02", "--benchmark-min-rounds=3", f"--tradeoff-store={warm_store}")
    done = run(tmp_path, environment, *suite, *chosen, *brief, f"--tradeoff-output={tmp_path / 'run'}")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    records = records_of(tmp_path / "run")
    float32, half, int8 = (records[f"dense/{chain}/openvino/host-cpu/b1"] for chain in ("baseline", "fp16", "int8"))
    for record in (float32, half):
        assert record["status"] == "measured"
        assert record["measurements"]["accuracy"]["value"] > 0.95
        assert record["measurements"]["latency"]["value"] > 0
    sizes = [record["measurements"]["artifact_bytes"]["value"] for record in (float32, half)]
    assert sizes[1] < 0.7 * sizes[0]
    assert (int8["status"], int8["reason"].partition(":")[0]) == ("skipped", "not implemented here")
    assert "NNCF" in int8["reason"]


def records_of(folder: Path) -> dict[str, dict[str, Any]]:
    data = json.loads((folder / "benchmark.json").read_text(encoding="utf-8"))
    return {record["cell"]: record for record in data["tradeoff"]["records"]}


def test_nothing_else_of_the_project_names_it() -> None:
    """A backend that the project has never heard of needs no edit anywhere."""
    places = [ROOT / name for name in ("src", "backends", "models", "plugins", "reports", "suites")]
    found = [
        path.relative_to(ROOT).as_posix()
        for place in places
        for path in place.rglob("*.py")
        if "tradeoff_openvino" in path.read_text(encoding="utf-8")
    ]
    assert not found
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "tradeoff_openvino" not in project
