"""Technique ``channels``: neurons, filters and channels really removed, so that all that follows is smaller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.accounting import account

from ..model_graph import refuse_unreadable
from .allocation import Costs, allocate, even_channels, least, smaller_size
from .graph import Coupling, couple
from .ranking import ranked
from .rebuild import rebuilt
from .sensitivity import SHARES, Sensitivity, sensitivity, weakest

if TYPE_CHECKING:
    from .labels import Labels

#: Fine-tuning starts at this share of the rate that the model was trained with, or at this rate where that is unknown.
_RATE_SHARE: Final = 0.5
_RATE: Final = 1e-3
_BATCH: Final = 64

_PARAMETERS: Final = (
    tradeoff.Parameter(
        "amount", float, minimum=0.01, maximum=0.99, default=0.5, positional=True, summary="the share that is cut"
    ),
    tradeoff.Parameter(
        "of", str, default="macs", choices=("macs", "channels"), summary="a share of the model's MACs, or of each layer"
    ),
    tradeoff.Parameter(
        "multiple", int, default=8, minimum=1, maximum=256, summary="channel counts are multiples of it"
    ),
    tradeoff.Parameter(
        "rank",
        str,
        default="taylor",
        choices=("l1", "activation", "taylor"),
        summary="what tells which channels go: weights, what they give on calibration, or gradients on train",
    ),
    tradeoff.Parameter(
        "allocate",
        str,
        default="uniform",
        choices=("uniform", "sensitivity"),
        summary="all layers alike, or those first whose loss on validation says that they can spare it",
    ),
    tradeoff.Parameter(
        "schedule", str, default="oneshot", choices=("oneshot", "iterative"), summary="cut at once, or in rounds"
    ),
    tradeoff.Parameter(
        "rounds", int, default=4, minimum=2, maximum=100, summary="of schedule=iterative, with fine-tuning after each"
    ),
    tradeoff.Parameter(
        "epochs", int, default=10, minimum=0, maximum=10000, summary="of fine-tuning, all rounds together"
    ),
    tradeoff.Parameter(
        "rate", float, default=0.0, minimum=0.0, maximum=1.0, summary="learning rate; 0 is half of the model's own"
    ),
)


@dataclass(frozen=True)
class _Round:
    """What one round did: the channels that each group had, and has."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    sensitivity: Sensitivity


def cut_channels(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Cut, and fine-tune what is left; all that can be refused is refused before anything is trained."""
    refuse_unreadable(job.model)
    model = rebuilt(job.model, {})
    coupling, whole = couple(model), _counted(model, job)
    plan = _Plan(job, whole, tuple(len(group) for group in coupling.groups))
    plan.check(coupling)
    rounds: list[_Round] = []
    for number in range(1, plan.rounds + 1):
        coupling = couple(model)
        model, done = plan.one_round(model, coupling, number)
        rounds.append(done)
        _fine_tune(model, job, plan, number)
    names = [group.name for group in coupling.groups]
    fixed = {**coupling.fixed, **plan.untouched(names)}
    return tradeoff.Rewritten(
        model, epochs=int(job.values["epochs"]), left_out=fixed, facts=_facts(plan, names, rounds, _counted(model, job))
    )


@dataclass(frozen=True)
class _Plan:
    """What was asked, for a model that had ``whole`` multiply-accumulates and groups of these ``sizes``."""

    job: tradeoff.Rewriting
    whole: int
    sizes: tuple[int, ...]

    @property
    def multiple(self) -> int:
        return int(self.job.values["multiple"])

    @property
    def rounds(self) -> int:
        return int(self.job.values["rounds"]) if self.job.values["schedule"] == "iterative" else 1

    def epochs(self, number: int) -> int:
        """Of round ``number``, of as many as there are in all."""
        epochs = int(self.job.values["epochs"])
        return epochs * number // self.rounds - epochs * (number - 1) // self.rounds

    def check(self, coupling: Coupling) -> None:
        """Raise where nothing can be cut, or not as much as was asked."""
        name = self.job.model.name
        if not coupling.groups:
            why = "; ".join(f"{layer}: {reason}" for layer, reason in coupling.fixed.items())
            raise tradeoff.Refused("not implemented here", f"{name} has no layer whose channels can be cut. {why}")
        fewest = least(coupling.groups, self.multiple)
        if fewest == list(self.sizes):
            raise tradeoff.BadInput(
                f"channels: no layer of {name} has more than multiple={self.multiple} channels that can be cut "
                f"(the largest has {max(self.sizes)}); choose a smaller multiple"
            )
        if self.job.values["of"] == "macs":
            self._check_macs(coupling, fewest)

    def _check_macs(self, coupling: Coupling, fewest: list[int]) -> None:
        costs = self.costs(self.job.model, coupling)
        possible = 1 - costs.macs(fewest) / self.whole
        amount = float(self.job.values["amount"])
        if amount > possible:
            held = "; ".join(f"{layer}: {reason}" for layer, reason in coupling.fixed.items())
            raise tradeoff.BadInput(
                f"channels: of {self.job.model.name} at most {max(0.0, possible):.1%} of the MACs can be cut in "
                f"multiples of {self.multiple}, and amount={amount:g} was asked; choose a smaller amount or multiple "
                f"(these stay whole: {held})"
            )

    def costs(self, model: Any, coupling: Coupling) -> Costs:
        """Multiply-accumulates of ``model``, which is this one, or made of it by cutting."""
        counted = coupling if not _is_open(model) else couple(_closed(model, self.job))
        return Costs.of(coupling, counted, float(_counted(model, self.job)))

    def one_round(self, model: Any, coupling: Coupling, number: int) -> tuple[Any, _Round]:
        """Cut towards the share that is due after so many rounds."""
        values, share = self.job.values, float(self.job.values["amount"]) * number / self.rounds
        self.job.progress("looking which channels matter", (number - 1) / self.rounds)
        scores = ranked(str(values["rank"]), model, coupling, self.job)
        found = sensitivity(model, coupling, scores, self.job)
        now = tuple(len(group) for group in coupling.groups)
        if values["of"] == "channels":
            kept = [min(pair) for pair in zip(now, even_channels(self.sizes, share, self.multiple), strict=True)]
        else:
            kept = self._allocated(model, coupling, now, share, found)
        gone = [
            weakest(group.channels, scores)[: len(group) - left]
            for group, left in zip(coupling.groups, kept, strict=True)
        ]
        return rebuilt(model, coupling.changes(_joined(gone))), _Round(now, tuple(kept), found)

    def _allocated(
        self, model: Any, coupling: Coupling, now: tuple[int, ...], share: float, found: Sensitivity
    ) -> list[int]:
        chosen = self.job.values["allocate"] == "sensitivity"
        kept = allocate(
            self.sizes,
            now,
            self.costs(model, coupling),
            self.whole * (1 - share),
            self.multiple,
            (lambda place, left: found.rise(place, left, now[place])) if chosen else None,
        )
        if kept is None:
            raise tradeoff.TradeoffError(f"channels: {share:.1%} of the MACs of {model.name} could not be cut")
        return kept

    def untouched(self, names: Sequence[str]) -> dict[str, str]:
        """Layers that are too narrow to be cut."""
        return {
            name: f"it has {size} channels, and they are cut in multiples of {self.multiple}"
            for name, size in zip(names, self.sizes, strict=True)
            if smaller_size(size, self.multiple) is None
        }


def _joined(parts: list[Labels]) -> Labels:
    import numpy as np

    return np.concatenate(parts)


def _is_open(model: Any) -> bool:
    """Whether it takes samples of any size."""
    return len(model.inputs) == 1 and None in model.inputs[0].shape[1:]


def _closed(model: Any, job: tradeoff.Rewriting) -> Any:
    """The same for samples of the size that the data has."""
    return rebuilt(model, {}, job.train.x.shape[1:])


def _counted(model: Any, job: tradeoff.Rewriting) -> int:
    """Multiply-accumulates for one sample of the task."""
    macs = account(_closed(model, job) if _is_open(model) else model).macs
    if macs is None:
        raise tradeoff.Refused(
            "not implemented here",
            f"{model.name} does not say how large its inputs are, so its MACs cannot be counted; give them sizes",
        )
    return macs


def _fine_tune(model: Any, job: tradeoff.Rewriting, plan: _Plan, number: int) -> None:
    """Train what round ``number`` has left, more gently than at first; what was set to zero before stays so."""
    from tradeoff.training import fine_tune

    epochs, after = plan.epochs(number), sum(map(plan.epochs, range(1, number)))
    if epochs == 0:
        return
    usual = job.recipe.learning_rate * _RATE_SHARE if job.recipe else _RATE
    rate = float(job.values["rate"]) or usual

    def progress(text: str, done: float) -> None:
        job.progress(text, (number - 1 + done) / plan.rounds)

    # Right after a cut the model is not what it will be: the first epoch is the first that may be chosen.
    gently = replace(job, progress=progress)
    fine_tune(gently, model, epochs=epochs, learning_rate=rate, choose_from=1, after=after)


def _facts(plan: _Plan, names: Sequence[str], rounds: Sequence[_Round], macs: int) -> Mapping[str, Any]:
    """What was chosen and found, as plain JSON."""
    first = rounds[0].sensitivity
    return {
        "macs": [plan.whole, macs],
        "cut": round(1 - macs / plan.whole, 4),
        "channels": {
            name: [size, *(done.after[place] for done in rounds)]
            for place, (name, size) in enumerate(zip(names, plan.sizes, strict=True))
        },
        "sensitivity_over": "share of channels cut",
        "sensitivity_order": list(names),
        "sensitivity": {
            "whole": _rounded(first.whole),
            **{
                name: {f"{share:g}": _rounded(found) for share, found in zip(SHARES, group, strict=True)}
                for name, group in zip(names, first.groups, strict=True)
            },
        },
    }


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in numbers.items()}


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """The technique ``channels``."""
    return [
        tradeoff.Technique(
            "channels",
            stage="model",
            apply=cut_channels,
            parameters=_PARAMETERS,
            summary="filters and neurons removed for good: smaller shapes, fewer MACs",
        )
    ]
