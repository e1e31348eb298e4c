"""Backend ``jax``: serialized StableHLO, compiled by XLA where it runs, with neither Keras nor TensorFlow there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import tradeoff
from tradeoff.engine import GPU, KERAS, engine_environment, engine_variables, environment_name

from ..keras.casting import POLICIES, cast
from .artifact import check_signature, export, open_artifact, told
from .profile import anatomy, profile

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

ARTIFACT: Final = "model.stablehlo"
_NO_INTEGERS: Final = tradeoff.Refusal(
    "not implemented here",
    "JAX exports the arithmetic of the Keras model, which is floating point; try a backend that quantizes the graph",
)


class JaxBackend(tradeoff.Backend):
    """Exports with ``jax.export``; one file serves any batch, on the processor and on a GPU alike."""

    name = "jax"
    summary = "StableHLO compiled by XLA"
    capabilities = tradeoff.Capabilities(
        precisions=("float32", *POLICIES),
        refusals=dict.fromkeys(("dynamic", "int8", "int8w", "int16x8", "int4", "mixed"), _NO_INTEGERS),
        devices=("host-cpu", "host-gpu"),
        reads=(".stablehlo",),
        effort=tradeoff.Effort(
            "cloud",
            "Python",
            5,
            ("pip install jax flatbuffers", "run the program"),
            (),
            ("jax", "jaxlib", "flatbuffers"),
        ),
    )
    parameters = (
        tradeoff.Parameter("threads", int, default=1, minimum=1, runtime=True, summary="of XLA on the processor"),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (
        tradeoff.Requirement("jax", "jax"),
        # JAX reads and writes its files with it, and does not bring it.
        tradeoff.Requirement("flatbuffers", "flatbuffers"),
    )
    converter_requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (KERAS,)
    install = "tradeoff[jax]"

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """A worker for each thread count and device: XLA takes both from the process."""
        threads = int(parameters["threads"])
        return tradeoff.Environment(
            environment_name("jax", threads, device),
            variables=tuple(sorted(engine_variables("jax", threads, device).items())),
            modules=("jax", "jax.export"),
        )

    def conversion_environment(self, parameters: Mapping[str, Value]) -> tradeoff.Environment:
        """Keras on JAX traces the model, whatever engine it was trained on."""
        return engine_environment("jax")

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Write the module with its weights inside."""
        import keras

        if keras.config.backend() != "jax":
            raise tradeoff.BadInput(
                f"jax.export needs Keras on JAX, and this process runs it on {keras.config.backend()}"
            )
        model = job.load_model()
        if job.precision in POLICIES:
            job.progress(f"casting to {POLICIES[job.precision]}", 0.2)
            model = cast(model, POLICIES[job.precision], job.calibration)
        job.progress("exporting", 0.5)
        (job.folder / ARTIFACT).write_bytes(export(model))
        return job.folder / ARTIFACT

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Read the file, ready to be compiled for a batch."""
        _check_device(job.device)
        return JaxRunner(job.artifact)

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Constants as they are stored, and what XLA's operators give for requests of so many samples."""
        return anatomy(open_artifact(job.artifact), samples)

    def profile(self, job: tradeoff.Loading, batch: Array) -> tradeoff.Profile:
        """Operators as XLA has fused them, each with its time as XLA's own profiler tells it."""
        _check_device(job.device)
        return profile(open_artifact(job.artifact), batch)


class JaxRunner:
    """A loaded module, compiled for each shape of batch once; all bound calls stay valid."""

    def __init__(self, artifact: Path) -> None:
        import jax

        module = open_artifact(artifact)
        check_signature(artifact.name, module, jax.default_backend())
        (self._taken,) = module.in_avals
        self._function = jax.jit(in_float32(module.call))
        self._compiled: set[tuple[int, ...]] = set()

    def bind(self, batch: Array) -> Callable[[], Array]:
        """A call that is one whole request on ``batch``."""
        import numpy as np

        given = np.ascontiguousarray(batch, dtype=self._taken.dtype)
        if given.shape not in self._compiled:
            self._compile(given)
        function, to_host = self._function, np.asarray
        return lambda: to_host(function(given))

    def _compile(self, given: Array) -> None:
        try:
            self._function(given).block_until_ready()
        # A size the module does not take, an operator XLA has no kernel for: each raises in its own way.
        except Exception as error:
            raise tradeoff.Refused(
                "not supported by format",
                f"no batch of shape {given.shape} for {self._taken.str_short()}: {told(error)}",
            ) from error
        self._compiled.add(given.shape)


def in_float32(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``call`` with its one result as every request gives it; free where it is float32 already."""
    import jax

    def answer(x: Any) -> Any:
        (given,) = jax.tree.leaves(call(x))
        return given.astype("float32")

    return answer


def _check_device(device: str) -> None:
    """Refuse to run on something else than the cell says: JAX takes the first accelerator that it finds."""
    import jax

    wanted = "gpu" if device == GPU else "cpu"
    try:
        found = str(jax.default_backend())
    except RuntimeError as error:
        found = f"nothing ({told(error)})"
    if found != wanted:
        hint = "; pip install 'jax[cuda13]'" if wanted == "gpu" else ""
        raise tradeoff.Refused("no such device", f"{device}: JAX runs on {found} in this process{hint}")


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``jax``."""
    return [JaxBackend()]
