"""Training and fine-tuning, for models and for techniques alike. Runs in a worker."""

from tradeoff.training.fine_tuning import default_rate, fine_tune
from tradeoff.training.plain import History, keras_loss, set_seed, train
from tradeoff.training.structure import Kept, find_structure, impose

__all__ = [
    "History",
    "Kept",
    "default_rate",
    "find_structure",
    "fine_tune",
    "impose",
    "keras_loss",
    "set_seed",
    "train",
]
