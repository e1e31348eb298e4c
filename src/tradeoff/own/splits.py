"""Training, calibration, validation and test splits from what the user's file brings; seeded, so that they repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from tradeoff.errors import BadInput
from tradeoff.vocabulary import Split, Splits, TaskKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]
    Indices = NDArray[np.intp]

_CALIBRATION: Final = 256
_TEST: Final = 0.2
#: Of what is left after the test split: 60 / 20 / 20 when everything is made here.
_VALIDATION_OF_WHOLE: Final = 0.25
_VALIDATION_OF_TRAIN: Final = 0.2
_PER_CLASS: Final = 5


def make_splits(
    x: Mapping[str, Array], y: Mapping[str, Array], kind: TaskKind, seed: int
) -> tuple[Splits, tuple[str, ...]]:
    """The four splits, and how they came about in plain language."""
    lines: list[str] = []
    if "x" in x:
        _check_enough("", Split(x["x"], y["y"]), kind)
        rest, test = _divide(Split(x["x"], y["y"]), _TEST, kind, seed)
        train, validation = _divide(rest, _VALIDATION_OF_WHOLE, kind, seed)
        lines.append(f"split by tradeoff into 60 / 20 / 20 %, {_manner(kind)}, seed {seed}")
    else:
        train, test = Split(x["x_train"], y["y_train"]), Split(x["x_test"], y["y_test"])
        if "x_val" in x:
            validation = Split(x["x_val"], y["y_val"])
        else:
            _check_enough("_train", train, kind)
            train, validation = _divide(train, _VALIDATION_OF_TRAIN, kind, seed)
            lines.append(f"no x_val: 20 % of x_train became the validation split, {_manner(kind)}, seed {seed}")
    calibration, line = _calibration(x, y, train, seed)
    return Splits(train, calibration, validation, test), (*lines, line)


def _manner(kind: TaskKind) -> str:
    return "stratified by class" if kind == "classification" else "shuffled"


def _divide(whole: Split, share: float, kind: TaskKind, seed: int) -> tuple[Split, Split]:
    from sklearn.model_selection import train_test_split

    kept, taken = train_test_split(
        range(len(whole)),
        test_size=share,
        random_state=seed % 2**32,
        stratify=whole.y if kind == "classification" else None,
    )
    return Split(whole.x[kept], whole.y[kept]), Split(whole.x[taken], whole.y[taken])


def _check_enough(suffix: str, whole: Split, kind: TaskKind) -> None:
    import numpy as np

    mend = "add samples" if not suffix else "add samples, or bring x_val and y_val yourself"
    if len(whole) < _PER_CLASS:
        raise BadInput(f"x{suffix} has {len(whole)} samples, too few to split; {_PER_CLASS} are needed: {mend}")
    if kind != "classification":
        return
    labels, counts = np.unique(whole.y, return_counts=True)
    if counts.min() < _PER_CLASS:
        label = labels[counts.argmin()]
        raise BadInput(
            f"y{suffix} has {counts.min()} samples of class {label}, too few to split it by class; "
            f"{_PER_CLASS} of each are needed: {mend}"
        )


def _calibration(x: Mapping[str, Array], y: Mapping[str, Array], train: Split, seed: int) -> tuple[Split, str]:
    import numpy as np

    if "x_calibration" in x:
        given = x["x_calibration"]
        return Split(given, y.get("y_calibration", train.y[:0])), "x_calibration is the calibration split, as it came"
    chosen: Indices = np.random.default_rng(seed).permutation(len(train))[:_CALIBRATION]
    return (
        Split(train.x[chosen], train.y[chosen]),
        f"calibration split: {len(chosen)} of the {len(train)} training samples, seed {seed}",
    )
