"""Which compressed version of a neural network to ship, on which runtime, for which device.

A plugin needs this module alone. The smallest backend::

    import tradeoff

    class Mine(tradeoff.Backend):
        name = "mine"
        def convert(self, job): ...   # write the artifact into job.folder, return its path
        def load(self, job): ...      # return an object with bind(batch) -> zero-argument call

    @tradeoff.hookimpl
    def tradeoff_backends():
        return [Mine()]
"""

from tradeoff.errors import BadInput, Refused, TradeoffError
from tradeoff.hookspecs import hookimpl
from tradeoff.spelling import Parameter
from tradeoff.vocabulary import (
    INPUT,
    Anatomy,
    Backend,
    Capabilities,
    Conversion,
    Device,
    Effort,
    Encoded,
    Encoding,
    Environment,
    Estimated,
    Figure,
    History,
    Loading,
    Meter,
    Model,
    Operator,
    Profile,
    Reading,
    Recipe,
    Refusal,
    Renderer,
    Requirement,
    Rewriting,
    Rewritten,
    Runner,
    Split,
    Splits,
    StoredTensor,
    Task,
    Technique,
    Tolerance,
    View,
    Workload,
)

__all__ = [
    "INPUT",
    "Anatomy",
    "Backend",
    "BadInput",
    "Capabilities",
    "Conversion",
    "Device",
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
    "Parameter",
    "Profile",
    "Reading",
    "Recipe",
    "Refusal",
    "Refused",
    "Renderer",
    "Requirement",
    "Rewriting",
    "Rewritten",
    "Runner",
    "Split",
    "Splits",
    "StoredTensor",
    "Task",
    "Technique",
    "Tolerance",
    "TradeoffError",
    "View",
    "Workload",
    "hookimpl",
]
