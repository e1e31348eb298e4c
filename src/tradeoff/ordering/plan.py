"""Which chains are tried: every order of all techniques, and what it takes to tell order from mere company."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from tradeoff.chain import BASELINE, Chain, parse_chain
from tradeoff.errors import BadInput
from tradeoff.spelling import spell, split
from tradeoff.vocabulary import EPOCHS, Technique

#: Orders of five techniques are 120 chains, with singles and pairs 145; each is trained once per seed.
_MOST: Final = 5


@dataclass(frozen=True)
class Way:
    """One chain that is tried.

    :param members: the techniques that change the model, as they were named, in their order; none for the model as it
        is.
    :param chain: what is run: each of them with its share of the epochs, and what follows in every chain.
    """

    members: tuple[str, ...]
    chain: str

    @property
    def told(self) -> str:
        """The order for a person: ``prune, then qat``."""
        return ", then ".join(self.members) or "none of them"


@dataclass(frozen=True)
class Ways:
    """All that is tried.

    :param ways: the model as it is first, then each technique alone, each pair in both orders, and all of them in each
        order.
    :param names: the techniques that change the model.
    :param tail: what stands at the end of every chain: a precision, a coding.
    :param epochs: of each chain together.
    """

    ways: tuple[Way, ...]
    names: tuple[str, ...]
    tail: str
    epochs: int


def ways_of(words: Sequence[str], epochs: int, techniques: Mapping[str, Technique]) -> Ways:
    """The chains for ``words``, each a technique with its values."""
    chains = [_one(word, techniques) for word in words]
    steps = [chain.steps[0] for chain in chains]
    names = tuple(step.spelling for step in steps if step.stage == "model")
    _check(names, epochs)
    for step in steps:
        _check_epochs(step.technique, words)
    tail = _tail(chains, techniques)
    found = tuple(Way(members, _spelled(members, epochs, tail, techniques)) for members in _orders(names))
    return Ways(found, names, tail or BASELINE, epochs)


def _one(word: str, techniques: Mapping[str, Technique]) -> Chain:
    chain = parse_chain(word, techniques)
    if len(chain.steps) != 1:
        raise BadInput(f"{word!r} is not one technique; name them one by one, and they are put in every order")
    return chain


def _check(names: Sequence[str], epochs: int) -> None:
    if len(names) < 2:
        told = f"{names[0]} alone has" if names else "there is none: precisions come last and have"
        raise BadInput(f"an order takes two techniques that change the model; {told} no order. Try prune,cluster,qat")
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise BadInput(f"{double} is named twice; name it once")
    if len(names) > _MOST:
        raise BadInput(f"{len(names)} techniques have too many orders; name at most {_MOST}")
    if epochs < len(names):
        raise BadInput(
            f"--epochs {epochs} are too few for {len(names)} techniques that train; give {len(names)} or more"
        )


def _check_epochs(technique: str, words: Sequence[str]) -> None:
    word = next(word for word in words if split(word)[0] == technique)
    if any(argument.startswith(f"{EPOCHS}=") for argument in split(word)[1]):
        raise BadInput(f"{word!r}: leave {EPOCHS} out; --epochs is shared out, so that every chain trains for as long")


def _tail(chains: Sequence[Chain], techniques: Mapping[str, Technique]) -> str:
    """What the techniques name or imply beyond the model, for every chain alike: else precisions would be compared."""
    every = parse_chain("+".join(chain.spelling for chain in _by_stage(chains)), techniques)
    steps = [step for step in every.in_full.steps if step.stage != "model"]
    return "+".join(step.spelling for step in steps)


def _by_stage(chains: Sequence[Chain]) -> list[Chain]:
    stages = ("model", "precision", "artifact")
    return sorted(chains, key=lambda chain: stages.index(chain.steps[0].stage))


def _orders(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for count in dict.fromkeys((0, 1, 2, len(names))):
        yield from permutations(names, count)


def _spelled(members: Sequence[str], epochs: int, tail: str, techniques: Mapping[str, Technique]) -> str:
    trained = [name for name in members if _trains(techniques[split(name)[0]])]
    parts = []
    for name in members:
        if name not in trained:
            parts.append(name)
            continue
        # What does not divide goes to the first ones.
        share, rest = divmod(epochs, len(trained))
        parts.append(_with_epochs(name, share + (trained.index(name) < rest), techniques))
    return "+".join((*parts, *([tail] if tail else []))) or BASELINE


def _trains(technique: Technique) -> bool:
    return any(parameter.name == EPOCHS for parameter in technique.parameters)


def _with_epochs(name: str, epochs: int, techniques: Mapping[str, Technique]) -> str:
    (step,) = parse_chain(f"{name}:{EPOCHS}={epochs}", techniques).steps
    return spell(step.technique, techniques[step.technique].parameters, dict(step.values))
