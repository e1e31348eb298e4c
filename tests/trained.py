"""What the tests of models and backends share: the data, the task, and one trained net."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import tradeoff
from tradeoff import training
from tradeoff.formats import keras_files
from tradeoff.models import digits, ds_cnn

#: Frameworks say this when they are imported or used; it is nothing that this project could mend.
NOISE = (
    # TensorFlow's tensors have not followed NumPy 2 here, and Keras copies them to the host in this way.
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    # NumPy's own alias, in TensorFlow's bundled code.
    "ignore:In the future `np.object` will be defined:FutureWarning",
)


def silent(text: str, done: float) -> None:
    """A progress that shows nothing."""
    assert text
    assert 0.0 <= done <= 1.0


@cache
def data() -> tradeoff.Splits:
    """The digits."""
    return digits.load()


@cache
def task() -> tradeoff.Task:
    """What is good for digits."""
    (found,) = digits.tradeoff_tasks()
    return found


@cache
def trained_file() -> Path:
    """A ``.keras`` file with the small convolutional net, well trained."""
    training.set_seed(0)
    model = ds_cnn.build()
    training.train(model, ds_cnn.RECIPE, data().train, data().validation, task(), 0, silent)
    path = Path(mkdtemp(prefix="tradeoff-trained-")) / "model.keras"
    keras_files.save_model(model, path)
    return path


def conversion(
    folder: Path, precision: str = "float32", model_file: Path | None = None, calibration: Any = None
) -> tradeoff.Conversion:
    """An order to convert the trained net, or the model in ``model_file``, into ``folder``."""
    path = model_file or trained_file()
    return tradeoff.Conversion(
        model_file=path,
        precision=precision,
        values={},
        parameters={"threads": 1},
        calibration=data().calibration.x if calibration is None else calibration,
        folder=folder,
        progress=silent,
        load_model=lambda: keras_files.load_model(path),
    )


def loading(artifact: Path, threads: int = 1) -> tradeoff.Loading:
    """An order to load ``artifact``."""
    return tradeoff.Loading(artifact, {"threads": threads}, "host-cpu")
