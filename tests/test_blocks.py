"""Documents sorted into blocks: each costs time, so pages that are alike share one."""

import numpy as np
import pytest

from pymo_bluesky.blocks import Block, ColumnKey, Sorter
from pymo_bluesky.pages import as_columns, taken_apart

DESCRIPTORS = [
    ("descriptor", {"uid": "d", "name": "primary"}),
    ("descriptor", {"uid": "again", "name": "primary"}),
    ("descriptor", {"uid": "b", "name": "baseline"}),
]
ROWS = 20  # of a page: fewer stay lists


def page(first, *, descriptor="d", **changed):
    """A page of events as it comes from a journal."""
    numbers = list(range(first, first + ROWS))
    found = {
        "descriptor": descriptor,
        "seq_num": numbers,
        "time": [float(n) for n in numbers],
        "data": {"x": [n / 2 for n in numbers]},
        "timestamps": {"x": [float(n) for n in numbers]},
        "filled": {},
        **changed,
    }
    return "event_page", as_columns(*taken_apart(found))


def event(number):
    return "event", {
        "descriptor": "d",
        "seq_num": number,
        "time": 0.0,
        "data": {"x": 0.5},
        "timestamps": {"x": 0.0},
    }


def blocks_of(*documents):
    sorter = Sorter()
    items = list(sorter.sort([*DESCRIPTORS, *documents]))
    return [item for item in items if isinstance(item, Block)], sorter.order


def seq_nums(block):
    return list(block.columns[ColumnKey("", "seq_num")])


def test_pages_that_are_alike_become_one_block():
    (block,), order = blocks_of(page(1), page(21), page(41))
    assert seq_nums(block) == list(range(1, 61))
    assert list(block.columns[ColumnKey("data", "x")]) == [n / 2 for n in range(1, 61)]
    assert list(block.columns[ColumnKey("", "descriptor")]) == ["d"] * 60
    assert block.pages == ((ROWS, ()),) * 3
    assert order.as_array().tolist() == [[0, 3], [2, 3]]


@pytest.mark.parametrize(
    "other",
    [
        page(21, descriptor="again"),
        page(21, data={"x": list(range(ROWS))}),
        page(21, data={"x": [0.5] * ROWS, "y": [0.5] * ROWS}),
        page(21, data={"x": ["text"] * ROWS}),
        page(21, data={"x": np.zeros(ROWS)}),
        page(21, filled={"x": [False] * ROWS}),
    ],
    ids=["descriptor", "integers", "more", "texts", "array", "filled"],
)
def test_a_page_of_another_kind_is_a_block_of_its_own(other):
    found, _ = blocks_of(page(1), other, page(41))
    assert list(map(seq_nums, found)) == [
        list(range(first, first + ROWS)) for first in (1, 21, 41)
    ]


def test_events_and_pages_of_a_stream_keep_their_order():
    found, order = blocks_of(event(1), page(2), page(22), event(42), page(43))
    numbers = [number for block in found for number in seq_nums(block)]
    assert numbers == list(range(1, 63))
    assert [block.pages is None for block in found] == [True, False, True, False]
    assert order.as_array().tolist() == [[0, 3], [1, 1], [2, 2], [1, 1], [2, 1]]


def test_pages_of_two_streams_that_alternate_become_two_blocks():
    turns = [page(n, descriptor=uid) for n in (1, 21, 41) for uid in ("d", "b")]
    found, _ = blocks_of(*turns)
    assert [(block.stream, block.rows) for block in found] == [(0, 60), (1, 60)]


@pytest.mark.parametrize(("keys", "pages"), [(1, 4000), (100, 200)])
def test_not_more_pages_wait_than_memory_can_hold(keys, pages):
    names = [f"x{n}" for n in range(keys)]
    data = {name: [0.5] * ROWS for name in names}
    sent = [page(1 + ROWS * n, data=data, timestamps=data) for n in range(pages)]
    found, _ = blocks_of(*sent)
    assert 1 < len(found) < pages / 4
    assert max(block.rows * len(block.columns) for block in found) < 2**19
    assert [n for block in found for n in seq_nums(block)] == list(
        range(1, ROWS * pages + 1)
    )
