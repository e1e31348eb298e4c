"""Training and fine-tuning, for models and for techniques alike. Runs in a worker."""

from tradeoff.training.curves import curves_of
from tradeoff.training.fine_tuning import default_rate, fine_tune
from tradeoff.training.plain import keras_loss, set_seed, train
from tradeoff.training.structure import Kept, find_structure, impose
from tradeoff.vocabulary import History

__all__ = [
    "History",
    "Kept",
    "curves_of",
    "default_rate",
    "find_structure",
    "fine_tune",
    "impose",
    "keras_loss",
    "set_seed",
    "train",
]
