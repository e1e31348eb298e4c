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
#: The word for the engine that Keras runs on here; so that a cell's spelling does not depend on what is installed.
DEFAULT: Final = "default"
GPU: Final = "host-gpu"
#: What the driver of an AMD accelerator puts there; JAX calls its platforms by the vendor's word.
_AMD: Final = Path("/dev/kfd")


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


def engine_named(word: str) -> str:
    """The engine that a parameter says: a name, or the word for the one that Keras runs on here."""
    return keras_engine() if word == DEFAULT else word


def engine_environment(engine: str, threads: int = 1, device: str = "host-cpu") -> Environment:
    """The worker in which Keras runs on ``engine`` with so many threads of the processor, on ``device``."""
    if engine not in ENGINES:
        raise UnknownName("Keras engine", engine, ENGINES, "Set KERAS_BACKEND to one of them.")
    return Environment(
        environment_name(f"keras on {engine}", threads, device),
        variables=(*sorted({"KERAS_BACKEND": engine, **engine_variables(engine, threads, device)}.items()),),
        modules=(engine, "keras"),
    )


def environment_name(name: str, threads: int, device: str) -> str:
    """How a worker with so many threads is shown."""
    suffix = "" if threads == 1 else f", {threads} threads"
    return f"{name}{suffix}{', GPU' if device == GPU else ''}"


def engine_variables(engine: str, threads: int, device: str) -> dict[str, str]:
    """What ``engine`` reads of its surroundings when it is imported."""
    gpu = device == GPU
    shared = {"OMP_NUM_THREADS": str(threads)}
    if not gpu:
        # An engine would take an accelerator unasked.
        shared["CUDA_VISIBLE_DEVICES"] = "-1"
    return {**shared, **_VARIABLES[engine](threads, gpu)}


def _tensorflow(threads: int, gpu: bool) -> dict[str, str]:
    return {
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # Several workers share one accelerator; by itself each would take all of its memory.
        **({"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if gpu else {}),
    }


def _jax(threads: int, gpu: bool) -> dict[str, str]:
    flags = [os.environ.get("XLA_FLAGS", ""), f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"]
    return {
        "JAX_PLATFORMS": f"{'rocm' if _AMD.exists() else 'cuda'},cpu" if gpu else "cpu",
        # XLA sizes its processor thread pool by this variable; it has no flag for it.
        "NPROC": str(threads),
        "XLA_FLAGS": " ".join(flags).strip(),
        # What an earlier run compiled would make loading look quick.
        "JAX_ENABLE_COMPILATION_CACHE": "false",
        **({"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} if gpu else {}),
    }


def _torch(threads: int, gpu: bool) -> dict[str, str]:
    return {"MKL_NUM_THREADS": str(threads)}


_VARIABLES: Final = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
