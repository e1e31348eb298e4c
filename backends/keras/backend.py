"""Backend ``keras``: the Keras model itself, compiled by the engine that the cell names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import tradeoff
from tradeoff.engine import DEFAULT, ENGINES, KERAS, engine_environment, engine_named, engine_requirement
from tradeoff.formats import keras_files
from tradeoff.formats.keras_layers import layer_outputs
from tradeoff.formats.stored import keras_weights

from .anatomy import anatomy
from .calls import KerasRunner, check_device
from .casting import POLICIES, cast

if TYPE_CHECKING:
    from tradeoff.spelling import Value
    from tradeoff.vocabulary import Array

ARTIFACT: Final = "model.keras"
#: The policy that the model was made with.
OWN: Final = "own"
_LAYERS_ONLY: Final = tradeoff.Refusal(
    "not implemented here",
    "Keras quantizes dense layers only, and calibrates none; try a backend that converts the graph",
)
_ALREADY_MIXED: Final = tradeoff.Refusal(
    "not implemented here", "a policy says already what is computed in 16 bits; leave it out for a precision"
)


class KerasBackend(tradeoff.Backend):
    """Writes a ``.keras`` file and runs it compiled, not with ``predict()``, whose overhead outweighs small models."""

    name = "keras"
    summary = "the Keras model on TensorFlow, JAX or PyTorch"
    capabilities = tradeoff.Capabilities(
        precisions=("float32", *POLICIES),
        refusals=dict.fromkeys(("dynamic", "int8", "int8w", "int16x8", "int4"), _LAYERS_ONLY),
        devices=("host-cpu", "host-gpu"),
        effort=tradeoff.Effort(
            "cloud", "Python", 4, ("pip install keras tensorflow", "run the program"), (), ("keras", "tensorflow")
        ),
    )
    parameters = (
        tradeoff.Parameter(
            "engine",
            str,
            default=DEFAULT,
            choices=(DEFAULT, *ENGINES),
            runtime=True,
            summary="what Keras runs on; 'default' is what it runs on here otherwise",
        ),
        tradeoff.Parameter(
            "policy",
            str,
            default=OWN,
            choices=(OWN, "mixed_float16", "mixed_bfloat16"),
            summary="arithmetic in 16 bits on weights of float32; 'own' is the model's own policy",
        ),
        tradeoff.Parameter(
            "threads", int, default=1, minimum=1, runtime=True, summary="of the engine on the processor"
        ),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (KERAS, engine_requirement())

    def abilities(self, parameters: Mapping[str, Value]) -> tradeoff.Capabilities:
        """A policy and a precision say the same thing twice."""
        if parameters["policy"] == OWN:
            return self.capabilities
        refusals = {**self.capabilities.refusals, **dict.fromkeys(POLICIES, _ALREADY_MIXED)}
        return replace(self.capabilities, precisions=("float32",), refusals=refusals)

    def needs(self, parameters: Mapping[str, Value]) -> tuple[tradeoff.Requirement, ...]:
        """Keras, and the engine of the cell."""
        return KERAS, engine_requirement(engine_named(str(parameters["engine"])))

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """Keras on its engine; with one thread on the processor it may be the worker that trains."""
        return engine_environment(engine_named(str(parameters["engine"])), int(parameters["threads"]), device)

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Write the model without its optimizer, in 16 bits where a precision or a policy asks for them."""
        model = job.load_model()
        policy = str(job.parameters.get("policy", OWN))
        wanted = POLICIES.get(job.precision) or (None if policy == OWN else policy)
        if wanted:
            job.progress(f"casting to {wanted}", 0.2)
            model = cast(model, wanted, job.calibration)
        keras_files.save_model(model, job.folder / ARTIFACT)
        return job.folder / ARTIFACT

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Load the file, ready to be compiled for a batch."""
        import keras

        engine = keras.config.backend()
        check_device(engine, job.device)
        return KerasRunner(keras_files.load_model(job.artifact), engine)

    def content(self, artifact: Path) -> str:
        """By what the model is: two saves of one model differ as zip files."""
        return keras_files.content(keras_files.load_model(artifact))

    def weights(self, artifact: Path) -> Sequence[tradeoff.StoredTensor] | None:
        """The variables in the HDF5 file that is in the zip."""
        return keras_weights(artifact)

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Weights in their own types, and the results of the layers."""
        return anatomy(keras_files.load_model(job.artifact), samples)

    def intermediates(self, job: tradeoff.Loading, batch: Array) -> Mapping[str, Array]:
        """What its layers give, one after the other and not compiled."""
        return {one.label: one.values for one in layer_outputs(keras_files.load_model(job.artifact), batch)}


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``keras``."""
    return [KerasBackend()]
