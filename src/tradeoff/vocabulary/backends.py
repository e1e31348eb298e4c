"""Backends: what they declare, what they are handed, and what they give."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tradeoff.spelling import Parameter, Value
from tradeoff.vocabulary.common import Environment, Progress, Ranges, Refusal, Requirement
from tradeoff.vocabulary.devices import Estimated
from tradeoff.vocabulary.effort import Effort
from tradeoff.vocabulary.operators import Profile

if TYPE_CHECKING:
    from tradeoff.vocabulary.common import Array


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do, as data; the matrix asks, no suite ever names a backend.

    :param precisions: the precisions it realises; ``float32`` stands for none asked for.
    :param refusals: why it does not realise others; one that is not listed is ``not implemented here``.
    :param devices: where it runs.
    :param max_batch: the largest batch of one request, ``None`` for any.
    :param reads: endings of finished files that it runs as they are: ``.tflite``.
    :param runs: whether it runs what it writes; a format that only has a size does not, and has no ``load``.
    :param ranges: the precisions in which it takes the ranges that a technique has learnt; in others it calibrates.
    :param bits: precisions beside ``precisions`` that realise the bits which a technique has chosen layer by layer, and
        are nothing without.
    :param effort: what it takes to ship an artifact, if that is declared.
    """

    precisions: tuple[str, ...] = ("float32",)
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    devices: tuple[str, ...] = ("host-cpu",)
    max_batch: int | None = None
    reads: tuple[str, ...] = ()
    runs: bool = True
    ranges: tuple[str, ...] = ()
    bits: tuple[str, ...] = ()
    effort: Effort | None = None


@dataclass(frozen=True)
class Conversion:
    """What ``Backend.convert`` is handed.

    :param model_file: the trained ``.keras`` file.
    :param precision: ``float32`` or the name of the precision technique.
    :param values: the precision technique's parameters.
    :param parameters: the backend's own parameters.
    :param calibration: inputs to calibrate on; never from the test split.
    :param folder: where to write the artifact, and nothing else.
    :param progress: ``progress("quantizing", 0.5)``.
    :param load_model: gives the Keras model in ``model_file``.
    :param ranges: what a technique has learnt about the results of layers, for a precision that ``Capabilities.ranges``
        names; ``None`` where there is nothing, or where the precision does not take it. A layer that is not in it is
        calibrated.
    :param bits: how many bits a technique has chosen for the weights of each layer, by name; ``None`` where none has.
    """

    model_file: Path
    precision: str
    values: Mapping[str, Value]
    parameters: Mapping[str, Value]
    calibration: Array
    folder: Path
    progress: Progress
    load_model: Callable[[], Any]
    ranges: Ranges | None = None
    bits: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Loading:
    """What ``Backend.load`` is handed: an artifact stands for itself, as on a device.

    :param artifact: what ``convert`` returned.
    :param parameters: the backend's own parameters.
    :param device: where it shall run.
    """

    artifact: Path
    parameters: Mapping[str, Value]
    device: str


@dataclass(frozen=True)
class Anatomy:
    """What an artifact consists of, counted and not measured; ``None`` for what cannot be said.

    :param weights_bytes: of all constants, as they are stored.
    :param activations_bytes: of all intermediate results of one request together, the outputs included.
    """

    weights_bytes: int | None = None
    activations_bytes: int | None = None


@dataclass(frozen=True)
class StoredTensor:
    """Where a constant lies in an artifact, for what codes the artifact's bytes.

    :param name: as the artifact has it.
    :param offset: of its first byte.
    :param size: in bytes.
    :param shape: of its elements.
    :param dtype: ``float32``, ``int8``, ``int4``; of any other name the bytes are taken one by one.
    :param file: where the artifact is a folder: the file's path in it, with slashes.
    """

    name: str
    offset: int
    size: int
    shape: tuple[int, ...]
    dtype: str
    file: str = ""


class Runner(Protocol):
    """A loaded artifact."""

    def bind(self, batch: Array) -> Callable[[], Array]:
        """A zero-argument call that is one whole request: host array in, a host array of the caller's own out."""
        ...


class Backend(ABC):
    """Turns a variant into an artifact in its own deployment format and runs it.

    A subclass needs a ``name``, ``convert`` and, unless its format only has a size, ``load``; everything else has a
    default.
    """

    name: ClassVar[str]
    #: One line for a person.
    summary: ClassVar[str] = ""
    capabilities: ClassVar[Capabilities] = Capabilities()
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    #: What running an artifact imports.
    requires: ClassVar[tuple[Requirement, ...]] = ()
    #: What making an artifact imports, beside Keras.
    converter_requires: ClassVar[tuple[Requirement, ...]] = ()
    #: What to give pip when something is missing: ``tradeoff[litert]``.
    install: ClassVar[str] = ""
    #: Raise it when the same variant converts to something else.
    version: ClassVar[str] = "1"
    #: Whether the preset ``quick`` takes it; ``full`` does in any case, and so does whoever names it.
    quick: ClassVar[bool] = True

    def abilities(self, parameters: Mapping[str, Value]) -> Capabilities:
        """What it can do with these parameters of its own."""
        return self.capabilities

    def needs(self, parameters: Mapping[str, Value]) -> tuple[Requirement, ...]:
        """What running an artifact imports with these parameters."""
        return self.requires

    def environment(self, parameters: Mapping[str, Value], device: str) -> Environment:
        """The worker that runs this backend's artifacts on ``device``."""
        return Environment(self.name, modules=tuple(need.module for need in self.needs(parameters)))

    def conversion_environment(self, parameters: Mapping[str, Value]) -> Environment | None:
        """The worker that converts; ``None`` for the one that trains."""
        return None

    @abstractmethod
    def convert(self, job: Conversion) -> Path:
        """Write the artifact into ``job.folder`` and return the file or folder that would be shipped."""

    def load(self, job: Loading) -> Runner:
        """Load the artifact, ready for requests; never asked of a format that only has a size."""
        raise NotImplementedError(f"backend {self.name} has no load, and does not say runs=False")

    def content(self, artifact: Path) -> str | None:
        """A digest of what the artifact says, where equal content can have different bytes."""
        return None

    def anatomy(self, job: Loading, samples: int) -> Anatomy | None:
        """What its weights and the results between its layers take, for requests of so many samples."""
        return None

    def weights(self, artifact: Path) -> Sequence[StoredTensor] | None:
        """Where its constants lie, byte by byte; ``None`` where they cannot be found, or are compressed already."""
        return None

    def profile(self, job: Loading, batch: Array) -> Profile | None:
        """Where a request on ``batch`` goes, operator by operator, as far as the runtime can tell."""
        return None

    def estimate(self, job: Loading, samples: int) -> Estimated | None:
        """What it tells of a request of so many samples on a device that is not here, beside what its model says."""
        return None

    def intermediates(self, job: Loading, batch: Array) -> Mapping[str, Array] | None:
        """What is computed on the way from ``batch`` to the outputs, in that order, as floats; ``None`` if unknown."""
        return None
