from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanlab.synthesis.stream import Stream


def test_the_first_block_is_as_documented():
    key = hashlib.sha256(b'["a",1]').digest()
    block = hashlib.sha256(key + bytes(8)).digest()
    stream = Stream("a", 1)
    assert stream.bits(8) == block[0]
    assert stream.bits(12) == int.from_bytes(block[1:3], "big") >> 4
    assert stream.bits(0) == 0


@given(st.integers(1, 10**30), st.integers())
def test_below_stays_below(n, seed):
    assert 0 <= Stream(seed).below(n) < n


def test_below_favours_no_value():
    stream = Stream("die")
    counts = Counter(stream.below(6) for _ in range(60_000))
    # Six standard deviations of a binomial share of one sixth.
    assert all(abs(counts[value] - 10_000) < 550 for value in range(6))


@given(st.integers(0, 40), st.data())
def test_a_sample_is_distinct_and_extends_a_smaller_one(n, data):
    k = data.draw(st.integers(0, n))
    drawn = Stream("s", n).sample(n, k)
    assert len(set(drawn)) == k
    assert set(drawn) <= set(range(n))
    assert Stream("s", n).sample(n, n)[:k] == drawn


def test_every_order_of_three_is_as_likely():
    stream = Stream("orders")
    seen = Counter()
    for _ in range(6000):
        items = [1, 2, 3]
        stream.shuffle(items)
        seen[tuple(items)] += 1
    assert len(seen) == 6
    assert all(abs(times - 1000) < 180 for times in seen.values())


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="no integer"):
        Stream().below(0)
    with pytest.raises(ValueError, match="only 2"):
        Stream().sample(2, 3)
