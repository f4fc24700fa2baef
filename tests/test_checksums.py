"""Checksums that are reckoned from others are those of the bytes themselves."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymo_bluesky.checksums import are_sums_of, followed, joined


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


@pytest.mark.parametrize("count", [1, 2, 255, 256])
def test_what_was_added_to_two_rows_is_found(count):
    """Also what leaves the sum of all as it is."""
    rows = np.random.default_rng(count).integers(0, 256, (count, 40), np.uint8)
    checks = np.array([zlib.crc32(row) for row in rows], np.uint32)
    assert are_sums_of(checks, rows)
    for row in (0, count // 2, count - 1):
        spoilt = checks.copy()
        spoilt[row] ^= 1 << 7
        assert not are_sums_of(spoilt, rows)
        spoilt[row - 1] ^= 1 << 7  # added, they are right again
        assert count == 1 or not are_sums_of(spoilt, rows)


def test_changes_that_are_right_when_all_is_joined_are_found():
    rows = np.zeros((300, 40), np.uint8)
    spoilt = [zlib.crc32(row) for row in rows]
    spoilt[3] ^= 1  # which the next one makes good: 40 zeros behind a 1
    spoilt[4] ^= joined([1, 0], 40)
    assert joined(spoilt, 40) == zlib.crc32(rows.data)
    assert not are_sums_of(np.array(spoilt, np.uint32), rows)
