"""Arrays over a grid, seen in the order of visiting and read in slices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymo_bluesky.serving.gathering import EventArray


class Recorded:
    """An array that notes how much of it was read."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.read = values, 0
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, key):
        for part in key if isinstance(key, tuple) else (key,):
            # What HDF5 can do: nothing backwards, nothing counted from the end.
            if isinstance(part, slice):
                assert (part.step or 1) > 0
            else:
                assert isinstance(part, int)
                assert part >= 0
        found = self.values[key]
        self.read += np.size(found)
        return found


@st.composite
def visits(draw):
    """A navigation shape, points in some order, a signal shape, and an index."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=0, max_size=3)))
    size = int(np.prod(shape, dtype=int))
    points = draw(st.lists(st.integers(0, size - 1), unique=True, max_size=size))
    signal = tuple(draw(st.lists(st.integers(1, 4), max_size=2)))
    lengths = (len(points), *signal)
    key = tuple(draw(part(length)) for length in lengths)
    return shape, np.array(points, int), signal, key[: draw(st.integers(0, len(key)))]


def part(length):
    numbers = st.integers(-length, length - 1) if length else st.nothing()
    bounds = st.none() | st.integers(-length - 1, length + 1)
    steps = st.sampled_from([None, 1, 2, 3, -1, -2])
    return numbers | st.builds(slice, bounds, bounds, steps)


@given(visits())
def test_any_part_is_what_numpy_gives_of_the_whole(case):
    shape, points, signal, key = case
    size = int(np.prod(shape, dtype=int))
    values = np.arange(size * int(np.prod(signal, dtype=int)))
    grid = values.reshape((*shape, *signal))
    whole = grid.reshape((size, *signal))[points]
    events = EventArray(Recorded(grid), points, shape)

    assert events.shape == whole.shape
    np.testing.assert_array_equal(events[key], whole[key])


def test_one_frame_is_read_for_one_frame():
    frames = Recorded(np.arange(20 * 30 * 4 * 5).reshape(20, 30, 4, 5))
    snake = np.arange(600).reshape(20, 30)
    snake[1::2] = snake[1::2, ::-1]
    events = EventArray(frames, snake.reshape(-1), (20, 30))

    np.testing.assert_array_equal(events[45], frames.values[1, 14])

    assert frames.read == 4 * 5


def test_a_corner_of_many_large_frames_reads_the_corner_only():
    frames = Recorded(np.zeros((6, 7, 1000, 1000), np.uint8))
    back_and_forth = np.arange(42)[::-1]

    corner = EventArray(frames, back_and_forth, (6, 7))[:, :10, :10]

    assert corner.shape == (42, 10, 10)
    assert frames.read == 42 * 10 * 10


def test_an_event_that_is_not_there_is_an_error():
    events = EventArray(np.zeros(3), np.arange(3), (3,))
    with pytest.raises(IndexError, match="index 3 is beyond the 3"):
        events[3]
    with pytest.raises(IndexError, match="2 indices for 1 dimensions"):
        events[0, 0]
