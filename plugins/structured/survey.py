"""What is found out about the channels of a model on the way through its graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .labels import Ties

if TYPE_CHECKING:
    from .labels import Labels


@dataclass
class Site:
    """A layer whose size depends on channels.

    :param layer: itself.
    :param sizes: entries of its configuration, each with the channels it counts and what stands before the count.
    :param weights: for each weight its axes, counted from the end, with the channels along them.
    :param makes: the weight whose last axes are filters, and the axis of the channels it makes.
    :param takes: the weight and the axis along which it takes in channels.
    """

    layer: Any
    sizes: Mapping[str, tuple[Labels, tuple[Any, ...] | None]] = field(default_factory=dict)
    weights: Mapping[str, Mapping[int, Labels]] = field(default_factory=dict)
    makes: tuple[str, int] | None = None
    takes: tuple[str, int] | None = None


@dataclass(frozen=True)
class Work:
    """Multiply-accumulates: so many for each pair of a channel taken and one made; without ``given``, for each made."""

    each: float
    given: Labels | None
    made: Labels


@dataclass
class Survey:
    """What was found so far on the way through a model."""

    ties: Ties = field(default_factory=Ties)
    tensors: dict[int, Labels] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)
    #: The tensor that each call of a layer takes its channels from, with the layer's name.
    entries: list[tuple[str, Any]] = field(default_factory=list)

    def site(self, made: Site) -> Site:
        """Note a layer; one that is called twice takes the same channels both times."""
        known = self.sites.setdefault(made.layer.name, made)
        for name, axes in made.weights.items():
            for axis, labels in axes.items():
                self.ties.tie(known.weights[name][axis], labels)
        for key, (labels, _) in made.sizes.items():
            self.ties.tie(known.sizes[key][0], labels)
        return known

    def outputs(self, layer: Any, count: int) -> Labels:
        """The channels that a layer makes: the same at every call."""
        known = self.sites.get(layer.name)
        if known is None or known.makes is None:
            return self.ties.new(count)
        weight, axis = known.makes
        return known.weights[weight][axis]
