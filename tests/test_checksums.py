"""Checksums that are reckoned from others are those of the bytes themselves."""

import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pymo_bluesky.checksums import followed, joined


@given(
    st.binary(max_size=40), st.lists(st.binary(min_size=33, max_size=33), max_size=9)
)
def test_the_sums_of_parts_give_the_sum_of_all(before, parts):
    start = zlib.crc32(before)
    whole = zlib.crc32(b"".join([before, *parts]))
    assert joined(map(zlib.crc32, parts), 33, start) == whole


@given(st.lists(st.integers(0, 2**32 - 1), max_size=9), st.binary(max_size=40))
def test_the_sums_of_numbers_and_what_follows(numbers, tail):
    array = np.array(numbers, "<u4")
    found = followed(array, tail)
    assert found.dtype == np.uint32
    assert found.tolist() == [zlib.crc32(n.tobytes() + tail) for n in array]
