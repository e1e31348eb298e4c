"""Chains of techniques: legal orders, one spelling each, and errors that name the nearest valid one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradeoff.chain import Chain, parse_chain
from tradeoff.errors import BadInput
from tradeoff.spelling import Parameter
from tradeoff.vocabulary import Technique

TECHNIQUES = {
    technique.name: technique
    for technique in (
        Technique("prune", "model", parameters=(Parameter("sparsity", float, 0.5, 0, 1, positional=True),)),
        Technique("distill", "model", parameters=(Parameter("student", str), Parameter("temperature", float, 2.0, 0))),
        Technique("int8", "precision"),
        Technique("fp16", "precision"),
        Technique("huffman", "artifact"),
    )
}

model_steps = st.lists(
    st.one_of(
        st.floats(0, 1).map(lambda share: f"prune:{share!r}".replace("e+", "e")),
        st.just("distill:student=ds_cnn:temperature=4"),
    ),
    max_size=3,
)
legal = st.tuples(model_steps, st.sampled_from([[], ["int8"], ["fp16"]]), st.sampled_from([[], ["huffman"]])).map(
    lambda parts: "+".join([*parts[0], *parts[1], *parts[2]]) or "baseline"
)


@given(legal)
def test_a_canonical_spelling_reads_back_as_the_same_chain(text: str) -> None:
    chain = parse_chain(text, TECHNIQUES)
    assert parse_chain(chain.spelling, TECHNIQUES) == chain
    assert parse_chain(chain.spelling, TECHNIQUES).spelling == chain.spelling


@given(st.lists(st.sampled_from(["prune", "int8", "fp16", "huffman"]), min_size=1, max_size=5))
def test_stages_stand_in_their_order_or_the_chain_is_refused(names: list[str]) -> None:
    stages = [TECHNIQUES[name].stage for name in names]
    ranks = [("model", "precision", "artifact").index(stage) for stage in stages]
    is_legal = ranks == sorted(ranks) and max(map(stages.count, ("precision", "artifact"))) <= 1
    if is_legal:
        assert [step.technique for step in parse_chain("+".join(names), TECHNIQUES).steps] == names
    else:
        with pytest.raises(BadInput, match="Did you mean"):
            parse_chain("+".join(names), TECHNIQUES)


@given(st.text(alphabet="prunedistlh8+:=.0 -/", max_size=30))
def test_any_text_is_a_chain_or_an_error_in_words(text: str) -> None:
    try:
        assert parse_chain(text, TECHNIQUES).spelling
    except BadInput as error:
        assert str(error)


def test_the_empty_chain_is_spelled_baseline() -> None:
    assert parse_chain("baseline", TECHNIQUES) == Chain()
    assert Chain().spelling == "baseline"
    assert Chain().precision_name == "float32"


def test_a_chain_tells_its_stages_apart() -> None:
    chain = parse_chain("prune:0.8+int8+huffman", TECHNIQUES)
    assert [step.spelling for step in chain.model_steps] == ["prune:0.8"]
    assert chain.precision_name == "int8"
    assert [step.spelling for step in chain.artifact_steps] == ["huffman"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("int8+prune", "'int8+prune' has 'int8' (stage precision) too early"),
        ("int8+prune", "Did you mean 'prune+int8'?"),
        ("prune+int8+fp16", "Did you mean 'prune+fp16'?"),
        ("huffman+int8", "Did you mean 'int8+huffman'?"),
        ("int8+huffman+prune", "'int8+huffman+prune' has 'int8' (stage precision) too early"),
        ("int8+huffman+huffman", "codes the artifact 2 times, with huffman and huffman"),
        ("int8+huffman+huffman", "Did you mean 'int8+huffman'?"),
        ("prun:0.5+int8", "unknown technique 'prun'; did you mean 'prune'?"),
        ("prun:0.5+int8", "(part 1 of 'prun:0.5+int8')"),
        ("prune:0.5+", "there is nothing between two '+' (part 2"),
        ("baseline+int8", "'baseline' is the empty chain and stands alone"),
        ("", "an empty chain is spelled 'baseline'"),
        ("prune[0.5]", "does not begin with a name"),
        ("distill", "distill: student is missing"),
    ],
)
def test_a_wrong_chain_says_what_is_wrong_and_where(text: str, told: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_chain(text, TECHNIQUES)
    assert told in str(caught.value)


PREPARING = {**TECHNIQUES, "qat": Technique("qat", "model", implies="int8")}


def test_a_technique_that_prepares_for_a_precision_implies_it_and_the_spelling_stays() -> None:
    chain = parse_chain("prune:0.8+qat+huffman", PREPARING)
    assert chain.spelling == "prune:0.8+qat+huffman"
    assert chain.precision_name == "int8"
    assert [step.spelling for step in chain.model_steps] == ["prune:0.8", "qat"]


def test_a_precision_that_is_spelled_is_the_one() -> None:
    assert parse_chain("qat+fp16", PREPARING).precision_name == "fp16"
    assert parse_chain("qat+int8", PREPARING).precision == parse_chain("qat", PREPARING).precision


def test_a_precision_that_is_implied_and_not_there_is_named() -> None:
    with pytest.raises(BadInput, match="qat implies int8, which no plugin brings; add a precision"):
        parse_chain("qat", {"qat": PREPARING["qat"]})


def test_a_technique_that_prepares_for_a_coding_implies_it_whatever_the_precision() -> None:
    known = {**PREPARING, "deep": Technique("deep", "model", implies="huffman")}
    assert [step.spelling for step in parse_chain("deep", known).artifact_steps] == ["huffman"]
    both = parse_chain("qat+deep", known)
    assert (both.spelling, both.precision_name) == ("qat+deep", "int8")
    assert both.in_full.spelling == "qat+deep+int8+huffman"
    assert both.uncoded.spelling == "qat+deep+int8"
    assert parse_chain("deep+fp16+huffman", known).in_full.spelling == "deep+fp16+huffman"
