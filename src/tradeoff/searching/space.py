"""What a search may propose: which techniques stand in a chain, in which order, and which values they may have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from tradeoff.cell import BackendChoice
from tradeoff.chain import BASELINE, FLOAT32, parse_chain
from tradeoff.errors import BadInput
from tradeoff.registry import Registry
from tradeoff.spelling import Parameter, spell, split
from tradeoff.sweeps import swept
from tradeoff.vocabulary import Stage, Technique

ALL: Final = "all"
#: In the order in which they stand in a chain: first what changes shapes, then what leaves zeros and shared values,
#: then what trains for a precision.
DEFAULT: Final = ("channels", "svd", "tucker", "prune", "cluster", "qat", "fp16", "dynamic", "int8", "huffman")
#: That of a choice which leaves something out.
NONE: Final = "none"
#: Techniques of stage ``model`` in one chain: with more, most proposals would be chains that train for an hour.
MEMBERS: Final = ("first", "second")
#: Shares are proposed in steps of this.
_STEP: Final = 0.05
#: From this ratio of the ends on, whole numbers are proposed by powers of two.
_WIDE: Final = 16
_MANY: Final = 32


class Picker(Protocol):
    """Who decides: a sampler, or a test."""

    def one_of(self, name: str, choices: Sequence[str]) -> str:
        """One of the words."""
        ...

    def place(self, name: str, count: int) -> int:
        """A number from 0 to one below ``count``; neighbours are alike."""
        ...


@dataclass(frozen=True)
class Dial:
    """A technique as it may stand in a chain.

    :param steps: its spellings, in the order of the value that changes; one where none does.
    """

    technique: str
    stage: Stage
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Space:
    """All that may be proposed.

    :param models: techniques that change the model, in the order in which they stand in a chain.
    :param precisions: by the spelling of a backend: those that it realises, :data:`FLOAT32` for none asked for.
    :param codings: techniques that work on artifacts.
    """

    models: tuple[Dial, ...]
    precisions: Mapping[str, tuple[str, ...]]
    codings: tuple[Dial, ...]

    @property
    def backends(self) -> tuple[str, ...]:
        """As they are spelled."""
        return tuple(self.precisions)


@dataclass(frozen=True)
class Proposal:
    """A chain and the backend that shall realise it."""

    chain: str
    backend: str


# --- what there is to choose from -------------------------------------------------------------------


def space_of(words: Sequence[str], backends: Sequence[BackendChoice], registry: Registry) -> Space:
    """The space of these techniques, each a name, with values, or with a range of them."""
    dials = [dial_of(word, registry.techniques) for word in words if word != BASELINE]
    names = [dial.technique for dial in dials]
    double = next((name for name in names if names.count(name) > 1), None)
    if double:
        raise BadInput(f"{double} is named twice; name it once, with a range: {double}:LOW..HIGH/COUNT")
    wanted = [step for dial in dials if dial.stage == "precision" for step in dial.steps]
    return Space(
        tuple(dial for dial in dials if dial.stage == "model"),
        {choice.spelling: _realised(choice, wanted, registry) for choice in backends},
        tuple(dial for dial in dials if dial.stage == "artifact"),
    )


def _realised(choice: BackendChoice, wanted: Sequence[str], registry: Registry) -> tuple[str, ...]:
    """Of the precisions that are wanted those that the backend has; what takes bits of a technique is implied by it."""
    can = registry.backends[choice.name].abilities(choice.parameters)
    return tuple(step for step in (FLOAT32, *wanted) if split(step)[0] in can.precisions)


def default_words(registry: Registry, here: bool) -> tuple[list[str], list[str]]:
    """The techniques that are tried unless some are named, and what had to be left out of them, with the reason.

    :param here: whether the device is; what is coded cannot be decoded on a microcontroller.
    """
    words, left_out = [], []
    for name in DEFAULT:
        technique = registry.techniques.get(name)
        if technique is None or (technique.stage == "artifact" and not here):
            continue
        missing = [need.distribution for need in technique.requires if not need.installed()]
        if missing:
            left_out.append(f"{name} is left out; it needs {', '.join(missing)}: pip install {' '.join(missing)}")
        else:
            words.append(name)
    return words, left_out


def all_words(registry: Registry) -> list[str]:
    """Every technique that needs no value to be given, in an order that a chain may have."""
    ready = [one for one in registry.techniques.values() if all(p.default is not None for p in one.parameters)]
    return [one.name for one in sorted(ready, key=_rank)]


def _rank(technique: Technique) -> tuple[int, int]:
    """As in :data:`DEFAULT`: shapes first, then what leaves zeros, then what prepares for a precision."""
    kind = 2 if technique.implies else 1 if technique.realised_by else 0
    return kind, DEFAULT.index(technique.name) if technique.name in DEFAULT else len(DEFAULT)


def dial_of(word: str, techniques: Mapping[str, Technique]) -> Dial:
    """What one word stands for: a name alone has its values proposed, a range is taken as it is."""
    if "+" in word:
        raise BadInput(f"{word!r} is a chain; name its techniques one by one, chains are what is looked for")
    name, arguments = split(word)
    if name in techniques and not arguments:
        steps: Sequence[str] = ladder(techniques[name])
    else:
        steps = swept(word, techniques)
    found = [parse_chain(step, techniques).steps[0] for step in steps]
    return Dial(found[0].technique, found[0].stage, tuple(step.spelling for step in found))


def ladder(technique: Technique) -> list[str]:
    """The spellings among which a search chooses: by the value that may be written without its name."""
    main = technique.parameters[0] if technique.parameters and technique.parameters[0].positional else None
    values = values_of(main) if main is not None else []
    if main is None or not values:
        return [technique.name]
    return [spell(technique.name, technique.parameters, {main.name: value}) for value in values]


def values_of(parameter: Parameter) -> list[int] | list[float]:
    """Values of a bounded number, from the lowest to the highest; none where a search should not choose it."""
    low, high = parameter.minimum, parameter.maximum
    if low is None or high is None:
        return []
    if parameter.type is float and low >= 0 and high <= 1:
        steps = range(max(1, math.ceil(low / _STEP - 1e-9)), math.ceil(1 / _STEP))
        return [round(_STEP * step, 2) for step in steps if _STEP * step <= high]
    if parameter.type is int and low > 0 and high / low >= _WIDE:
        return [2**power for power in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
    if parameter.type is int and high - low < _MANY:
        return list(range(int(low), int(high) + 1))
    return []


# --- choosing ---------------------------------------------------------------------------------------


def propose(space: Space, techniques: Mapping[str, Technique], pick: Picker) -> Proposal:
    """One chain on one backend. It is spelled rightly; whether it can exist there is up to the planner."""
    backend = _one_of(pick, "backend", space.backends)
    dials = _members(space, pick)
    steps = [dial.steps[_place(pick, dial)] for dial in dials]
    implied = {techniques[dial.technique].implies for dial in dials} - {""}
    stages = {techniques[name].stage for name in implied if name in techniques}
    precision = FLOAT32
    if "precision" not in stages and space.precisions[backend]:
        precision = _one_of(pick, f"precision on {backend}", space.precisions[backend])
    # Entropy coding gains where weights have few values.
    few = precision != FLOAT32 or bool(stages) or any(techniques[dial.technique].realised_by for dial in dials)
    coding = _coding(space, pick) if few and "artifact" not in stages else []
    parts = [*steps, *([precision] if precision != FLOAT32 else []), *coding]
    return Proposal("+".join(parts) or BASELINE, backend)


def _members(space: Space, pick: Picker) -> list[Dial]:
    chosen: list[str] = []
    for member in MEMBERS[: len(space.models)]:
        name = _one_of(pick, member, (NONE, *(dial.technique for dial in space.models)))
        if name == NONE:
            break
        chosen.append(name)
    return [dial for dial in space.models if dial.technique in chosen]


def _coding(space: Space, pick: Picker) -> list[str]:
    if not space.codings:
        return []
    name = _one_of(pick, "coding", (NONE, *(dial.technique for dial in space.codings)))
    return [dial.steps[_place(pick, dial)] for dial in space.codings if dial.technique == name]


def _one_of(pick: Picker, name: str, choices: Sequence[str]) -> str:
    return choices[0] if len(choices) == 1 else pick.one_of(name, choices)


def _place(pick: Picker, dial: Dial) -> int:
    return 0 if len(dial.steps) == 1 else pick.place(dial.technique, len(dial.steps))


def choices_for(proposal: Proposal) -> dict[str, str]:
    """What has to be chosen so that this is proposed: a precision alone on a backend, or nothing at all."""
    precision = FLOAT32 if proposal.chain == BASELINE else proposal.chain
    return {
        "backend": proposal.backend,
        MEMBERS[0]: NONE,
        f"precision on {proposal.backend}": precision,
        "coding": NONE,
    }


def yardsticks(space: Space, chains: Sequence[str], techniques: Mapping[str, Technique]) -> list[Proposal]:
    """What of a matrix is in the space and trains nothing: the model as it is, and precisions alone."""
    spelled = [BASELINE if chain == BASELINE else parse_chain(chain, techniques).spelling for chain in chains]
    return [
        Proposal(chain, backend)
        for backend, precisions in space.precisions.items()
        for chain in spelled
        if (FLOAT32 if chain == BASELINE else chain) in precisions
    ]
