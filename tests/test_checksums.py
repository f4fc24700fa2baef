"""Checksums that are reckoned from others are those of the bytes themselves."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymo_bluesky.checksums import followed, joined


@given(
    st.binary(max_size=40), st.lists(st.binary(min_size=33, max_size=33), max_size=9)
)
def test_the_sums_of_parts_give_the_sum_of_all(before, parts):
    start = zlib.crc32(before)
    whole = zlib.crc32(b"".join([before, *parts]))
    assert joined(list(map(zlib.crc32, parts)), 33, start) == whole


@pytest.mark.parametrize("size", [1, 116, 65_535])
@pytest.mark.parametrize("count", [64, 65, 66, 127, 128, 129, 255, 257, 700])
def test_the_sums_of_many_parts_give_the_sum_of_all(count, size):
    data = np.random.default_rng(count).bytes(count * size)
    parts = [zlib.crc32(data[at : at + size]) for at in range(0, len(data), size)]
    for start in (0, 1, 2**32 - 1):
        assert joined(np.array(parts, "<u4"), size, start) == zlib.crc32(data, start)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=9), st.binary(max_size=40))
def test_the_sums_of_numbers_and_what_follows(numbers, tail):
    array = np.array(numbers, "<u4")
    found = followed(array, tail)
    assert found.dtype == np.uint32
    assert found.tolist() == [zlib.crc32(n.tobytes() + tail) for n in array]
