"""Task ``digits``: 1,797 handwritten digits of 8 x 8 pixels, real data that comes with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import tradeoff

CALIBRATION: Final = 128
VALIDATION: Final = 180
TEST: Final = 360


def load() -> tradeoff.Splits:
    """Fixed splits, stratified by digit; calibration is a part of train."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    x = (digits.images / digits.images.max()).astype(np.float32)[..., np.newaxis]
    y = digits.target.astype(np.int64)

    def split_off(rows: tradeoff.Split, size: int) -> tuple[tradeoff.Split, tradeoff.Split]:
        parts = train_test_split(rows.x, rows.y, test_size=size, stratify=rows.y, random_state=0)
        return tradeoff.Split(parts[0], parts[2]), tradeoff.Split(parts[1], parts[3])

    rest, test = split_off(tradeoff.Split(x, y), TEST)
    train, validation = split_off(rest, VALIDATION)
    _, calibration = split_off(train, CALIBRATION)
    return tradeoff.Splits(train, calibration, validation, test)


@tradeoff.hookimpl
def tradeoff_tasks() -> Sequence[tradeoff.Task]:
    """The task ``digits``."""
    return [
        tradeoff.Task(
            name="digits",
            load=load,
            floor=0.95,
            requires=(tradeoff.Requirement("sklearn", "scikit-learn"),),
            summary="handwritten digits, 8 x 8 pixels, ten classes",
        )
    ]
