"""The channels of a model that can be cut, in groups: which layers each touches, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..model_graph import calls
from .rebuild import Smaller
from .rules import follow
from .survey import Site, Survey, Work

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .labels import Labels

    Flags = NDArray[np.bool_]
    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Channels that cost the same: each stands for one filter in every layer that makes it.

    :param name: the layers that make them, joined by ``&``.
    :param layers: these layers.
    :param channels: their numbers; what is tied to one goes with it.
    """

    name: str
    layers: tuple[str, ...]
    channels: Labels

    def __len__(self) -> int:
        return len(self.channels)


@dataclass(frozen=True)
class Coupling:
    """What depends on what in one model.

    :param groups: the channels that can go.
    :param sites: the layers whose sizes depend on channels, by name.
    :param works: where the multiply-accumulates are.
    :param entries: for each call of a layer that takes channels in its name, and the tensor that it takes.
    :param fixed: layers whose channels all stay, each with the reason.
    :param tops: the number under which each channel goes or stays.
    """

    groups: tuple[Group, ...]
    sites: Mapping[str, Site]
    works: tuple[Work, ...]
    entries: tuple[tuple[str, Any], ...]
    fixed: Mapping[str, str]
    tops: Labels

    def kept(self, gone: Labels) -> Flags:
        """For each channel whether it stays when ``gone`` go."""
        import numpy as np

        stays = np.ones(len(self.tops), dtype=bool)
        stays[gone] = False
        flags: Flags = stays[self.tops]
        return flags

    def changes(self, gone: Labels) -> dict[str, Smaller]:
        """How each layer changes when ``gone`` go."""
        kept = self.kept(gone)
        found = {name: _smaller(site, kept) for name, site in self.sites.items()}
        return {name: smaller for name, smaller in found.items() if smaller is not None}

    def takers(self) -> Iterable[tuple[Site, str, int, Labels]]:
        """The layers that take channels in, each with the weight, its axis, and the channels along it."""
        for site in self.sites.values():
            if site.takes is not None:
                weight, axis = site.takes
                yield site, weight, axis, self.tops[site.weights[weight][axis]]

    def makers(self) -> Iterable[tuple[Site, str, int, Labels]]:
        """The layers that make channels, in the same way."""
        for site in self.sites.values():
            if site.makes is not None:
                weight, axis = site.makes
                yield site, weight, axis, self.tops[site.weights[weight][axis]]


def couple(model: Any) -> Coupling:
    """Follow the channels through ``model``, which holds no other model."""
    survey = Survey()
    for tensor in model.inputs:
        survey.tensors[id(tensor)] = survey.ties.new(int(tensor.shape[-1] or 1))
        survey.ties.keep(survey.tensors[id(tensor)], "are tied to the model's inputs")
    for call in calls(model):
        follow(survey, call)
    for tensor in model.outputs:
        survey.ties.keep(survey.tensors[id(tensor)], "are the model's outputs", foremost=True)
    return Coupling(
        groups=_groups(survey),
        sites=survey.sites,
        works=tuple(survey.works),
        entries=tuple(survey.entries),
        fixed=_fixed(survey),
        tops=survey.ties.tops(),
    )


def _smaller(site: Site, kept: Flags) -> Smaller | None:
    import numpy as np

    stays = {
        name: {axis: np.flatnonzero(kept[labels]) for axis, labels in axes.items()}
        for name, axes in site.weights.items()
    }
    config: dict[str, Any] = {}
    for key, (labels, before) in site.sizes.items():
        count = int(kept[labels].sum())
        config[key] = count if before is None else [*before, count]
    whole = all(kept[labels].all() for axes in site.weights.values() for labels in axes.values())
    whole = whole and all(kept[labels].all() for labels, _ in site.sizes.values())
    return None if whole else Smaller(config, stays)


def _groups(survey: Survey) -> tuple[Group, ...]:
    """Channels that stand equally often everywhere; so what one of them costs, each of them does."""
    import numpy as np

    tops = survey.ties.tops()
    arrays = [labels for work in survey.works for labels in (work.given, work.made) if labels is not None]
    if not arrays:
        return ()
    counts = np.stack([np.bincount(tops[labels], minlength=len(tops)) for labels in arrays])
    free = [int(top) for top in np.unique(tops) if not survey.ties.reason(int(top)) and counts[:, top].any()]
    alike: dict[bytes, list[int]] = {}
    for top in free:
        alike.setdefault(counts[:, top].tobytes(), []).append(top)
    return tuple(_group(survey, tops, np.array(channels, dtype=np.int64)) for channels in alike.values())


def _group(survey: Survey, tops: Labels, channels: Labels) -> Group:
    makers = tuple(
        name
        for name, site in survey.sites.items()
        if site.makes is not None and channels[0] in tops[site.weights[site.makes[0]][site.makes[1]]]
    )
    return Group("&".join(makers), makers, channels)


def _fixed(survey: Survey) -> dict[str, str]:
    found = {}
    for name, site in survey.sites.items():
        if site.makes is None:
            continue
        labels = site.weights[site.makes[0]][site.makes[1]]
        reasons = [survey.ties.reason(int(label)) for label in labels]
        if all(reasons):
            found[name] = f"its channels {reasons[0]}"
    return found
