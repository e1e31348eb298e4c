"""What every part speaks of: where numbers come from, what is missing, and the process that something runs in."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from tradeoff.errors import Reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.generic]


Stage = Literal["model", "precision", "artifact"]
Provenance = Literal["measured", "simulated", "modelled", "published", "unavailable"]
Direction = Literal["lower", "higher", "none"]
TaskKind = Literal["classification", "regression"]
#: What the model's last layer gives: class probabilities, raw scores, or the target itself.
Outputs = Literal["probabilities", "logits", "values"]
Progress = Callable[[str, float], None]
#: The smallest and the largest result of a layer, by the layer's name.
Ranges = Mapping[str, tuple[float, float]]
#: Among ranges: the model's input, which is no layer's result.
INPUT: Final = "(input)"


@dataclass(frozen=True)
class Requirement:
    """An importable module that must be there, and the distribution that brings it."""

    module: str
    distribution: str

    def installed(self) -> bool:
        """Whether the module can be found; nothing is imported."""
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None


@dataclass(frozen=True)
class Refusal:
    """Why a cell cannot exist, in one of the reasons that reports group by."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


@dataclass(frozen=True)
class Environment:
    """What a worker process needs before anything is imported; equal environments share one worker.

    :param name: how it is shown: ``litert``, ``keras on jax``.
    :param variables: environment variables, set before the first import.
    :param modules: what to import at the start; that time is measured and shown apart.
    """

    name: str
    variables: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()

    def numbered(self, number: int) -> Environment:
        """The same for one more process; the first is this one."""
        return self if number == 1 else replace(self, name=f"{self.name} #{number}")
