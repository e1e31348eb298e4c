"""The words of the project as types: what a plugin declares, and what it is handed.

Everything here is a plain frozen dataclass or a small interface. A plugin author imports these names from
``tradeoff`` itself; nothing in this module imports a framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradeoff.vocabulary.backends import (
    Anatomy,
    Backend,
    Capabilities,
    Conversion,
    Loading,
    Runner,
    StoredTensor,
)
from tradeoff.vocabulary.common import (
    INPUT,
    Direction,
    Environment,
    Outputs,
    Progress,
    Provenance,
    Ranges,
    Refusal,
    Requirement,
    Stage,
    TaskKind,
)
from tradeoff.vocabulary.devices import (
    Device,
    Estimated,
    Figure,
    Workload,
)
from tradeoff.vocabulary.effort import (
    Effort,
)
from tradeoff.vocabulary.meters import (
    Meter,
    Reading,
)
from tradeoff.vocabulary.operators import (
    Operator,
    Profile,
)
from tradeoff.vocabulary.renderers import (
    Renderer,
)
from tradeoff.vocabulary.tasks import (
    Model,
    Recipe,
    Split,
    Splits,
    Task,
)
from tradeoff.vocabulary.techniques import (
    COARSEST,
    EPOCHS,
    FLOAT32,
    Encoded,
    Encoding,
    Rewriting,
    Rewritten,
    Technique,
    Tolerance,
)
from tradeoff.vocabulary.trainings import (
    History,
)
from tradeoff.vocabulary.views import (
    View,
)

if TYPE_CHECKING:
    from tradeoff.vocabulary.common import Array as Array

__all__ = [
    "COARSEST",
    "EPOCHS",
    "FLOAT32",
    "INPUT",
    "Anatomy",
    "Backend",
    "Capabilities",
    "Conversion",
    "Device",
    "Direction",
    "Effort",
    "Encoded",
    "Encoding",
    "Environment",
    "Estimated",
    "Figure",
    "History",
    "Loading",
    "Meter",
    "Model",
    "Operator",
    "Outputs",
    "Profile",
    "Progress",
    "Provenance",
    "Ranges",
    "Reading",
    "Recipe",
    "Refusal",
    "Renderer",
    "Requirement",
    "Rewriting",
    "Rewritten",
    "Runner",
    "Split",
    "Splits",
    "Stage",
    "StoredTensor",
    "Task",
    "TaskKind",
    "Technique",
    "Tolerance",
    "View",
    "Workload",
]
