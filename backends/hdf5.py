"""Backend ``hdf5``: the Keras model as an ``.h5`` file, Keras's older format, run as the backend ``keras`` runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import tradeoff
from tradeoff.engine import KERAS, engine_environment, engine_requirement, keras_engine
from tradeoff.formats import keras_files
from tradeoff.formats.stored import hdf5_weights

from .keras.anatomy import anatomy
from .keras.backend import KerasBackend
from .keras.calls import KerasRunner
from .keras.export import realised, told

if TYPE_CHECKING:
    from tradeoff.spelling import Value

ARTIFACT: Final = "model.h5"
_NO_BFLOAT16: Final = tradeoff.Refusal("not supported by format", "HDF5 has no bfloat16; the .keras format has")


class HDF5Backend(tradeoff.Backend):
    """The same model as in the ``.keras`` file, in one HDF5 file instead of a zip with one in it."""

    name = "hdf5"
    summary = "the Keras model as an .h5 file, Keras's older format"
    quick = False
    capabilities = tradeoff.Capabilities(
        precisions=("float32", "fp16"),
        refusals={**KerasBackend.capabilities.refusals, "bf16": _NO_BFLOAT16},
        effort=KerasBackend.capabilities.effort,
    )
    parameters = (
        tradeoff.Parameter(
            "threads", int, default=1, minimum=1, runtime=True, summary="of the engine on the processor"
        ),
    )
    requires: ClassVar[tuple[tradeoff.Requirement, ...]] = (
        KERAS,
        engine_requirement(),
        tradeoff.Requirement("h5py", "h5py"),
    )
    install = "tradeoff[tensorflow]"

    def environment(self, parameters: Mapping[str, Value], device: str) -> tradeoff.Environment:
        """Keras on its engine; with one thread it is the worker that trains."""
        return engine_environment(keras_engine(), int(parameters["threads"]))

    def convert(self, job: tradeoff.Conversion) -> Path:
        """Write the model without its optimizer; ``fp16`` is what it is for the backend ``keras``."""
        path = job.folder / ARTIFACT
        model = realised(job)
        # Keras does not write every layer in this format, and has no error class for that.
        try:
            keras_files.save_model(model, path)
        except Exception as error:
            raise tradeoff.Refused(
                "not supported by format", f"Keras cannot write it as HDF5: {told(error)}"
            ) from error
        return path

    def load(self, job: tradeoff.Loading) -> tradeoff.Runner:
        """Load the file, ready to be compiled for a batch."""
        import keras

        return KerasRunner(keras_files.load_model(job.artifact), keras.config.backend())

    def content(self, artifact: Path) -> str:
        """By what the model is."""
        return keras_files.content(keras_files.load_model(artifact))

    def weights(self, artifact: Path) -> Sequence[tradeoff.StoredTensor]:
        """Its variables."""
        return hdf5_weights(artifact)

    def anatomy(self, job: tradeoff.Loading, samples: int) -> tradeoff.Anatomy:
        """Weights in their own types, and the results of the layers."""
        return anatomy(keras_files.load_model(job.artifact), samples)


@tradeoff.hookimpl
def tradeoff_backends() -> Sequence[tradeoff.Backend]:
    """The backend ``hdf5``."""
    return [HDF5Backend()]
