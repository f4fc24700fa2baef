"""From seq_num to the point of the scan: grids, snakes, lines, scatter and rewinds."""

from itertools import product

import numpy as np
import pytest
from bluesky.utils import snake_cyclers
from cycler import cycler
from hypothesis import given, settings
from hypothesis import strategies as st

from pymo_bluesky.navigation import navigate
from pymo_bluesky.navigation.grids import snake_index
from pymo_bluesky.navigation.points import Positions, last_wins, pieces

quick = settings(max_examples=100, deadline=None)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@st.composite
def grids(draw):
    """A shape, and which of its axes are snaked; the first never is."""
    shape = draw(shapes)
    return shape, (False, *(draw(st.booleans()) for _ in shape[1:]))


def visits(shape, snaking) -> list[tuple[int, ...]]:
    """The points of a grid in the order in which bluesky itself visits them."""
    axes = [cycler(str(axis), range(size)) for axis, size in enumerate(shape)]
    return [tuple(point.values()) for point in snake_cyclers(axes, snaking)]


def axis(n, values=None, planned=None, **about) -> Positions:
    return Positions(
        field=f"m{n}",
        label=f"m{n}",
        values=None if values is None else np.asarray(values, float),
        planned=None if planned is None else np.asarray(planned, float),
        exact=values is not None,
        dimension=n,
        **about,
    )


def counted(rows):
    return np.arange(1, rows + 1)


# ----------------------------------------------------------------------------- grids


@quick
@given(grids())
def test_points_of_a_grid_are_counted_as_bluesky_visits_them(grid):
    shape, snaking = grid
    places = snake_index(np.arange(np.prod(shape)), shape, snaking)
    assert [tuple(place) for place in np.transpose(places)] == visits(shape, snaking)


@quick
@given(grids().filter(lambda grid: len(grid[0]) > 1), st.data())
def test_each_row_of_a_grid_lies_where_its_setpoints_say(grid, data):
    shape, snaking = grid
    order = visits(shape, snaking)
    taken = data.draw(st.integers(0, len(order)))
    planned = [np.linspace(0, size, size) ** 2 for size in shape]
    setpoints = [
        [planned[n][place[n]] for place in order[:taken]] for n in range(len(shape))
    ]
    positions = [axis(n, setpoints[n], planned[n]) for n in range(len(shape))]
    found = navigate(counted(taken), positions, shape=shape, snaking=snaking)
    places = np.transpose(np.unravel_index(found.index, shape))
    assert [tuple(place) for place in places] == order[:taken]
    for n, expected in enumerate(planned):
        np.testing.assert_allclose(found.axes[n].values, expected)
    assert found.visited().sum() == taken


@quick
@given(grids().filter(lambda grid: len(grid[0]) > 1))
def test_a_plan_that_forgot_to_say_that_it_snakes_is_seen_through(grid):
    shape, snaking = grid
    order = visits(shape, snaking)
    positions = [
        axis(n, [place[n] for place in order], range(size))
        for n, size in enumerate(shape)
    ]
    found = navigate(counted(len(order)), positions, shape=shape, snaking=None)
    assert found.distribution == "uniform"
    assert [
        tuple(p) for p in np.transpose(np.unravel_index(found.index, shape))
    ] == order


def test_a_grid_in_any_order_brings_its_own_map():
    order = [(1, 1), (0, 0), (1, 0), (0, 1)]
    positions = [axis(n, [p[n] for p in order], [0, 1]) for n in (0, 1)]
    found = navigate(counted(4), positions, shape=(2, 2), indexes=order)
    assert found.index.tolist() == [3, 0, 2, 1]


def test_positions_that_are_no_grid_are_stored_as_spread_and_told():
    positions = [axis(0, [0, 1, 2, 3], [0, 1]), axis(1, [0, 5, 9, 1], [0, 1])]
    found = navigate(counted(4), positions, shape=(2, 2), num_points=4)
    assert found.distribution == "spread"
    assert found.axes[1].values.tolist() == [0, 5, 9, 1]
    assert "do not form the announced grid (2, 2)" in found.notes[0]


def test_readbacks_place_nothing():
    jitter = np.random.default_rng(0).normal(0, 5, 4)
    positions = [
        Positions(
            field=name, label=name, values=jitter, planned=np.arange(2.0), dimension=n
        )
        for n, name in enumerate("xy")
    ]
    found = navigate(counted(4), positions, shape=(2, 2), snaking=(False, True))
    assert found.index.tolist() == [0, 1, 3, 2]
    assert found.axes[0].values.tolist() == [0, 1]


def test_unvisited_lines_of_a_relative_grid_are_shifted_as_the_visited_ones():
    positions = [axis(0, [10, 10], [0, 1]), axis(1, [7, 8], [-3, -2])]
    found = navigate(counted(2), positions, shape=(2, 2), snaking=(False, False))
    assert found.axes[0].values.tolist() == [10, 11]
    assert found.axes[1].values.tolist() == [7, 8]


# ------------------------------------------------------------------- lines and scatter


def test_a_line_is_uniform_and_keeps_its_direction():
    found = navigate(counted(3), [axis(0, [5, 4, 3], [5, 4, 3])], num_points=3)
    assert found.distribution == "uniform"
    assert found.axes[0].values.tolist() == [5, 4, 3]


def test_an_aborted_line_keeps_the_points_it_was_to_visit():
    found = navigate(counted(2), [axis(0, [5, 4], [5, 4, 3, 2])], num_points=4)
    assert found.shape == (4,)
    assert found.axes[0].values.tolist() == [5, 4, 3, 2]
    assert found.visited().tolist() == [True, True, False, False]


def test_positions_that_turn_are_spread():
    found = navigate(counted(3), [axis(0, [0, 2, 1], [0, 2, 1])], num_points=3)
    assert found.distribution == "spread"


def test_several_actuators_on_one_dimension_are_spread_in_their_order():
    positions = [axis(0, [0, 1]), axis(0, [5, 6])]
    found = navigate(counted(2), positions, num_points=2)
    assert found.distribution == "spread"
    assert [a.spread_order for a in found.axes] == [0, 1]
    assert [a.index for a in found.axes] == [0, 0]


@pytest.mark.parametrize("announced", [None, 0, -1, "3", True, 2**40])
def test_without_a_number_to_believe_a_scan_grows(announced):
    found = navigate(counted(3), [axis(0, [0, 1, 2])], num_points=announced)
    assert found.growing
    assert found.shape == (3,)


@pytest.mark.parametrize("planned", [None, [0, 1, 2]])
def test_all_of_a_spread_scan_has_the_points_that_were_announced(planned):
    positions = [axis(0, [0, 1, 2], planned), axis(0, [5, 6, 7])]
    found = navigate(counted(3), positions, num_points=3)
    assert (found.shape, found.growing) == ((3,), False)
    assert [a.values.tolist() for a in found.axes] == [[0, 1, 2], [5, 6, 7]]


def test_of_an_aborted_spread_scan_the_visited_points_are_there():
    positions = [axis(0, [0, 1]), axis(0, [5, 6])]
    found = navigate(np.array([1, 3]), positions, num_points=4)
    assert (found.shape, found.growing) == ((2,), False)
    assert found.index.tolist() == [0, 1]


def test_a_spread_scan_without_a_point_grows():
    found = navigate(counted(0), [axis(0, []), axis(0, [])], num_points=3)
    assert (found.shape, found.growing) == ((0,), True)


def test_more_rows_than_announced_lose_no_row():
    found = navigate(counted(4), [axis(0, [0, 1, 2, 3])], num_points=2)
    assert len(np.unique(found.index)) == 4


def test_seq_nums_with_gaps_close_up_where_nothing_was_announced():
    found = navigate(np.array([3, 7, 9]), [axis(0, [0, 1, 2])])
    assert found.index.tolist() == [0, 1, 2]
    assert found.shape == (3,)


@pytest.mark.parametrize(
    "values", [[np.inf, -np.inf, 0], [np.nan] * 3, [1e308, -1e308, 0]]
)
def test_positions_that_are_no_numbers_disturb_nobody(values):
    found = navigate(counted(3), [axis(0, values)], num_points=3)
    assert found.index.tolist() == [0, 1, 2]
    grid = navigate(counted(3), [axis(0, values), axis(1, [0, 0, 0])], shape=(3, 1))
    assert sorted(grid.index.tolist()) == [0, 1, 2]


def test_a_stream_without_rows_has_no_points():
    found = navigate(np.zeros(0, np.int64), [axis(0)])
    assert found.size == 0
    assert found.visited().tolist() == []


# ----------------------------------------------------------------------------- rewinds


def test_of_a_repeated_row_the_last_one_has_the_point():
    index = last_wins(np.array([0, 1, 1, 2]), 3)
    assert index.tolist() == [0, 3, 1, 2]


@quick
@given(st.lists(st.integers(-2, 8), max_size=12), st.integers(0, 6))
def test_each_row_has_a_place_of_its_own(wanted, size):
    index = last_wins(np.array(wanted, np.int64), size)
    assert len(set(index.tolist())) == len(wanted)
    for point in set(wanted) & set(range(size)):
        last = max(row for row, place in enumerate(wanted) if place == point)
        assert index[last] == point
    others = sorted(place for place in index.tolist() if place >= size)
    assert others == list(range(size, size + len(others)))


# -------------------------------------------------------------------- ascending axes


@quick
@given(grids().filter(lambda grid: len(grid[0]) > 1), st.data())
def test_ascending_axes_leave_each_row_at_its_position(grid, data):
    shape, snaking = grid
    planned = [data.draw(st.permutations(range(size))) for size in shape]
    order = visits(shape, snaking)
    setpoints = [[planned[n][place[n]] for place in order] for n in range(len(shape))]
    positions = [axis(n, setpoints[n], planned[n]) for n in range(len(shape))]
    found = navigate(counted(len(order)), positions, shape=shape, snaking=snaking)
    ascending = found.ascending()
    places = np.unravel_index(ascending.index, shape)
    for n, one in enumerate(ascending.axes):
        assert one.values.tolist() == sorted(planned[n])
        assert np.asarray(one.values)[places[n]].tolist() == setpoints[n]


# ------------------------------------------------------------------------------ pieces


@quick
@given(shapes, st.data())
def test_pieces_put_each_row_at_its_point(shape, data):
    points = range(int(np.prod(shape)))
    index = np.array(
        data.draw(
            st.lists(st.sampled_from(points), unique=True, max_size=20)
            | st.permutations(points)
            | st.just([*points][::-1])
        ),
        np.int64,
    )
    canvas = np.full(shape, -1)
    rows = np.arange(len(index))
    for run in pieces(index, shape):
        part = rows[run.row : run.row + run.length]
        line = slice(run.start, run.start + run.length)
        canvas[(*run.prefix, line)] = part[::-1] if run.backwards else part
    expected = np.full(int(np.prod(shape)), -1)
    expected[index] = rows
    np.testing.assert_array_equal(canvas.ravel(), expected)


@pytest.mark.parametrize("snake", [False, True])
def test_a_pass_of_a_grid_is_one_piece(snake):
    shape = (5, 40)
    places = snake_index(np.arange(200), shape, (False, snake))
    assert len(list(pieces(np.ravel_multi_index(places, shape), shape))) == 5


def test_points_of_a_grid_cover_it_once():
    for shape in product(range(1, 4), repeat=3):
        index = np.ravel_multi_index(
            snake_index(np.arange(np.prod(shape)), shape, (False, True, True)), shape
        )
        assert sorted(index.tolist()) == list(range(int(np.prod(shape))))
