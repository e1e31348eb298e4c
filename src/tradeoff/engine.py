"""Which engine Keras runs on here, decided without importing anything, and the environments it needs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from tradeoff.errors import UnknownName
from tradeoff.vocabulary import Environment, Refusal, Requirement

#: The engines a model can be trained and run on, the first installed one being the default.
ENGINES: Final[dict[str, Requirement]] = {
    "tensorflow": Requirement("tensorflow", "tensorflow"),
    "jax": Requirement("jax", "jax"),
    "torch": Requirement("torch", "torch"),
}
KERAS: Final = Requirement("keras", "keras")


def keras_engine() -> str:
    """What ``KERAS_BACKEND`` names, else Keras's configuration file, else the first that is installed."""
    if named := os.environ.get("KERAS_BACKEND"):
        return named
    configured = _configured()
    # Keras writes that file by itself at its first import, so it does not tell what a person wants.
    if configured in ENGINES and ENGINES[configured].installed():
        return configured
    return next((name for name, need in ENGINES.items() if need.installed()), next(iter(ENGINES)))


def _configured() -> str:
    home = os.environ.get("KERAS_HOME")
    folder = Path(home) if home else Path("~/.keras").expanduser()
    try:
        return str(json.loads((folder / "keras.json").read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def missing_engine() -> Refusal | None:
    """Why nothing can be built when ``KERAS_BACKEND`` names an engine that is not there."""
    named = os.environ.get("KERAS_BACKEND")
    if not named:
        return None
    if named not in ENGINES:
        raise UnknownName("Keras engine", named, ENGINES, "It is what KERAS_BACKEND says.")
    need = ENGINES[named]
    if need.installed():
        return None
    return Refusal("not installed", f"{named}, which KERAS_BACKEND names: pip install {need.distribution}, or unset it")


def engine_requirement(engine: str | None = None) -> Requirement:
    """What must be installed for ``engine``, or for the one that Keras runs on here."""
    name = engine or keras_engine()
    # An engine this project does not know is reported as missing rather than failing every import.
    return ENGINES.get(name, Requirement(name, name))


def engine_requirements() -> tuple[Requirement, ...]:
    """What everything that builds, trains or converts a Keras model here imports."""
    return KERAS, engine_requirement()


def training_environment() -> Environment:
    """The worker that trains, and that converts where a backend asks for nothing else."""
    return engine_environment(keras_engine())


def engine_environment(engine: str, threads: int = 1) -> Environment:
    """The worker in which Keras runs on ``engine`` with so many threads, on the processor."""
    if engine not in ENGINES:
        raise UnknownName("Keras engine", engine, ENGINES, "Set KERAS_BACKEND to one of them.")
    shared = {
        "KERAS_BACKEND": engine,
        "OMP_NUM_THREADS": str(threads),
        # A Keras cell is a cell of the processor; an engine would take an accelerator unasked.
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    suffix = "" if threads == 1 else f", {threads} threads"
    return Environment(
        f"keras on {engine}{suffix}",
        variables=tuple(sorted({**shared, **_VARIABLES[engine](threads)}.items())),
        modules=(engine, "keras"),
    )


def _tensorflow(threads: int) -> dict[str, str]:
    return {
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def _jax(threads: int) -> dict[str, str]:
    flags = [os.environ.get("XLA_FLAGS", ""), f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"]
    return {
        "JAX_PLATFORMS": "cpu",
        # XLA sizes its processor thread pool by this variable; it has no flag for it.
        "NPROC": str(threads),
        "XLA_FLAGS": " ".join(flags).strip(),
    }


def _torch(threads: int) -> dict[str, str]:
    return {"MKL_NUM_THREADS": str(threads)}


_VARIABLES: Final = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
