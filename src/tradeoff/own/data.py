"""The user's own data: a file of arrays becomes splits, and what was understood of it is told line by line.

Runs in the pytest process, before any work begins: a mistake in the data costs seconds, not a night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tradeoff.errors import BadInput
from tradeoff.formats.npz_file import read_arrays
from tradeoff.own.preprocessing import PreprocessingStep, apply, parse_preprocessing, spell_preprocessing
from tradeoff.own.sources import Source
from tradeoff.own.splits import make_splits
from tradeoff.own.targets import read_targets
from tradeoff.vocabulary import Outputs, Split, Splits, TaskKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]

_METRICS: Final[dict[TaskKind, tuple[str, ...]]] = {
    "classification": ("accuracy",),
    "regression": ("mae", "mse", "r2"),
}
_LOSSES: Final[dict[TaskKind, tuple[str, ...]]] = {"classification": ("crossentropy",), "regression": ("mse", "mae")}
_OUTPUTS: Final[dict[TaskKind, tuple[Outputs, ...]]] = {
    "classification": ("probabilities", "logits"),
    "regression": ("values",),
}
_CHOICES: Final[dict[str, Mapping[TaskKind, tuple[str, ...]]]] = {
    "kind": {"classification": ("classification",), "regression": ("regression",)},
    "metric": _METRICS,
    "loss": _LOSSES,
    "outputs": _OUTPUTS,
}
_SPLIT_NAMES: Final = ("train", "calibration", "val", "test")
_EXPECTED: Final = "expected x_train, y_train, x_test, y_test (and optionally x_val, y_val, x_calibration), or x, y"
_KNOWN: Final = ("x", "y", *(f"{axis}_{split}" for split in _SPLIT_NAMES for axis in "xy"))


@dataclass(frozen=True)
class DataSettings:
    """What a person declares of the data; whatever is ``None`` is read from the data.

    :param kind: ``classification`` or ``regression``.
    :param metric: ``accuracy``, ``mae``, ``mse`` or ``r2``.
    :param loss: ``crossentropy``, ``mse`` or ``mae``.
    :param outputs: what the model gives; by default from its last activation.
    :param preprocess: steps as they are spelled: ``divide:255+channels``.
    """

    kind: TaskKind | None = None
    metric: str | None = None
    loss: str | None = None
    outputs: Outputs | None = None
    preprocess: str = ""

    @property
    def steps(self) -> tuple[PreprocessingStep, ...]:
        """The preprocessing, parsed."""
        return parse_preprocessing(self.preprocess)

    def check(self) -> None:
        """Raise unless all of it is known and goes together."""
        parse_preprocessing(self.preprocess)
        self.declared_kind()

    def declared_kind(self) -> TaskKind | None:
        """The kind that is declared, or follows from the metric, the loss or outputs; contradictions are refused."""
        written = {"kind": self.kind, "metric": self.metric, "loss": self.loss, "outputs": self.outputs}
        said: dict[str, TaskKind] = {
            f"{option} {value}": _kind_of(option, value, _CHOICES[option])
            for option, value in written.items()
            if value is not None
        }
        if len(set(said.values())) > 1:
            told = ", ".join(f"{what} is for a {kind}" for what, kind in said.items())
            raise BadInput(f"these settings contradict each other: {told}; leave one of them out")
        return next(iter(said.values()), None)


def _kind_of(option: str, value: str, choices: Mapping[TaskKind, tuple[str, ...]]) -> TaskKind:
    for kind, values in choices.items():
        if value in values:
            return kind
    known = ", ".join(value for values in choices.values() for value in values)
    raise BadInput(f"{option} {value!r} is not known; valid are {known}")


@dataclass(frozen=True, eq=False)
class OwnData:
    """The user's data, checked, preprocessed and split.

    :param splits: inputs as float32; labels as int64 of shape ``(n,)``, or values as float32 of shape ``(n, k)``.
        Where the file brings ``x_calibration`` alone, the calibration split has no targets: its ``y`` is empty.
    :param kind: ``classification`` or ``regression``.
    :param metric: what the quality is reported in.
    :param loss: what fine-tuning minimises.
    :param classes: how many, for a classification.
    :param input_shape: of one sample, after preprocessing.
    :param target_shape: of one target; empty for labels.
    :param source: what the user named: a file, a folder or a function.
    :param file: the ``.npz`` file that was read.
    :param explanations: what was understood, in plain language.
    """

    splits: Splits
    kind: TaskKind
    metric: str
    loss: str
    classes: int | None
    input_shape: tuple[int, ...]
    target_shape: tuple[int, ...]
    source: Path
    explanations: tuple[str, ...]
    file: Path


def read_data(path: Path, settings: DataSettings, seed: int) -> OwnData:
    """The same for an ``.npz`` file."""
    return read_source(Source(path, path), settings, seed)


def read_source(source: Source, settings: DataSettings, seed: int) -> OwnData:
    """Read, check, preprocess and split; every mistake is a :class:`BadInput` that names the array."""
    # What was mistyped shall be told before a large file is read.
    settings.check()
    try:
        arrays, ignored = read_arrays(source.file, _KNOWN)
    except BadInput as error:
        # The file of what a function gave is nothing that the user knows.
        raise BadInput(str(error).replace(str(source.file), str(source.named))) from error
    try:
        return _understand(source, arrays, ignored, settings, seed)
    except BadInput as error:
        raise BadInput(f"{source.named}: {error}") from error


def _understand(
    source: Source, arrays: Mapping[str, Array], ignored: tuple[str, ...], settings: DataSettings, seed: int
) -> OwnData:
    _check_names(arrays, ignored)
    inputs = {name: array for name, array in arrays.items() if name.startswith("x")}
    _check_inputs(inputs)
    targets = read_targets(
        {name: array for name, array in arrays.items() if name.startswith("y")}, settings.declared_kind()
    )
    _check_lengths(inputs, targets.arrays)
    ready = {name: _prepared(name, settings.steps, array) for name, array in inputs.items()}
    splits, how_split = make_splits(ready, targets.arrays, targets.kind, seed)
    metric = settings.metric or _METRICS[targets.kind][0]
    loss = settings.loss or _LOSSES[targets.kind][0]
    explanations = (
        *source.notes,
        *(f"{name}: shape {array.shape}, {array.dtype}, {_range(array)}" for name, array in arrays.items()),
        *((f"not used: {_some(ignored)}",) if ignored else ()),
        *targets.explanations,
        f"judged by {metric}, fine-tuned with {loss}",
        *how_split,
        *_told_splits(splits, targets.classes),
        _told_preprocessing(inputs, ready, settings.steps),
        *_hints(inputs, settings.steps),
    )
    shapes = splits.train.x.shape[1:], splits.train.y.shape[1:]
    return OwnData(
        splits, targets.kind, metric, loss, targets.classes, *shapes, source.named, explanations, source.file
    )


def _check_names(arrays: Mapping[str, Array], ignored: tuple[str, ...]) -> None:
    found = _some((*arrays, *ignored)) or "no arrays"
    wanted: tuple[str, ...] = ("x_train", "y_train", "x_test", "y_test")
    if "x" in arrays or "y" in arrays:
        mixed = [name for name in arrays if name not in ("x", "y")]
        if mixed:
            raise BadInput(f"it has both {'x' if 'x' in arrays else 'y'} and {', '.join(mixed)}; {_EXPECTED}, not both")
        wanted = ("x", "y")
    missing = [name for name in wanted if name not in arrays]
    if ("x_val" in arrays) != ("y_val" in arrays):
        missing.append("y_val" if "x_val" in arrays else "x_val")
    if missing:
        raise BadInput(f"there is no {', no '.join(missing)}; found {found}; {_EXPECTED}")


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _check_inputs(inputs: Mapping[str, Array]) -> None:
    first_name, first = next(iter(inputs.items()))
    for name, array in inputs.items():
        if array.ndim < 1:
            raise BadInput(f"{name} is a single number; its first axis must count the samples")
        if not len(array):
            raise BadInput(f"{name} is empty, its shape is {array.shape}; give at least one sample")
        if not array.size:
            raise BadInput(f"{name} has shape {array.shape}: its samples hold no values")
        if array.shape[1:] != first.shape[1:]:
            raise BadInput(
                f"{first_name} has samples of shape {first.shape[1:]}, {name} of shape {array.shape[1:]}; "
                "all inputs need the same shape"
            )


def _check_lengths(inputs: Mapping[str, Array], targets: Mapping[str, Array]) -> None:
    for name, array in inputs.items():
        target = targets.get("y" + name[1:])
        if target is not None and len(target) != len(array):
            raise BadInput(
                f"{name} has {len(array)} samples but y{name[1:]} has {len(target)} targets; they must pair up"
            )


def _prepared(name: str, steps: tuple[PreprocessingStep, ...], array: Array) -> Array:
    try:
        return apply(steps, array)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from error


# --- telling ----------------------------------------------------------------------------------------


def _told_splits(splits: Splits, classes: int | None) -> list[str]:
    named = {
        "training": splits.train,
        "calibration": splits.calibration,
        "validation": splits.validation,
        "test": splits.test,
    }
    return [f"{name} split: {_told(split, classes)}" for name, split in named.items()]


def _told(split: Split, classes: int | None) -> str:
    text = f"{len(split)} samples"
    if classes is None or not len(split.y):
        return text
    import numpy as np

    counts = np.bincount(split.y.astype(np.int64), minlength=classes)
    if classes <= 20:
        return f"{text}, per class {' '.join(str(count) for count in counts)}"
    return f"{text}, {counts.min()} to {counts.max()} per class"


def _range(array: Array) -> str:
    return f"{float(array.min()):.6g} to {float(array.max()):.6g}"


def _told_preprocessing(
    inputs: Mapping[str, Array], ready: Mapping[str, Array], steps: tuple[PreprocessingStep, ...]
) -> str:
    name, before = next(iter(inputs.items()))
    after = ready[name]
    if not steps:
        return f"no preprocessing: the model is given {_range(after)} as float32, in samples of {after.shape[1:]}"
    return (
        f"preprocessing {spell_preprocessing(steps)}: {name} goes from {_range(before)} to {_range(after)}, "
        f"samples from {before.shape[1:]} to {after.shape[1:]}"
    )


def _hints(inputs: Mapping[str, Array], steps: tuple[PreprocessingStep, ...]) -> list[str]:
    low = min(float(array.min()) for array in inputs.values())
    high = max(float(array.max()) for array in inputs.values())
    scaled = any(step.name in ("divide", "multiply") for step in steps)
    if not scaled and low >= 0 and 2 < high <= 255:
        mend = "if your model expects 0 to 1, declare --tradeoff-preprocess divide:255"
        return [f"hint: values reach {high:g}: {mend}; if it scales its input itself, all is well"]
    if not scaled and high - low > 1e4:
        return [f"hint: values go from {low:g} to {high:g}; int8 quantization of such a range is coarse"]
    return []
