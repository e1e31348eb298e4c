"""The user's data from a function: ``module:callable``, which gives splits or a dict of arrays."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tradeoff.errors import BadInput, TradeoffError
from tradeoff.options import names_no_file
from tradeoff.vocabulary import Splits

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WHAT: Final = "tradeoff.Splits, or a dict of arrays: x_train, y_train, x_test, y_test, or x, y"


def is_function(text: str) -> bool:
    """Whether this is spelled like a function, and not like a file."""
    return names_no_file("data", text)


def call(spelled: str) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Import the module, call the function and take what it gives; runs the user's own code."""
    function = _found(spelled)
    try:
        given = function()
    except TradeoffError as error:
        raise BadInput(f"{spelled}: {error}") from error
    except (Exception, SystemExit) as error:
        raise BadInput(f"{spelled} raised {type(error).__name__}: {error}{_place(error)}") from error
    arrays = _of_splits(given) if isinstance(given, Splits) else given
    if not isinstance(arrays, Mapping) or not arrays or not all(isinstance(name, str) for name in arrays):
        raise BadInput(f"{spelled} gave {_told(given)}; it must give {_WHAT}")
    kind = "splits" if isinstance(given, Splits) else "a dict of arrays"
    return {name: _array(spelled, name, value) for name, value in arrays.items()}, [
        f"{spelled} was called and gave {kind}"
    ]


def _found(spelled: str) -> Any:
    module, _, name = spelled.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(f"{error.name}.")):
            raise BadInput(
                f"{spelled}: there is no module {error.name!r}; run from the folder it lies in, or install it"
            ) from error
        raise BadInput(f"{spelled}: importing {module} failed: {error}{_place(error)}") from error
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"{spelled}: importing {module} raised {type(error).__name__}: {error}{_place(error)}"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise BadInput(f"{spelled}: {getattr(found, '__name__', module)} has no {part!r}")
        found = getattr(found, part)
    if not callable(found):
        raise BadInput(f"{spelled} is {_told(found)}, not a function; it must give {_WHAT}")
    return found


def _of_splits(splits: Splits) -> dict[str, Any]:
    named = {"train": splits.train, "calibration": splits.calibration, "val": splits.validation, "test": splits.test}
    arrays: dict[str, Any] = {}
    for name, split in named.items():
        arrays[f"x_{name}"] = split.x
        # Calibration needs inputs alone.
        if name != "calibration" or len(split.y):
            arrays[f"y_{name}"] = split.y
    return arrays


def _array(spelled: str, name: str, value: Any) -> NDArray[Any]:
    import numpy as np

    try:
        array: NDArray[Any] = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{spelled}: its {name} is {_told(value)}, which is no array of numbers: {error}") from error
    if array.dtype.hasobject:
        raise BadInput(f"{spelled}: its {name} is {_told(value)} of Python objects; give an array of numbers")
    return array


def _told(value: Any) -> str:
    name = type(value).__name__
    return "nothing" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _place(error: BaseException) -> str:
    """The last line of the user's own that is on the way to the error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    inside = [frame for frame in frames if "importlib" not in frame.filename]
    return f" ({inside[-1].filename}, line {inside[-1].lineno})" if inside else ""
