"""What stages share: the file of a variant, and numbers as JSON takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

MODEL_FILE: Final = "model.keras"


def load_keras(path: Path) -> Any:
    """The Keras model in a file."""
    from tradeoff.formats import keras_files

    return keras_files.load_model(path)


def plain(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no infinity: a number that is none is not available."""
    return {name: float(number) if math.isfinite(number) else None for name, number in numbers.items()}
