"""How much each group of channels matters: what the loss on validation is with a part of that group alone cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tradeoff

from .graph import Coupling
from .rebuild import rebuilt

if TYPE_CHECKING:
    from .graph import Floats
    from .labels import Labels

#: Shares of a group's channels that are cut to see what it does.
SHARES: Final = (0.25, 0.5, 0.75)
#: Validation samples that are looked at, at most.
_SAMPLES: Final = 1024
_BATCH: Final = 256


@dataclass(frozen=True)
class Sensitivity:
    """Loss and quality on validation, whole and with each share of each group cut alone.

    :param whole: ``loss`` and the task's metric of the model as it is.
    :param groups: for each group the same at each of :data:`SHARES`.
    """

    whole: Mapping[str, float]
    groups: tuple[tuple[Mapping[str, float], ...], ...]

    def rise(self, place: int, kept: int, size: int) -> float:
        """What group ``place`` costs in loss with ``kept`` of ``size`` channels; lines between what was seen."""
        import numpy as np

        losses = [found["loss"] - self.whole["loss"] for found in self.groups[place]]
        # Nothing was seen beyond the last share: the whole group is taken for twice as dear.
        return float(np.interp(1 - kept / size, [0.0, *SHARES, 1.0], [0.0, *losses, 2 * losses[-1]]))


def sensitivity(model: Any, coupling: Coupling, scores: Floats, job: tradeoff.Rewriting) -> Sensitivity:
    """Measure it. A channel is as good as cut when its rows are zero in all layers that take it."""
    from tradeoff.quality import judge

    copy = rebuilt(model, {})
    # Whatever the device, nothing is compiled by XLA: that takes longer than running models of this size.
    copy.compile(jit_compile=False)
    validation = tradeoff.Split(job.validation.x[:_SAMPLES], job.validation.y[:_SAMPLES])

    def seen(gone: Labels) -> Mapping[str, float]:
        with _switched_off(copy, coupling, gone):
            return judge(_outputs(copy, validation.x), validation.y, job.task)

    groups = []
    for group in coupling.groups:
        order = weakest(group.channels, scores)
        groups.append(tuple(seen(order[: round(len(order) * share)]) for share in SHARES))
    return Sensitivity(seen(coupling.groups[0].channels[:0]), tuple(groups))


def weakest(channels: Labels, scores: Floats) -> Labels:
    """The channels of one group, those with the lowest scores first."""
    import numpy as np

    found: Labels = channels[np.argsort(scores[channels], kind="stable")]
    return found


@contextmanager
def _switched_off(model: Any, coupling: Coupling, gone: Labels) -> Iterator[None]:
    """While it lasts, ``gone`` add nothing to any layer of ``model``."""
    changes = list(_without(model, coupling, gone))
    try:
        for weight, _, changed in changes:
            weight.assign(changed)
        yield
    finally:
        for weight, before, _ in changes:
            weight.assign(before)


def _without(model: Any, coupling: Coupling, gone: Labels) -> Iterator[tuple[Any, Any, Any]]:
    import keras
    import numpy as np

    kept = coupling.kept(gone)
    for site, name, axis, labels in coupling.takers():
        if kept[labels].all():
            continue
        weight = next(each for each in model.get_layer(site.layer.name).weights if each.name == name)
        before = keras.ops.convert_to_numpy(weight).copy()
        changed = np.moveaxis(before.copy(), axis, -1)
        changed[..., ~kept[labels]] = 0.0
        yield weight, before, np.moveaxis(changed, -1, axis)


def _outputs(model: Any, x: Any) -> Any:
    import numpy as np

    return np.concatenate([model.predict_on_batch(x[start : start + _BATCH]) for start in range(0, len(x), _BATCH)])
