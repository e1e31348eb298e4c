"""Requests: host array in, host array out, each for itself, and answered as Keras answers."""

from __future__ import annotations

import pytest

from tradeoff.conformance.kit import MOST, Converted, Kit, Subject
from tradeoff.conformance.nets import SMALL
from tradeoff.vocabulary import FLOAT32

#: Of the time that passes: one thread uses it once.
MOST_TIME = 1.2
#: Threads that work at once: while one is looked at, it may hand its work to the next.
MOST_THREADS = 1.5
#: Samples in a request.
SIZES = (1, 3, MOST)


@pytest.fixture(autouse=True)
def _runs(subject: Subject) -> None:
    if not subject.can.runs:
        pytest.skip(f"{subject.choice.name} only has a size: nothing runs what it writes")


@pytest.fixture
def made(kit: Kit, subject: Subject, precision: str) -> Converted:
    """A small net in one precision."""
    return kit.made(subject, precision)


@pytest.fixture
def plain(kit: Kit, subject: Subject) -> Converted:
    """A small net as it is."""
    return kit.made(subject, subject.precision)


def test_an_answer_is_an_array_of_floats_with_a_row_for_each_sample(
    kit: Kit, subject: Subject, precision: str, made: Converted
) -> None:
    told = kit.look(subject, "answers", made)
    assert told["is_array"], f"the answer is a {told['type']}: copy it to the host, as a NumPy array"
    assert told["dtype"].startswith("float"), f"the answer is of {told['dtype']}: floats, whatever it computes in"
    assert told["shape"] == told["expected"], f"the answer has the shape {told['shape']}, and Keras' {told['expected']}"


def test_its_answers_are_near_to_those_of_keras(kit: Kit, subject: Subject, precision: str, made: Converted) -> None:
    told = kit.look(subject, "answers", made)
    if told["cosine"] is None:
        pytest.skip("the answers are not of a shape that can be compared")
    assert told["finite"], f"{made.net} in {precision}: an answer holds what is no number"
    least = kit.registry.tolerance_of(precision).centred_cosine
    assert told["cosine"] >= least, (
        f"{made.net} in {precision}: a cosine of {told['cosine']:.4f} with Keras' answers, at least {least} is expected"
    )


@pytest.mark.parametrize("net", SMALL)
def test_every_net_that_it_converts_is_answered_near_to_keras(kit: Kit, subject: Subject, net: str) -> None:
    made = kit.convert(subject, net, subject.precision)
    if made.how != "made":
        pytest.skip(f"{net} is not converted: {made.text}")
    told = kit.look(subject, "answers", made)
    if told["cosine"] is None:
        pytest.skip("the answers are not of a shape that can be compared")
    least = kit.registry.tolerance_of(subject.precision).centred_cosine
    assert told["cosine"] >= least, f"{net} is answered otherwise than by Keras: {told}"


@pytest.mark.parametrize("size", SIZES)
def test_a_batch_of_any_size_is_answered_row_by_row(
    kit: Kit, subject: Subject, precision: str, made: Converted, size: int
) -> None:
    if size > subject.most:
        pytest.skip(f"{subject.choice.name} takes {subject.most} samples at most")
    sizes = [each for each in SIZES if each <= subject.most]
    told = kit.look(subject, "batches", made, sizes=sizes)[sizes.index(size)]
    assert told["shape"] == told["expected"]
    most = kit.registry.tolerance_of(precision).batches
    assert told["difference"] <= most, f"a row has another answer in a batch of {size}: {told}"


def test_the_largest_batch_it_declares_is_answered(kit: Kit, subject: Subject, plain: Converted) -> None:
    if subject.can.max_batch is None or subject.can.max_batch > 4096:
        pytest.skip("it declares none, or one that takes long")
    (told,) = kit.look(subject, "batches", plain, sizes=[subject.can.max_batch])
    assert told["shape"] == told["expected"]


def test_an_answer_stays_as_it_was_when_the_next_request_comes(
    kit: Kit, subject: Subject, precision: str, made: Converted
) -> None:
    told = kit.look(subject, "again", made)
    assert not told["changed"], "an earlier answer is overwritten by a later request: copy out what the runtime reuses"
    assert not told["shared"], "two answers share memory: the next request would overwrite the one before"


def test_the_same_request_has_the_same_answer(kit: Kit, subject: Subject, precision: str, made: Converted) -> None:
    told = kit.look(subject, "again", made)
    assert told["difference"] <= FLOAT32.batches, f"the same request, asked again, differs by {told['difference']:g}"


def test_a_request_reads_what_stands_in_its_batch_now(kit: Kit, subject: Subject) -> None:
    if subject.precision != "float32":
        pytest.skip("the artifact may take another type, which `bind` converts to once")
    told = kit.look(subject, "reads", kit.made(subject, "float32"))
    assert told["difference"] <= FLOAT32.batches, (
        "the request does not answer for what stands in its batch now: copying in belongs to every request"
    )


def test_a_request_leaves_its_batch_as_it_is(kit: Kit, subject: Subject, precision: str, made: Converted) -> None:
    assert not kit.look(subject, "reads", made)["wrote"], "the batch is the caller's: do not write into it"


def test_bound_calls_stay_valid_side_by_side(kit: Kit, subject: Subject, precision: str, made: Converted) -> None:
    told = kit.look(subject, "beside", made)
    assert told["difference"] <= FLOAT32.batches, (
        f"a call answers otherwise when others are bound, of other sizes or from another load: {told['difference']:g}"
    )


def test_one_thread_is_one_thread(kit: Kit, subject: Subject) -> None:
    if int(subject.choice.parameters.get("threads", 1)) > 1:
        pytest.skip(f"{subject.choice.spelling} has more")
    told = kit.look(subject, "threads", kit.large(subject))
    advice = "the record says one: set the runtime's number of threads, in `load` or by variables of the environment"
    assert told["share"] <= MOST_TIME, f"requests use {told['share']:.2f} times the time that passes; {advice}"
    assert told["threads"] <= MOST_THREADS, f"{told['threads']:.2f} threads work at once; {advice}"


def test_more_threads_give_the_same_answers(kit: Kit, subject: Subject) -> None:
    if "threads" not in subject.choice.parameters:
        pytest.skip("it has no parameter `threads`")
    parameters = {**subject.choice.parameters, "threads": 2}
    two = Subject(subject.backend, kit.choice(subject, parameters), subject.device)
    told = kit.look(two, "threads", kit.large(subject))
    assert told["cosine"] >= kit.registry.tolerance_of(subject.precision).centred_cosine
