"""What a variant consists of and what techniques did to it: counted by the core, and told to a person."""

from tradeoff.inspecting.layers import inspect_layers
from tradeoff.inspecting.verifying import changes, totals, verified

__all__ = ["changes", "inspect_layers", "totals", "verified"]
