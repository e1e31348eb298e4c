"""What a training did, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class History:
    """What one training did. A technique that trains without :func:`tradeoff.training.fine_tune` may tell one, too.

    :param epochs: passes over the training split.
    :param seconds: all of it, compiling included.
    :param loss: the mean over the last epoch's steps.
    :param validation: the task's metric on the validation split after each epoch.
    :param best: the epoch whose weights were chosen, 0 for those before the first; ``None`` where they are the last
        one's.
    :param losses: the mean of the training's own loss over each epoch's steps, which need not be that of the task.
    :param validation_losses: the task's loss on the validation split after each epoch.
    :param rates: the learning rate at each epoch's first step.
    :param before: the metric and the task's loss on the validation split before the first epoch, where it was judged.
    :param name: what was trained, where a technique trains several things: ``student``.
    :param after: epochs that the same thing was trained for before.
    """

    epochs: int
    seconds: float
    loss: float
    validation: tuple[float, ...]
    best: int | None = None
    losses: tuple[float, ...] = ()
    validation_losses: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()
    before: tuple[float, float] | None = None
    name: str = ""
    after: int = 0
