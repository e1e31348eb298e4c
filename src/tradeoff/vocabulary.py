"""The words of the project as types: what a plugin declares, and what it is handed.

Everything here is a plain frozen dataclass or a small interface. A plugin author imports these names from
``tradeoff`` itself; nothing in this module imports a framework.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol

from tradeoff.errors import BadInput, Reason
from tradeoff.spelling import Parameter, Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

Stage = Literal["model", "precision", "artifact"]
Provenance = Literal["measured", "simulated", "modelled", "published", "unavailable"]
Direction = Literal["lower", "higher", "none"]
TaskKind = Literal["classification", "regression"]
#: What the model's last layer gives: class probabilities, raw scores, or the target itself.
Outputs = Literal["probabilities", "logits", "values"]
Progress = Callable[[str, float], None]
#: The smallest and the largest result of a layer, by the layer's name.
Ranges = Mapping[str, tuple[float, float]]
#: Among ranges: the model's input, which is no layer's result.
INPUT: Final = "(input)"


@dataclass(frozen=True)
class Requirement:
    """An importable module that must be there, and the distribution that brings it."""

    module: str
    distribution: str

    def installed(self) -> bool:
        """Whether the module can be found; nothing is imported."""
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None


@dataclass(frozen=True)
class Refusal:
    """Why a cell cannot exist, in one of the reasons that reports group by."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True)
class Environment:
    """What a worker process needs before anything is imported; equal environments share one worker.

    :param name: how it is shown: ``litert``, ``keras on jax``.
    :param variables: environment variables, set before the first import.
    :param modules: what to import at the start; that time is measured and shown apart.
    """

    name: str
    variables: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()

    def numbered(self, number: int) -> Environment:
        """The same for one more process; the first is this one."""
        return self if number == 1 else replace(self, name=f"{self.name} #{number}")


# --- tasks and models -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Split:
    """Inputs and targets; ``y`` holds integer labels for a classification, values for a regression."""

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Splits:
    """The data of a task. The test split only ever judges; no technique and no converter sees it."""

    train: Split
    calibration: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Task:
    """Data plus what 'good' means.

    :param name: how it is spelled.
    :param load: gives the splits; runs in a worker, so it may import what it likes.
    :param kind: ``classification`` or ``regression``.
    :param metric: what is reported as the task's quality: ``accuracy``, ``mae``, ``mse`` or ``r2``.
    :param loss: ``crossentropy``, ``mse`` or ``mae``.
    :param outputs: what a model of this task gives.
    :param floor: the quality under which a candidate is not worth shipping.
    :param version: raise it when ``load`` gives other data; stored results are keyed by it.
    :param requires: what ``load`` imports.
    :param summary: one line for a person.
    """

    name: str
    load: Callable[[], Splits]
    kind: TaskKind = "classification"
    metric: str = "accuracy"
    loss: str = "crossentropy"
    outputs: Outputs = "probabilities"
    floor: float | None = None
    version: str = "1"
    requires: tuple[Requirement, ...] = ()
    summary: str = ""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained, and how long a technique may fine-tune it.

    :param epochs: passes over the training split.
    :param batch_size: samples per step.
    :param learning_rate: the peak of a cosine decay.
    :param augment: ``augment(x, generator)`` gives a changed copy of one epoch's inputs.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 3e-3
    augment: Callable[[Array, np.random.Generator], Array] | None = None


@dataclass(frozen=True)
class Model:
    """A task plus a way to get a Keras 3 model: a builder with a recipe, or a file the user brings.

    It may also be a finished artifact, which goes straight to the backends that read it.

    :param name: how it is spelled.
    :param task: the name of its task.
    :param build: gives a fresh, untrained Keras model; imports Keras inside.
    :param recipe: how to train what ``build`` gives.
    :param file: a trained ``.keras`` or ``.h5`` file, or a finished artifact, instead of ``build``.
    :param finished: the ending of a finished artifact: ``.tflite``; ``saved_model`` for such a folder.
    :param version: raise it when architecture or recipe change.
    :param summary: one line for a person.
    """

    name: str
    task: str
    build: Callable[[], Any] | None = None
    recipe: Recipe | None = None
    file: Path | None = None
    finished: str = ""
    version: str = "1"
    summary: str = ""


# --- techniques -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rewriting:
    """What a technique of stage ``model`` is handed. There is no test split in it.

    :param model: the Keras model to change; the technique may return this or another one.
    :param values: the technique's parameters.
    :param task: what 'good' means, for fine-tuning with :func:`tradeoff.training.train`.
    :param train: for fine-tuning.
    :param calibration: for statistics of activations.
    :param validation: for choosing.
    :param recipe: how the model was trained, where it is known.
    :param seed: for everything random.
    :param progress: ``progress("epoch 3 of 10", 0.3)``.
    :param models: every registered model by name: another one may be the student of this one.
    :param technique: its name, for messages.
    :param original: loads the trained model before all techniques of the chain, which can teach what became of it;
        ``None`` for the first of them.
    """

    model: Any
    values: Mapping[str, Value]
    task: Task
    train: Split
    calibration: Split
    validation: Split
    recipe: Recipe | None
    seed: int
    progress: Progress
    models: Mapping[str, Model] = field(default_factory=dict)
    technique: str = ""
    original: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Rewritten:
    """What a technique of stage ``model`` gives when there is more to tell than the new model.

    What was achieved in each layer is counted by the core, not told by the technique.

    :param model: the Keras model it made.
    :param epochs: passes over the training split that it took, all trainings together.
    :param left_out: layers that it did not touch, by name, each with the reason.
    :param notes: sentences that a reader of the result has to know.
    :param facts: what it chose or found, as plain JSON: a schedule, a sensitivity per layer.
    :param ranges: the smallest and the largest result of layers, by name, which the model was trained to keep to; that
        of the model's input is called :data:`INPUT`.
    """

    model: Any
    epochs: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)


@dataclass(frozen=True)
class Tolerance:
    """What a precision may lose in a conversion: the least that is expected of an artifact against its original.

    :param cosine: likeness of the outputs.
    :param snr: of the outputs: the original's power over that of the difference, in dB.
    :param top1: share of equal decisions, for a classification.
    :param layer_snr: the same as ``snr`` for what one layer gives.
    :param centred_cosine: likeness about the original's mean output, of a model that was hardly trained: what the
        conformance kit asks.
    :param batches: how far a row's outputs may be apart in batches of other sizes, which the kit asks, too.
    """

    cosine: float
    snr: float
    top1: float
    layer_snr: float
    centred_cosine: float = 0.8
    batches: float = 0.1


#: Of an artifact for which no precision was asked.
FLOAT32: Final = Tolerance(0.99999, snr=60.0, top1=0.999, layer_snr=60.0, centred_cosine=0.999, batches=1e-4)
#: Of a precision whose author does not say how coarse it is: as much as the coarsest that is known.
COARSEST: Final = Tolerance(0.95, snr=10.0, top1=0.95, layer_snr=7.0)


@dataclass(frozen=True)
class Technique:
    """One named, parametrised transformation.

    :param name: how it is spelled.
    :param stage: ``model`` changes the Keras model, ``precision`` is a request that each backend realises
        in its own way, ``artifact`` works on the bytes.
    :param apply: for stage ``model``: takes a :class:`Rewriting`, gives a Keras model or a :class:`Rewritten`.
    :param parameters: typed, with ranges.
    :param version: raise it when the same parameters give another result; variants are keyed by it.
    :param requires: what ``apply`` imports beside Keras.
    :param summary: one line for a person.
    :param tolerance: for stage ``precision``: what a conversion may lose by it; as much as the coarsest, if unsaid.
    :param realised_by: what makes a real saving of the structure that it leaves in the weights, in a few words; a cell
        that is neither smaller nor faster then says so. Empty where such a cell is no surprise.
    :param implies: for stage ``model``: the name of the precision that it prepares for, which a chain that names no
        precision then has.
    """

    name: str
    stage: Stage
    apply: Callable[[Rewriting], Any] | None = None
    parameters: tuple[Parameter, ...] = ()
    version: str = "1"
    requires: tuple[Requirement, ...] = ()
    summary: str = ""
    tolerance: Tolerance | None = None
    realised_by: str = ""
    implies: str = ""


# --- backends ---------------------------------------------------------------------------------------


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
    """

    precisions: tuple[str, ...] = ("float32",)
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    devices: tuple[str, ...] = ("host-cpu",)
    max_batch: int | None = None
    reads: tuple[str, ...] = ()
    runs: bool = True
    ranges: tuple[str, ...] = ()


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
class Operator:
    """One operator of an artifact, in the order in which they run; ``None`` for what the runtime cannot tell.

    :param name: where it stands in the model, as the artifact names it.
    :param kind: what it does, in the runtime's own word: ``CONV_2D``, ``Gemm``, ``fusion``.
    :param seconds: of one request, the middle one of several.
    :param weights_bytes: of its constants, as they are stored; those that several share count at the first.
    :param output_bytes: of what it gives.
    :param flops: additions and multiplications of one request.
    """

    name: str
    kind: str
    seconds: float | None = None
    weights_bytes: int | None = None
    output_bytes: int | None = None
    flops: float | None = None


@dataclass(frozen=True)
class Profile:
    """Where time, memory and size of one request go, operator by operator.

    :param operators: in the order in which they run.
    :param source: who tells it: ``ONNX Runtime's profiler``.
    :param seconds: ``measured`` each by its own, ``modelled``, or ``unavailable``.
    :param note: what a reader has to know about it.
    """

    operators: tuple[Operator, ...]
    source: str
    seconds: Provenance = "unavailable"
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """One number about requests on a device that is not here, computed or counted instead of measured there.

    :param name: ``latency``, ``energy``, or another one, which becomes a column of the reports.
    :param value: ``None`` when it cannot be said; the note then tells why.
    :param unit: ``s``, ``J``, ``B``, or ``1``.
    :param direction: which way is better.
    :param provenance: ``simulated`` when the runtime of the device told it, ``modelled`` when it was computed.
    :param error: by which share such numbers are wrong on the average, where they were checked; ``None`` where not.
    :param note: what a reader has to know about it.
    """

    name: str
    value: float | None
    unit: str = "1"
    direction: Direction = "lower"
    provenance: Provenance = "modelled"
    error: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Estimated:
    """What can be told of a request on a device that is not here.

    :param figures: by name; ``latency`` is that of the whole request.
    :param operators: in the order in which they run, with the seconds of the virtual clock.
    :param source: who tells it, for a reader of the operators: ``cycles of a Cortex-M7``.
    :param verdicts: what a reader must be told: ``needs 12 kB more RAM``.
    :param fits: whether there is room for it; ``None`` where nobody knows how much there is.
    """

    figures: tuple[Figure, ...] = ()
    operators: tuple[Operator, ...] = ()
    source: str = ""
    verdicts: tuple[str, ...] = ()
    fits: bool | None = None


@dataclass(frozen=True)
class Workload:
    """What the model of a device is handed: one request to an artifact.

    :param artifact: the file or folder that would be shipped.
    :param samples: in one request.
    :param told: what the backend tells of it by itself, such as the memory that its runtime takes.
    """

    artifact: Path
    samples: int
    told: Estimated


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

    def profile(self, job: Loading, batch: Array) -> Profile | None:
        """Where a request on ``batch`` goes, operator by operator, as far as the runtime can tell."""
        return None

    def estimate(self, job: Loading, samples: int) -> Estimated | None:
        """What it tells of a request of so many samples on a device that is not here, beside what its model says."""
        return None

    def intermediates(self, job: Loading, batch: Array) -> Mapping[str, Array] | None:
        """What is computed on the way from ``batch`` to the outputs, in that order, as floats; ``None`` if unknown."""
        return None


@dataclass(frozen=True)
class Device:
    """Where a backend runs an artifact.

    :param name: how it is spelled: ``host-cpu``, ``stm32h743@tflm``.
    :param provenance: what a latency on it is: ``measured`` here, ``simulated`` or ``modelled``.
    :param summary: one line for a person.
    :param present: says why it is not there, or ``None``; asked without importing a framework.
    :param backends: the backends that stand for its runtime, beside those that name it themselves.
    :param model: what is known of a request there without the device; of one that is ``measured`` it is never asked.
    :param version: raise it when ``model`` says something else; stored estimates are keyed by it.
    """

    name: str
    provenance: Provenance = "measured"
    summary: str = ""
    present: Callable[[], Refusal | None] = lambda: None
    backends: tuple[str, ...] = ()
    model: Callable[[Workload], Estimated] | None = None
    version: str = "1"

    @property
    def is_here(self) -> bool:
        """Whether requests are timed on it; if not, what is known of them is estimated."""
        return self.provenance == "measured"


# --- energy -----------------------------------------------------------------------------------------


class Reading(ABC):
    """A meter that has been opened, in the worker that is measured.

    A subclass sets what it covers and how finely it tells, and has ``read``.
    """

    #: What of the machine it sees: ``package``, ``dram``, ``gpu``, ``soc``, or ``device`` for all of it.
    covers: tuple[str, ...] = ("device",)
    #: The smallest step of its counter, in joules.
    step_joules: float = 0.0
    #: So long may it go on telling the same, in seconds.
    step_seconds: float = 0.0

    @abstractmethod
    def read(self) -> float:
        """Joules so far, from any beginning; it never goes down."""

    def close(self) -> None:  # noqa: B027 - most have nothing to give back
        """Give back what was opened."""


class Meter(ABC):
    """Tells what energy is used. A subclass needs a ``name`` and ``open``; everything else has a default."""

    name: ClassVar[str]
    #: One line for a person.
    summary: ClassVar[str] = ""
    #: What ``open`` imports.
    requires: ClassVar[tuple[Requirement, ...]] = ()
    #: What to give pip when something is missing: ``tradeoff[energy]``.
    install: ClassVar[str] = ""
    #: What its joules are: ``measured`` by a sensor, or ``modelled``.
    provenance: ClassVar[Provenance] = "measured"

    def available(self) -> str:
        """Why it cannot be read here, or nothing; asked in the process that plans, so it imports nothing heavy."""
        return ""

    @abstractmethod
    def open(self) -> Reading:
        """Begin to read; whatever it raises is told as the reason why there is no number."""


# --- reports ----------------------------------------------------------------------------------------


class Renderer(ABC):
    """Writes the tables of any number of runs in one format."""

    name: ClassVar[str]
    #: Of the file it makes, with the dot; empty for the terminal.
    suffix: ClassVar[str] = ""
    summary: ClassVar[str] = ""

    @abstractmethod
    def render(self, runs: Any, width: int, colour: bool) -> str:
        """The report over ``runs``, a sequence of :class:`tradeoff.record.Run`."""

    def render_comparison(self, outcome: Any, width: int, colour: bool) -> str:
        """Two runs compared, a :class:`tradeoff.compare.gate.Outcome`; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show comparisons")

    def render_history(self, series: Any, width: int, colour: bool) -> str:
        """Values over time, a sequence of :class:`tradeoff.compare.history.Series`; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show histories")

    def render_profiles(self, profiles: Any, width: int, colour: bool) -> str:
        """Cells by operator, each a :class:`tradeoff.compare.profiles.CellProfile`; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show profiles")

    def render_recommendation(self, found: Any, width: int, colour: bool) -> str:
        """What to ship, a :class:`tradeoff.decide.advice.Recommendation`; a format need not have it."""
        raise BadInput(f"the report format {self.name!r} does not show recommendations")
