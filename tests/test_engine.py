"""Engine: which engine Keras runs on is known without importing one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tradeoff import engine
from tradeoff.errors import UnknownName
from tradeoff.vocabulary import Requirement


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Requirement]:
    """Engines by name, of which JAX and PyTorch are 'installed': modules that are always there."""
    found = {
        "tensorflow": Requirement("no_such_module", "tensorflow"),
        "jax": Requirement("json", "jax"),
        "torch": Requirement("json", "torch"),
    }
    monkeypatch.setattr(engine, "ENGINES", found)
    return found


def configure(folder: Path, text: str) -> None:
    (folder / "keras.json").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("installed")
def test_the_environment_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configure(tmp_path, json.dumps({"backend": "torch"}))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert engine.keras_engine() == "jax"


@pytest.mark.usefixtures("installed")
def test_then_the_configuration_file(tmp_path: Path) -> None:
    configure(tmp_path, json.dumps({"backend": "torch"}))
    assert engine.keras_engine() == "torch"


@pytest.mark.usefixtures("installed")
def test_then_the_first_that_is_installed() -> None:
    assert engine.keras_engine() == "jax"


@pytest.mark.usefixtures("installed")
def test_a_configured_engine_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    configure(tmp_path, json.dumps({"backend": "tensorflow"}))
    assert engine.keras_engine() == "jax"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"backend": 3}'])
def test_a_broken_configuration_file_is_passed_over(tmp_path: Path, text: str) -> None:
    configure(tmp_path, text)
    assert engine.keras_engine() == "jax"


def test_an_engine_that_was_asked_for_and_is_missing_is_what_must_be_installed(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, Requirement]
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert engine.engine_requirement() == installed["tensorflow"]
    assert engine.KERAS in engine.engine_requirements()


def test_an_unknown_engine_is_named_where_it_would_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensrflow")
    assert not engine.engine_requirement().installed()
    with pytest.raises(UnknownName, match=r"did you mean 'tensorflow'.*Set KERAS_BACKEND"):
        engine.training_environment()


@pytest.mark.parametrize("name", list(engine.ENGINES))
def test_an_environment_sets_engine_and_threads_before_the_import(name: str) -> None:
    variables = dict(engine.engine_environment(name, threads=3).variables)
    assert variables["KERAS_BACKEND"] == name
    assert variables["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize("name", list(engine.ENGINES))
def test_thread_counts_are_environments_of_their_own(name: str) -> None:
    one, two = engine.engine_environment(name), engine.engine_environment(name, threads=2)
    assert one != two
    assert one.name == f"keras on {name}"
    assert one.name != two.name


@pytest.mark.parametrize("name", list(engine.ENGINES))
def test_a_gpu_is_seen_only_where_the_cell_names_it(name: str) -> None:
    cpu, gpu = (dict(engine.engine_environment(name, device=device).variables) for device in ("host-cpu", "host-gpu"))
    assert cpu["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "CUDA_VISIBLE_DEVICES" not in gpu
    assert engine.engine_environment(name, device="host-gpu").name == f"keras on {name}, GPU"


def test_jax_takes_the_platform_of_the_device_and_not_all_of_its_memory() -> None:
    cpu, gpu = (dict(engine.engine_environment("jax", device=device).variables) for device in ("host-cpu", "host-gpu"))
    assert cpu["JAX_PLATFORMS"] == "cpu"
    assert gpu["JAX_PLATFORMS"] in ("cuda,cpu", "rocm,cpu")
    assert gpu["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


def test_what_was_compiled_before_is_compiled_again() -> None:
    assert dict(engine.engine_environment("jax").variables)["JAX_ENABLE_COMPILATION_CACHE"] == "false"


@pytest.mark.usefixtures("installed")
def test_a_word_stands_for_the_engine_that_keras_runs_on_here() -> None:
    assert engine.engine_named("default") == "jax"
    assert engine.engine_named("torch") == "torch"


def test_training_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert engine.training_environment() == engine.engine_environment("tensorflow", threads=1)


def test_flags_that_a_person_gave_to_xla_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=somewhere")
    assert "--xla_dump_to=somewhere" in dict(engine.engine_environment("jax").variables)["XLA_FLAGS"]


def test_deciding_imports_no_framework() -> None:
    code = (
        "import sys; from tradeoff.engine import training_environment; training_environment(); "
        "sys.exit(bool({'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
