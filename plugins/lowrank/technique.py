"""Techniques ``svd``, ``tucker`` and ``cp``: a layer becomes two, three or four thin ones, its kernel's factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tradeoff
from tradeoff.accounting import account
from tradeoff.training import default_rate, find_structure, fine_tune

from ..model_graph import refuse_unreadable
from ..structured.rebuild import Instead, rebuilt
from .factors import TENSORLY, Method, methods, unfold_for
from .layers import instead
from .ranks import CUT, VBMF, Chosen, Rule, in_layers, most_kept, rule_of, under_budget
from .sites import Site, Surveyed, is_open, survey

if TYPE_CHECKING:
    from .factors import Table

_BUDGETS: Final = ("macs", "size")
_TOGETHER: Final = "together"
_APART: Final = "apart"

_PARAMETERS: Final = (
    tradeoff.Parameter(
        CUT,
        float,
        default=0.5,
        minimum=0.01,
        maximum=0.99,
        positional=True,
        summary="the share of each layer's weights that goes, where no other rule is asked for",
    ),
    tradeoff.Parameter(
        "energy",
        float,
        default=0.0,
        minimum=0.0,
        maximum=0.9999,
        summary="instead: the share of each kernel's sum of squares that is kept",
    ),
    tradeoff.Parameter(
        "macs",
        float,
        default=0.0,
        minimum=0.0,
        maximum=0.99,
        summary="instead: the share of the whole model's MACs that may be left",
    ),
    tradeoff.Parameter(
        "size",
        float,
        default=0.0,
        minimum=0.0,
        maximum=0.99,
        summary="instead: the share of the whole model's parameters that may be left",
    ),
    tradeoff.Parameter(
        "rank",
        str,
        default="rule",
        choices=("rule", VBMF),
        summary=f"{VBMF}: instead, the ranks that variational Bayes tells from noise",
    ),
    tradeoff.Parameter("multiple", int, default=1, minimum=1, maximum=256, summary="ranks are multiples of it"),
    tradeoff.Parameter(
        "smallest", int, default=2048, minimum=1, summary="a kernel of fewer weights stays: two layers take longer"
    ),
    tradeoff.Parameter("epochs", int, default=10, minimum=0, maximum=10000, summary="epochs of fine-tuning"),
    tradeoff.Parameter(
        "rate", float, default=0.3, minimum=1e-6, maximum=10.0, summary="share of the recipe's learning rate"
    ),
)
_TAPS: Final = tradeoff.Parameter(
    "taps",
    str,
    default=_TOGETHER,
    choices=(_TOGETHER, _APART),
    summary="the depthwise convolution in the middle: one over all taps, or one along each dimension",
)


@dataclass(frozen=True)
class _Made:
    """One layer's factors.

    :param layers: what comes instead of it.
    :param facts: what is told of it.
    """

    layers: Instead
    facts: Mapping[str, Any]


def factorise(job: tradeoff.Rewriting, technique: str) -> tradeoff.Rewritten:
    """Choose ranks, put the factors in, and fine-tune; what can be refused is refused before anything is trained."""
    refuse_unreadable(job.model)
    rule = rule_of(job.values, technique)
    model = rebuilt(job.model, {})
    found = survey(model, technique, int(job.values["smallest"]), job.train.x.shape[1:], apart=_is_apart(job))
    if not found.sites:
        raise tradeoff.Refused(
            "not implemented here", f"{technique}: {model.name} has no layer to factorise. {_reasons(found.left_out)}"
        )
    job.progress("choosing ranks", 0.0)
    work = _Work(job, technique, rule, found)
    tables = work.tables()
    chosen = work.choose(model.name, tables)
    made = {
        site.name: work.made(site, table, chosen.rows[site.name]) for site, table in tables if site.name in chosen.rows
    }
    small = rebuilt(model, {name: each.layers for name, each in made.items()})
    facts = {
        "rule": rule.spelling,
        **_sizes(small, found, job),
        "layers": {name: dict(each.facts) for name, each in made.items()},
    }
    notes = (*_lost(model, made, technique), *work.missed(made), *_uncounted(rule, found))
    epochs = int(job.values["epochs"])
    if epochs:
        rate = default_rate(job, float(job.values["rate"]))
        facts["chosen_epoch"] = fine_tune(job, small, epochs=epochs, learning_rate=rate).best
    return tradeoff.Rewritten(small, epochs, {**found.left_out, **chosen.left_out}, notes, facts)


def _is_apart(job: tradeoff.Rewriting) -> bool:
    return job.values.get("taps") == _APART


@dataclass(frozen=True)
class _Work:
    """What was asked for, and what was found."""

    job: tradeoff.Rewriting
    technique: str
    rule: Rule
    found: Surveyed

    @property
    def method(self) -> Method:
        """How it is done."""
        return methods(self.technique, apart=self.apart, errors=self.rule.name not in (CUT, VBMF))

    @property
    def apart(self) -> bool:
        """Whether the taps of each dimension are a factor of their own."""
        return _is_apart(self.job)

    def tables(self) -> list[tuple[Site, Table]]:
        """What could be chosen for each layer."""
        multiple = int(self.job.values["multiple"])
        return [(site, self.method.table(site, multiple, self.job.seed)) for site in self.found.sites]

    def choose(self, name: str, tables: Sequence[tuple[Site, Table]]) -> Chosen:
        """The ranks of each layer, and of those that stay whole the reason."""
        if self.rule.name in _BUDGETS:
            chosen = under_budget(self.rule, tables, self.found, f"{self.technique}: {name}")
        else:
            multiple = int(self.job.values["multiple"])
            chosen = in_layers(self.rule, tables, lambda site: self.method.automatic(site.kernel()), multiple)
        if not chosen.rows:
            raise tradeoff.BadInput(
                f"{self.technique}: with {self.rule.spelling} no layer of {name} becomes smaller. "
                f"{_reasons({**chosen.left_out, **self.found.left_out})}.{_advice(self.rule, tables)}"
            )
        return chosen

    def made(self, site: Site, table: Table, row: int) -> _Made:
        """The factors of one layer, as layers, and what is told of them."""
        import numpy as np

        self.job.progress(f"factorising {site.name}", 0.0)
        kernel = unfold_for(self.technique, site, apart=self.apart)
        ranks = tuple(int(rank) for rank in table.ranks[row])
        factors, whole = self.method.factors(kernel, ranks, self.job.seed)
        error = float(np.linalg.norm(whole - site.kernel()) / np.linalg.norm(kernel))
        _, taken, given = site.shape
        facts = {
            "kernel": [*site.spatial, taken, given],
            "ranks": list(ranks),
            "error": round(error, 6),
            "energy": round(1 - error**2, 6),
            "weights": [site.weights, int(table.weights[row])],
            "macs": [site.macs, int(table.macs[row])],
        }
        if self.found.macs is None:
            del facts["macs"]
        return _Made(instead(site, self.technique, factors), facts)

    def missed(self, made: Mapping[str, _Made]) -> Sequence[str]:
        """Of CP the error is known only afterwards."""
        if self.rule.name != "energy":
            return ()
        short = {name: each.facts["energy"] for name, each in made.items() if each.facts["energy"] < self.rule.number}
        return tuple(
            f"{self.technique} keeps {energy:.4g} of the energy of {name}, and {self.rule.number:g} was asked: the "
            "error of a rank is known only once it is decomposed"
            for name, energy in short.items()
        )


def _reasons(left_out: Mapping[str, str]) -> str:
    return "; ".join(f"{layer}: {reason}" for layer, reason in left_out.items()) or "It has no layer with a kernel"


def _advice(rule: Rule, tables: Sequence[tuple[Site, Table]]) -> str:
    """What would give something."""
    if rule.name == "energy" and (most := most_kept(tables)) > 0:
        return f" At energy={int(most * 1000) / 1000:g} one layer does"
    return ""


def _sizes(small: Any, found: Surveyed, job: tradeoff.Rewriting) -> dict[str, Any]:
    """Of the whole model, before and after."""
    sized = rebuilt(small, {}, job.train.x.shape[1:]) if is_open(small) else small
    counted = account(sized)
    sizes = {"parameters": [found.parameters, counted.parameters]}
    return sizes if counted.macs is None else {"macs": [found.macs, counted.macs], **sizes}


def _lost(model: Any, made: Mapping[str, _Made], technique: str) -> Sequence[str]:
    """Zeros and clusters of a kernel are not in its factors."""
    kept = {id(structure.variable) for structure in find_structure(model)}
    names = [layer.name for layer in model.layers if layer.name in made and id(layer.kernel) in kept]
    if not names:
        return ()
    told = f"zeros and clusters that {', '.join(names)} came with are gone: the factors of {technique} are dense"
    return (f"{told}. Prune or cluster after it instead",)


def _uncounted(rule: Rule, found: Surveyed) -> Sequence[str]:
    if rule.name != "macs" or not found.uncounted:
        return ()
    return (f"the arithmetic of {', '.join(found.uncounted)} is not counted, and so not part of macs={rule.number:g}",)


def _svd(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    return factorise(job, "svd")


def _tucker(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    return factorise(job, "tucker")


def _cp(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    return factorise(job, "cp")


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``svd`` for dense layers and 1x1 convolutions, ``tucker`` and ``cp`` for all other convolutions."""
    return [
        tradeoff.Technique(
            "svd",
            stage="model",
            apply=_svd,
            parameters=_PARAMETERS,
            summary="dense layers and 1x1 convolutions as two thin ones",
        ),
        tradeoff.Technique(
            "tucker",
            stage="model",
            apply=_tucker,
            parameters=_PARAMETERS,
            requires=(TENSORLY,),
            summary="convolutions as 1x1, a smaller one, 1x1",
        ),
        tradeoff.Technique(
            "cp",
            stage="model",
            apply=_cp,
            parameters=(*_PARAMETERS, _TAPS),
            requires=(TENSORLY,),
            summary="convolutions as 1x1, depthwise, 1x1",
        ),
    ]
