"""What the tests of the search share: a small space, and a study whose trials cost nothing."""

from __future__ import annotations

from pathlib import Path

from tradeoff.searching.outcomes import Outcome
from tradeoff.searching.space import Dial, Proposal, Space, propose
from tradeoff.searching.study import Asked, Picks, Study
from tradeoff.spelling import Parameter
from tradeoff.vocabulary import Technique

EPOCHS = Parameter("epochs", int, 6, minimum=0, maximum=1000)
TECHNIQUES = {
    one.name: one
    for one in (
        Technique("cut", "model", parameters=(Parameter("share", float, 0.5, 0, 0.99, positional=True), EPOCHS)),
        Technique(
            "share",
            "model",
            parameters=(Parameter("values", int, 16, 2, 256, positional=True),),
            realised_by="a coder",
        ),
        Technique("teach", "model", parameters=(Parameter("epochs", int, 0, 0, 99),)),
        Technique("learn", "model", parameters=(EPOCHS,), implies="int8"),
        Technique("fp16", "precision"),
        Technique("int8", "precision"),
        Technique("pack", "artifact"),
    )
}
SPACE = Space(
    (
        Dial("cut", "model", ("cut:0.25", "cut", "cut:0.75")),
        Dial("share", "model", ("share:4", "share")),
        Dial("learn", "model", ("learn",)),
    ),
    {"litert": ("float32", "fp16", "int8"), "mcu": ("int8",)},
    (Dial("pack", "artifact", ("pack",)),),
)
BASELINE = Proposal("baseline", "litert")


def studied(folder: Path, seed: int = 0, space: Space = SPACE, refused: str = "nothing") -> Study:
    """A study over the space, which refuses every chain with that word in it."""
    return Study(
        folder,
        seed,
        ("size",),
        (BASELINE, Proposal("int8", "litert")),
        lambda trial: propose(space, TECHNIQUES, Picks(trial)),
        lambda proposal, failed: "it cannot exist" if refused in proposal.chain else "",
    )


def judged(asked: Asked) -> Outcome:
    """As if a chain were the smaller the more there is in it."""
    size = 1000.0 / len(asked.proposal.chain)
    return Outcome("judged", numbers={"size": size}, values=(size,))


def play(study: Study, most: int) -> list[tuple[str, str]]:
    """Do trials until there are so many; gives what was proposed."""
    found = []
    while (asked := study.ask(most)) is not None:
        study.tell(asked, judged(asked))
        found.append((asked.proposal.chain, asked.proposal.backend))
    return found
