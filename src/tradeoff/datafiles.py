"""A task's splits as files, so that workers share them and no stage is handed more than it may see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput
from tradeoff.fingerprint import digest_arrays
from tradeoff.vocabulary import Split, Splits, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

NAMES: Final = ("train", "calibration", "validation", "test")


@dataclass(frozen=True)
class DataFiles:
    """The folder of a ``data`` entry; each split is read when it is asked for."""

    folder: Path

    def split(self, name: str) -> Split:
        """One split."""
        import numpy as np

        with np.load(self.folder / f"{name}.npz", allow_pickle=False) as arrays:
            return Split(arrays["x"], arrays["y"])


def write_data(task: Task, folder: Path) -> dict[str, Any]:
    """Load the task's data, write it split by split, and say what it is."""
    import numpy as np

    splits = task.load()
    arrays: dict[str, NDArray[Any]] = {}
    for name in NAMES:
        split: Split = getattr(splits, name)
        _check(task, name, split)
        np.savez(folder / f"{name}.npz", x=split.x, y=split.y)
        arrays |= {f"{name}.x": split.x, f"{name}.y": split.y}
    return {
        "fingerprint": digest_arrays(arrays),
        "counts": {name: len(getattr(splits, name)) for name in NAMES},
        "shape": list(splits.train.x.shape[1:]),
        "overlap": _overlap(splits),
    }


def _check(task: Task, name: str, split: Split) -> None:
    # Calibration needs inputs alone.
    matching = isinstance(split, Split) and (len(split.x) == len(split.y) or name == "calibration")
    if not matching or not len(split.x):
        raise BadInput(f"task {task.name}: its {name} split is empty, or x and y differ in length")


def _overlap(splits: Splits) -> int:
    """Test samples that stand in the train split too, to the last bit: they flatter every candidate."""
    seen = {row.tobytes() for row in splits.train.x}
    return sum(row.tobytes() in seen for row in splits.test.x)


def tile(split: Split, size: int) -> Array:
    """A batch of real samples, repeated when there are too few."""
    import numpy as np

    indices = np.arange(size) % len(split)
    return np.ascontiguousarray(split.x[indices])
