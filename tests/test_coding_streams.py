"""Streams: what is coded is decoded again, near its entropy, whatever the symbols are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradeoff.coding import ans, huffman, lockstep, streams
from tradeoff.coding.bits import Damaged, Reader, Writer, packed, unpacked

FEW = settings(max_examples=25, deadline=None)


def there_and_back(symbols: Any, alphabet: int, choice: str = "auto") -> streams.Stream:
    """The coded stream, after a look at what is decoded."""
    made = streams.encode(symbols, alphabet, choice)
    reader = Reader(made.data)
    (found,) = lockstep.decode([streams.read(reader, len(symbols))])
    reader.end()
    assert np.array_equal(found, symbols)
    return made


@FEW
@given(st.lists(st.integers(0, 300), max_size=400), st.sampled_from(streams.CHOICES))
def test_any_symbols_come_back(symbols: list[int], choice: str) -> None:
    there_and_back(np.array(symbols, np.int64), 301, choice)


@FEW
@given(
    st.integers(2, 5000),
    st.integers(1, 5000),
    st.floats(0.05, 3.0),
    st.integers(0, 99),
    st.sampled_from(("huffman", "ans")),
)
def test_many_lanes_come_back(count: int, alphabet: int, skew: float, seed: int, choice: str) -> None:
    shares = np.random.default_rng(seed).random(alphabet) ** (4 * skew) + 1e-12
    symbols = np.random.default_rng(seed).choice(alphabet, count, p=shares / shares.sum())
    there_and_back(symbols, alphabet, choice)


@pytest.mark.parametrize("choice", streams.CHOICES)
def test_nothing_one_symbol_and_all_65536_come_back(choice: str) -> None:
    assert there_and_back(np.zeros(0, np.int64), 1, choice).data == bytes([streams.EMPTY])
    assert len(there_and_back(np.full(100_000, 7), 9, choice).data) < 8
    every = np.random.default_rng(0).permutation(streams.MOST_SYMBOLS)
    assert there_and_back(every, streams.MOST_SYMBOLS, choice).body < 2.02 * len(every)


def few(values: Any, shares: Any) -> Any:
    return lambda generator, count: generator.choice(values, count, p=shares)


#: Weights as they come: int8, clusters, three values, almost all zeros, two values.
KINDS: dict[str, Any] = {
    "int8": lambda generator, count: np.clip(np.rint(generator.normal(128, 20, count)), 0, 255).astype(int),
    "sixteen": few(16, np.r_[[0.2, 0.15, 0.1, 0.1], np.full(12, 0.45 / 12)]),
    "three": few(3, [0.25, 0.5, 0.25]),
    "one in eight": few(2, [0.875, 0.125]),
    "even": few(2, [0.6, 0.4]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [10_001, 100_000])
def test_over_10000_weights_are_within_one_percent_of_their_entropy(kind: str, count: int) -> None:
    symbols = KINDS[kind](np.random.default_rng(1), count)
    made = there_and_back(symbols, int(symbols.max()) + 1)
    assert made.bound <= made.body <= 1.01 * made.bound + 4


def test_huffman_alone_is_within_a_bit_of_the_entropy_and_never_below() -> None:
    symbols = KINDS["int8"](np.random.default_rng(2), 20_000)
    made = there_and_back(symbols, 256, "huffman")
    assert streams.CODERS[made.coder] == "huffman"
    assert made.bound <= made.body <= made.bound + len(symbols) / 8


def test_streams_of_any_length_are_decoded_together() -> None:
    generator = np.random.default_rng(3)
    all_symbols = [generator.geometric(0.3, size) % 50 for size in (1, 2, 3, 1023, 1024, 1025, 5000, 40_000, 7)]
    for choice in ("huffman", "ans"):
        coded = [streams.read(Reader(streams.encode(one, 50, choice).data), len(one)) for one in all_symbols]
        found = lockstep.decode(coded)
        assert all(np.array_equal(one, other) for one, other in zip(found, all_symbols, strict=True))


def test_words_are_canonical_and_no_longer_than_the_limit() -> None:
    # Fibonacci's numbers make the deepest of trees.
    counts = [1, 1]
    while len(counts) < 60:
        counts.append(counts[-1] + counts[-2])
    lengths = huffman.code_lengths(np.array(counts))
    assert lengths.max() <= huffman.limit_for(60)
    assert (2.0**-lengths).sum() == 1
    words = huffman.code_words(lengths)
    assert len({f"{word:0{length}b}" for word, length in zip(words, lengths, strict=True)}) == 60


def test_the_lengths_of_a_known_example_are_those_of_the_textbook() -> None:
    assert huffman.code_lengths(np.array([45, 13, 12, 16, 9, 5])).tolist() == [1, 3, 3, 3, 4, 4]


@FEW
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=60).filter(lambda counts: sum(map(bool, counts)) > 1))
def test_shares_fill_the_table_and_leave_nobody_out(counts: list[int]) -> None:
    found = ans.shares(np.array(counts), 8)
    assert found.sum() == 256
    assert ((found > 0) == (np.array(counts) > 0)).all()
    written = Writer()
    written.block(ans.write_shares(found))
    assert ans.read_shares(Reader(bytes(written)), len(counts), 8).tolist() == found.tolist()


@FEW
@given(st.lists(st.tuples(st.integers(0, 32), st.integers(0, 2**32 - 1)), max_size=50))
def test_bits_come_back(pairs: list[tuple[int, int]]) -> None:
    widths = np.array([width for width, _ in pairs], np.int64)
    values = np.array([value & ((1 << width) - 1) for width, value in pairs], np.int64)
    text = "".join(f"{value:0{width}b}" for width, value in zip(widths.tolist(), values.tolist(), strict=True) if width)
    assert "".join(f"{byte:08b}" for byte in packed(values, widths))[: len(text)] == text
    assert (
        unpacked(packed(values[:1], widths[:1]), int(widths[0]), 1).tolist() == values[:1].tolist() if pairs else True
    )


def test_a_number_without_an_end_is_damage() -> None:
    with pytest.raises(Damaged, match="no end"):
        Reader(b"\xff" * 20).number()


def test_a_table_that_is_no_code_is_damage() -> None:
    with pytest.raises(Damaged, match="do not make one"):
        huffman.decoding_table(np.array([1, 2, 3]))
