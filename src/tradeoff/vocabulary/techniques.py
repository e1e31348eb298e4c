"""Techniques: what they are handed, what they give, and what a precision may lose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tradeoff.spelling import Parameter, Value
from tradeoff.vocabulary.backends import StoredTensor
from tradeoff.vocabulary.common import Progress, Ranges, Refusal, Requirement, Stage
from tradeoff.vocabulary.tasks import Model, Recipe, Split, Task
from tradeoff.vocabulary.trainings import History

#: What a technique that trains calls the parameter that says for how long: others share epochs out by it, or keep them
#: few.
EPOCHS: Final = "epochs"


def _untold(_history: History) -> None:
    """Where nobody asks how a training went."""


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
    :param trained: takes the :class:`History` of each training, for its curve in the record;
        :func:`tradeoff.training.fine_tune` tells its own.
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
    trained: Callable[[History], None] = _untold


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
    :param bits: how many bits the weights of layers shall have, by name: 4, 8, or 32 for floating point. A precision
        that is about layers one by one takes them.
    """

    model: Any
    epochs: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)
    bits: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoding:
    """What a technique of stage ``artifact`` is handed.

    :param artifact: the file or folder that would be shipped without it.
    :param tensors: where its weights lie, as the backend tells.
    :param values: the technique's parameters.
    :param folder: where to write the file that is shipped instead, and nothing else.
    :param progress: ``progress("coding", 0.5)``.
    """

    artifact: Path
    tensors: Sequence[StoredTensor]
    values: Mapping[str, Value]
    folder: Path
    progress: Progress


@dataclass(frozen=True)
class Encoded:
    """What a technique of stage ``artifact`` gives.

    :param file: what is shipped.
    :param facts: what it found, as plain JSON.
    """

    file: Path
    facts: Mapping[str, Any] = field(default_factory=dict)


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
    :param implies: for stage ``model``: the name of the precision or of the technique of stage ``artifact`` that it
        prepares for, which a chain that names none of that stage then has.
    :param encode: for stage ``artifact``: takes an :class:`Encoding`, gives an :class:`Encoded`.
    :param decode: for stage ``artifact``: takes that file and a folder, and writes into the folder the very artifact
        that ``encode`` was given, bit for bit; gives its path.
    :param check: asked with the parameters and every registered model while a run is planned, before anything is
        trained: gives why it cannot be applied here, and raises :class:`BadInput` for values that contradict each
        other.
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
    encode: Callable[[Encoding], Encoded] | None = None
    decode: Callable[[Path, Path], Path] | None = None
    check: Callable[[Mapping[str, Value], Mapping[str, Model]], Refusal | None] | None = None
