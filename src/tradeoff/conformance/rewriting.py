"""What the kit does with a technique in a worker: has it change a net, and tells plain facts of what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradeoff.conformance.nets import MODEL
from tradeoff.conformance.watching import left_behind
from tradeoff.datafiles import NAMES, DataFiles
from tradeoff.errors import Refused, TradeoffError
from tradeoff.registry import Registry
from tradeoff.vocabulary import Progress, Recipe, Rewriting, Rewritten, Splits, Task

if TYPE_CHECKING:
    from tradeoff.spelling import Value

_RECIPE = Recipe(epochs=1, batch_size=32)


def look_at_technique(registry: Registry, request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Apply it to one net; everything that can come of it is a fact, and nothing an error."""
    from tradeoff.fingerprint import digest_arrays

    files = DataFiles(Path(request["data"]))
    data, asked = Splits(*(files.split(name) for name in NAMES)), []
    arrays = {name: getattr(data, name).x for name in ("train", "calibration", "validation")}
    before = digest_arrays(arrays)
    with left_behind(Path(request["folder"]) / "applying") as left:
        told = _applied(registry, request, data, lambda: asked.append("load"), progress)
    return {**told, "left": left.files, "wrote": digest_arrays(arrays) != before, "asked": bool(asked)}


def _applied(
    registry: Registry, request: Mapping[str, Any], data: Splits, note: Callable[[], None], progress: Progress
) -> dict[str, Any]:
    import keras

    from tradeoff import training
    from tradeoff.formats import keras_files

    # What the nets before it left in Keras makes each one slower than the last.
    keras.utils.clear_session()
    apply = registry.techniques[request["technique"]].apply
    training.set_seed(request["seed"])
    model = keras_files.load_model(Path(request["data"]) / MODEL)
    if apply is None:
        return {"how": "raised", "text": "it has stage model and no `apply`"}
    try:
        found = apply(_job(model, request["values"], data, request["seed"], note, progress))
        made = found.model if isinstance(found, Rewritten) else found
    except Refused as error:
        return {"how": "refused", "text": str(error)}
    except TradeoffError as error:
        return {"how": "bad input", "text": str(error)}
    except Exception as error:
        return {"how": "raised", "text": f"{type(error).__name__}: {error}"}
    return _told(made, model, data, Path(request["folder"]))


def _job(
    model: Any, values: Mapping[str, Value], data: Splits, seed: int, note: Callable[[], None], progress: Progress
) -> Rewriting:
    def load() -> Splits:
        note()
        return data

    return Rewriting(
        model=model,
        values=values,
        task=Task("conformance", load),
        train=data.train,
        calibration=data.calibration,
        validation=data.validation,
        recipe=_RECIPE,
        seed=seed,
        progress=progress,
    )


def _told(made: Any, given: Any, data: Splits, folder: Path) -> dict[str, Any]:
    """What came out: whether it is a Keras model with the same ends, which can be written and read again."""
    import keras
    import numpy as np

    from tradeoff.formats import keras_files

    if not isinstance(made, keras.Model):
        return {"how": "made", "text": "", "is_model": False, "type": type(made).__qualname__}
    if not made.built:
        return {"how": "made", "text": "", "is_model": False, "type": "model that is not built"}
    path = folder / "made.keras"
    keras_files.save_model(made, path)
    outputs = keras_files.outputs_of(made, data.validation.x)
    again = keras_files.outputs_of(keras_files.load_model(path), data.validation.x)
    return {
        "how": "made",
        "text": "",
        "is_model": True,
        "ends": _ends(made),
        "expected": _ends(given),
        "finite": bool(np.isfinite(outputs).all()),
        "same_when_read": bool(np.allclose(outputs, again, atol=1e-6)),
        "content": keras_files.content(made),
    }


def _ends(model: Any) -> list[list[Any]]:
    """Shapes and types of what it takes and gives."""
    return [[[str(size) for size in tensor.shape], str(tensor.dtype)] for tensor in (*model.inputs, *model.outputs)]
