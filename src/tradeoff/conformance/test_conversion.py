"""Conversion: what is declared is made, twice the same, in its own folder."""

from __future__ import annotations

import pytest

from tradeoff.conformance.kit import Kit, Subject
from tradeoff.conformance.nets import SMALL


def test_a_declared_precision_is_converted(kit: Kit, subject: Subject, precision: str) -> None:
    told = []
    for net in SMALL:
        made = kit.convert(subject, net, precision)
        if made.how == "made":
            return
        told.append(f"{net}: {made.how}: {made.text}")
    pytest.fail("\n".join([f"{precision} is declared, and no net is converted:", *told]), pytrace=False)


@pytest.mark.parametrize("net", SMALL)
def test_a_net_is_converted_or_refused_with_a_reason(kit: Kit, subject: Subject, net: str) -> None:
    made = kit.convert(subject, net, subject.precision)
    assert made.how in ("made", "refused"), (
        f"convert raises something else than tradeoff.Refused(reason, detail) or tradeoff.BadInput:\n{made.text}"
    )


def test_converting_twice_gives_the_same_content(kit: Kit, subject: Subject, precision: str) -> None:
    once, again = kit.made(subject, precision), kit.made(subject, precision, turn=2)
    assert once.content == again.content, (
        "two conversions of one net differ: what has the same content is timed once, and stored results are keyed by "
        "it. Where the bytes hold a date or a counter, let `content` give a digest without them"
    )


def test_a_precision_makes_something_else_than_float32(kit: Kit, subject: Subject, precision: str) -> None:
    if precision == "float32" or "float32" not in subject.can.precisions:
        pytest.skip("there is nothing to compare it with")
    made = kit.made(subject, precision)
    plain = kit.convert(subject, made.net, "float32")
    assert made.content != plain.content, (
        f"{precision} has the content of float32: the artifact is what says how it runs"
    )


def test_another_net_has_other_content(kit: Kit, subject: Subject) -> None:
    made = [each for each in (kit.convert(subject, net, subject.precision) for net in SMALL) if each.how == "made"]
    if len(made) < 2:
        pytest.skip("only one of the nets is converted")
    assert len({each.content for each in made}) == len(made), "`content` does not tell two nets apart"


def test_converting_leaves_no_file_outside_its_folder(kit: Kit, subject: Subject, precision: str) -> None:
    kit.made(subject, precision)
    # A framework may keep files for as long as its process lives, from the first conversion on.
    left = kit.made(subject, precision, turn=2).left
    assert not left, f"convert leaves {', '.join(left)}: write into job.folder, and clear up what is temporary"


def test_converting_leaves_the_model_file_as_it_was(kit: Kit, subject: Subject, precision: str) -> None:
    assert not kit.made(subject, precision).changed, "convert changes the file that other backends convert, too"
