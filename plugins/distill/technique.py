"""``distill``: a student learns from the answers of a teacher, the model that was handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import tradeoff
from tradeoff.training import History, fine_tune

from ..from_scratch import lost_structure, on_validation
from .control import Compared, compare, note
from .losses import Mixture
from .students import SELF, Pair, check, pair
from .teacher import Teacher, labelled, last_hidden, only

PARAMETERS: Final = (
    tradeoff.Parameter(
        "student",
        str,
        default="0.5",
        positional=True,
        summary=f"a model's name; a number, a copy of so much of the width; {SELF}, what techniques before have made",
    ),
    tradeoff.Parameter(
        "temperature", float, default=4.0, minimum=0.1, maximum=100.0, summary="how much answers are softened"
    ),
    tradeoff.Parameter(
        "alpha",
        float,
        default=0.9,
        minimum=0.0,
        maximum=1.0,
        summary="weight of the teacher's answers; labels the rest",
    ),
    tradeoff.Parameter(
        "feature", float, default=0.0, minimum=0.0, maximum=1000.0, summary="weight of what the last hidden layer sees"
    ),
    tradeoff.Parameter(
        "labels",
        int,
        default=0,
        minimum=0,
        summary="labelled samples that are used, 0 for all; the teacher has the rest",
    ),
    tradeoff.Parameter(
        "epochs", int, default=0, minimum=0, maximum=10000, summary=f"0 is the student's recipe, and 6 for {SELF}"
    ),
    tradeoff.Parameter(
        "rate",
        float,
        default=0.0,
        minimum=0.0,
        maximum=10.0,
        summary=f"share of the student's learning rate; 0 is all, and 0.3 for {SELF}",
    ),
    tradeoff.Parameter(
        "control", bool, default=True, summary="train the same student without a teacher too, to tell what it gains"
    ),
)


def distill(job: tradeoff.Rewriting) -> tradeoff.Rewritten:
    """Train the student on the teacher's answers; then without them, and say whether the teacher was of use."""
    found = pair(job)
    classes = job.task.kind == "classification"
    known = labelled(job.train, int(job.values["labels"]), classes, job.seed)
    mixture = Mixture(
        job.task,
        int(found.student.outputs[0].shape[-1]),
        float(job.values["temperature"]),
        float(job.values["alpha"]),
        float(job.values["feature"]),
    )
    teacher = Teacher(found.teacher, mixture, job.train, known)
    through = _through(found, mixture)
    begin = found.student.get_weights()
    control = bool(job.values["control"])
    history = taught(_part(job, "with the teacher", 0, 2 if control else 1), found, teacher, through)
    facts: dict[str, Any] = {
        "student": found.told,
        "labels": int(known.sum()),
        "steps": found.recipe.epochs * (len(job.train) // min(found.recipe.batch_size, len(job.train))),
        "teacher_validation": on_validation(job, found.teacher),
        "student_validation": on_validation(job, found.student),
        "chosen_epoch": history.best,
    }
    notes = lost_structure(job.model) if found.fresh else ()
    if not control:
        untold = "whether the teacher was of use was not looked at (control=false)"
        return tradeoff.Rewritten(found.student, history.epochs, notes=(*notes, untold), facts=facts)
    alone = _control(_part(job, "without it", 1, 2), found, only(job.train, known), begin)
    facts["control_validation"] = alone.score
    facts["gain"] = {"better": alone.compared.better, "worse": alone.compared.worse, "p": alone.compared.p}
    if not alone.compared.gain:
        notes = (*notes, note(alone.compared, f"on the {known.sum()} labels in as many steps"))
    return tradeoff.Rewritten(found.student, 2 * history.epochs, notes=notes, facts=facts)


def taught(job: tradeoff.Rewriting, found: Pair, teacher: Teacher, through: Any) -> History:
    """Train the student; the zeros and clusters that it has stay."""
    return fine_tune(
        teacher.lesson(job, found.recipe),
        found.student,
        epochs=found.recipe.epochs,
        learning_rate=found.recipe.learning_rate,
        loss=teacher.mixture.loss,
        targets=teacher.told,
        through=through,
        choose_from=1 if found.fresh else 0,
        name="student",
    )


def _through(found: Pair, mixture: Mixture) -> Any:
    """The student with its features beside its outputs, as long as the teacher's; nothing where none are wanted."""
    import keras

    if not mixture.feature:
        return None
    hidden, width = last_hidden(found.student), int(last_hidden(found.teacher).shape[-1])
    projected = keras.layers.Dense(width, use_bias=False, name="features_as_the_teacher_has_them")(hidden)
    outputs = keras.layers.Concatenate()([found.student.outputs[0], projected])
    return keras.Model(found.student.inputs[0], outputs, name=found.student.name)


@dataclass(frozen=True)
class _Alone:
    """What became of the student without a teacher."""

    score: float
    compared: Compared


def _control(job: tradeoff.Rewriting, found: Pair, train: tradeoff.Split, begin: Sequence[Any]) -> _Alone:
    """Train from the same weights on labels alone, in as many steps; the student is left as the teacher has made it."""
    from tradeoff.formats.keras_files import outputs_of

    student, validation = found.student, job.validation
    with_teacher, learnt = outputs_of(student, validation.x), student.get_weights()
    student.set_weights(begin)
    try:
        fine_tune(
            replace(job, recipe=found.recipe, train=train),
            student,
            epochs=found.recipe.epochs,
            learning_rate=found.recipe.learning_rate,
            choose_from=1 if found.fresh else 0,
            name="student without teacher",
        )
        score = on_validation(job, student)
        return _Alone(score, compare(with_teacher, outputs_of(student, validation.x), validation, job.task))
    finally:
        student.set_weights(learnt)


def _part(job: tradeoff.Rewriting, what: str, number: int, of: int) -> tradeoff.Rewriting:
    """The same job, whose progress is one part of the whole."""
    progress: Callable[[str, float], None] = job.progress
    return replace(job, progress=lambda text, done: progress(f"{what}: {text}", (number + done) / of))


@tradeoff.hookimpl
def tradeoff_techniques() -> Sequence[tradeoff.Technique]:
    """``distill``."""
    return [
        tradeoff.Technique(
            "distill",
            stage="model",
            apply=distill,
            check=check,
            parameters=PARAMETERS,
            summary="a smaller student learns from the model's answers, on few labels or all",
        )
    ]
