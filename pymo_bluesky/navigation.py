"""Where each event lies in its scan: seq_num to navigation index; knows no files.

A scan is *uniform* (a line or a grid, one axis per dimension) or *spread* (positions
in one long dimension, several axes on it). A grid is placed by the plan's shape and
snaking, checked against the setpoints, and never by a jittering readback.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from .model import Axis

__all__ = ["Navigation", "Positions", "Run", "navigate", "pieces", "snake_index"]

Distribution = Literal["uniform", "spread"]
_MAX_POINTS = 2**31


class Run(NamedTuple):
    """Consecutive rows that go to consecutive points of the innermost axis."""

    row: int
    prefix: tuple[int, ...]
    start: int
    count: int
    backwards: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """What is known of one axis of the plan.

    Attributes
    ----------
    field
        Data key that the plan's hints name.
    label, units
        For the navigation axis.
    values
        Setpoints (else readbacks) of each row, shape (rows,); None if not read.
    planned
        Points that the plan announces, shape (n,); None if it does not.
    exact
        `values` are setpoints.
    dimension
        Which navigation dimension this axis lies on.
    """

    field: str
    label: str
    units: str = ""
    values: np.ndarray | None = None
    planned: np.ndarray | None = None
    exact: bool = False
    dimension: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """The navigation of one stream.

    Attributes
    ----------
    shape
        Points along each navigation dimension.
    axes
        Navigation axes.
    distribution
        ``uniform`` or ``spread``.
    index
        Flat (C order) point of each row, shape (rows,), int64. A row that has no point
        of its own (it was repeated after a rewind, or lies outside) has
        ``size + its number among those``.
    growing
        The number of points was not known beforehand.
    notes
        What was guessed or did not fit, in words.
    """

    shape: tuple[int, ...]
    axes: tuple[Axis, ...]
    distribution: Distribution
    index: np.ndarray
    growing: bool = False
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    @property
    def overflow(self) -> int:
        """Number of rows without a point of their own."""
        return int(np.count_nonzero(self.index >= self.size))

    def visited(self) -> np.ndarray:
        """Which points were measured: bool, of the navigation shape."""
        mask = np.zeros(self.size, bool)
        mask[self.index[self.index < self.size]] = True
        return mask.reshape(self.shape)

    def in_order(self) -> bool:
        """Whether row n is point n, for every row."""
        return bool(np.array_equal(self.index, np.arange(len(self.index))))

    def ascending(self) -> Navigation:
        """The same navigation with every uniform axis ascending (PyMoDAQ 3)."""
        if self.distribution == "spread":
            return self
        index, axes = self.index, list(self.axes)
        inside = index < self.size
        for n, axis in enumerate(self.axes):
            order = np.argsort(axis.values, kind="stable")
            if np.array_equal(order, np.arange(len(order))):
                continue
            rank = np.empty_like(order)
            rank[order] = np.arange(len(order))
            places = list(np.unravel_index(index[inside], self.shape))
            places[axis.index] = rank[places[axis.index]]
            index = index.copy()
            index[inside] = np.ravel_multi_index(places, self.shape)
            axes[n] = Axis(
                label=axis.label,
                units=axis.units,
                values=np.asarray(axis.values)[order],
                index=axis.index,
            )
        return Navigation(
            shape=self.shape,
            axes=tuple(axes),
            distribution=self.distribution,
            index=index,
            growing=self.growing,
            notes=self.notes,
        )


def navigate(
    seq_nums: np.ndarray,
    positions: Sequence[Positions],
    *,
    shape: Sequence[int] | None = None,
    snaking: Sequence[bool] | None = None,
    num_points: int | None = None,
    indexes: Sequence[Any] | None = None,
    spread: bool | None = None,
) -> Navigation:
    """Place the rows of a stream.

    Parameters
    ----------
    seq_nums
        Of each row in the order of arrival, shape (rows,). Of a repeated one the last
        row counts (bluesky repeats them when a plan is resumed).
    positions
        The axes that the plan moves, slow to fast.
    shape, snaking, num_points
        As the start document announces them.
    indexes
        Navigation index of each seq_num, for grids that are visited in any order.
    spread
        Force (or forbid) a spread scan; by default a scan is spread when it is not a
        grid and moves several actuators, or does not move steadily.

    Examples
    --------
    >>> x = Positions(field="x", label="x", planned=np.array([0.0, 1.0]))
    >>> y = Positions(field="y", label="y", planned=np.array([5.0, 6.0]), dimension=1)
    >>> seq = np.arange(1, 5)
    >>> navigate(seq, [x, y], shape=(2, 2), snaking=(False, True)).index
    array([0, 1, 3, 2])
    """
    if _is_grid(shape, positions) and not spread:
        grid = _grid(seq_nums, positions, tuple(shape or ()), snaking, indexes)
        if grid is not None:
            return grid
        note = (
            f"the positions do not form the announced grid {tuple(shape or ())}; "
            "the scan is stored as spread"
        )
        return _line(seq_nums, positions, num_points, True, (note,))
    return _line(seq_nums, positions, num_points, spread, ())


def _is_grid(shape: Sequence[int] | None, positions: Sequence[Positions]) -> bool:
    if not shape or len(shape) < 2 or not all(type(n) is int and n > 0 for n in shape):
        return False
    dimensions = [p.dimension for p in positions]
    return (
        dimensions == list(range(len(shape))) and math.prod(shape) <= _MAX_POINTS
    )


# ------------------------------------------------------------------------------- lines


def _line(
    seq_nums: np.ndarray,
    positions: Sequence[Positions],
    num_points: int | None,
    spread: bool | None,
    notes: tuple[str, ...],
) -> Navigation:
    known = type(num_points) is int and 0 < num_points <= _MAX_POINTS
    inside = bool(seq_nums.size) and 0 < seq_nums.min()
    growing = not known or (seq_nums.size > 0 and not inside)
    size = cast(int, num_points) if not growing else len(np.unique(seq_nums))
    if spread is None:
        spread = len(positions) > 1 or not _steady(positions)
    if spread and not growing and not all(_complete(p, size) for p in positions):
        # Without the positions of the unvisited points there is nothing to plot
        # them at: a spread scan holds the points that were visited.
        size, growing = min(size, len(np.unique(seq_nums))), True
    spread = spread or growing
    wanted = _ranks(seq_nums) if growing else seq_nums - 1
    index = last_wins(wanted, size)
    axes = tuple(
        Axis(
            label=p.label,
            units=p.units,
            values=_along(p, index, size),
            index=0,
            spread_order=n if spread else 0,
        )
        for n, p in enumerate(positions)
    )
    return Navigation(
        shape=(size,),
        axes=axes,
        distribution="spread" if spread else "uniform",
        index=index,
        growing=growing,
        notes=notes,
    )


def _ranks(seq_nums: np.ndarray) -> np.ndarray:
    if not seq_nums.size:
        return seq_nums
    return np.unique(seq_nums, return_inverse=True)[1].reshape(-1)


def _steady(positions: Sequence[Positions]) -> bool:
    """Whether the one axis never turns or repeats: only then it can be an axis."""
    for p in positions:
        points = p.planned if p.planned is not None else p.values
        if points is not None and len(points) > 1:
            steps = np.diff(points)
            if not (np.all(steps > 0) or np.all(steps < 0)):
                return p.planned is None and not p.exact
    return True


def _complete(p: Positions, size: int) -> bool:
    return p.planned is not None and len(p.planned) == size


def _along(p: Positions, index: np.ndarray, size: int) -> np.ndarray:
    """Values of an axis at every point: as measured where visited, else as planned."""
    offset = _offset(p, index, size)
    along = np.full(size, np.nan)
    if p.planned is not None and len(p.planned) == size:
        along[:] = p.planned + offset
    elif p.values is None:
        along[:] = np.arange(size)
    if p.values is not None and (p.exact or p.planned is None):
        inside = index < size
        along[index[inside]] = p.values[inside]
    return along


def _offset(p: Positions, index: np.ndarray, size: int) -> float:
    """How far a relative plan was moved from its announced positions."""
    if p.values is None or not p.exact or p.planned is None:
        return 0.0
    inside = index < min(size, len(p.planned))
    if not inside.any():
        return 0.0
    return float(np.median(p.values[inside] - p.planned[index[inside]]))


def last_wins(wanted: np.ndarray, size: int) -> np.ndarray:
    """Flat point of each row; of rows that want the same point the last one gets it."""
    index = np.asarray(wanted, np.int64).copy()
    index[(index < 0) | (index >= size)] = -1
    last = np.full(size, -1, np.int64)
    last[index[index >= 0]] = np.flatnonzero(index >= 0)
    loses = index < 0
    loses[~loses] = last[index[~loses]] != np.flatnonzero(~loses)
    index[loses] = size + np.arange(np.count_nonzero(loses))
    return index


# ------------------------------------------------------------------------------- grids


def snake_index(
    points: np.ndarray, shape: Sequence[int], snaking: Sequence[bool]
) -> tuple[np.ndarray, ...]:
    """Navigation index along each axis of the n-th visited points of a grid.

    Parameters
    ----------
    points
        Number of each visited point, from 0.
    shape
        Of the grid, slow to fast.
    snaking
        Whether an axis turns at each pass; the first never does.

    Examples
    --------
    >>> snake_index(np.arange(6), (2, 3), (False, True))[1]
    array([0, 1, 2, 2, 1, 0])
    """
    places = list(np.unravel_index(points, tuple(shape)))
    for axis, turns in enumerate(snaking):
        if turns and axis:
            passes = points // math.prod(shape[axis:])
            back = passes % 2 == 1
            places[axis] = np.where(back, shape[axis] - 1 - places[axis], places[axis])
    return tuple(places)


def _grid(
    seq_nums: np.ndarray,
    positions: Sequence[Positions],
    shape: tuple[int, ...],
    snaking: Sequence[bool] | None,
    indexes: Sequence[Any] | None,
) -> Navigation | None:
    points = np.asarray(seq_nums, np.int64) - 1
    inside = (points >= 0) & (points < math.prod(shape))
    for places in _candidates(points[inside], positions, inside, shape, snaking, indexes):
        if _agrees(places, positions, inside):
            break
    else:
        return None
    flat = np.full(len(points), -1, np.int64)
    flat[inside] = np.ravel_multi_index(places, shape)
    index = last_wins(flat, math.prod(shape))
    axes = tuple(
        Axis(
            label=p.label,
            units=p.units,
            values=_grid_axis(p, shape[d], d, index, shape),
            index=d,
        )
        for d, p in enumerate(positions)
    )
    return Navigation(shape=shape, axes=axes, distribution="uniform", index=index)


def _candidates(
    points: np.ndarray,
    positions: Sequence[Positions],
    inside: np.ndarray,
    shape: tuple[int, ...],
    snaking: Sequence[bool] | None,
    indexes: Sequence[Any] | None,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Ways to place the points, the most trustworthy first."""
    given = _given(indexes, shape)
    if given is not None and len(points) <= len(given):
        yield tuple(given[points].T)
    if snaking is not None and len(snaking) == len(shape):
        yield snake_index(points, shape, snaking)
    for turns in (False, True):
        yield snake_index(points, shape, [turns] * len(shape))
    found = [_nearest(p, inside, shape[d]) for d, p in enumerate(positions)]
    if all(place is not None for place in found):
        yield cast(tuple[np.ndarray, ...], tuple(found))


def _given(
    indexes: Sequence[Any] | None, shape: tuple[int, ...]
) -> np.ndarray | None:
    if indexes is None:
        return None
    given = np.asarray(indexes)
    if given.dtype.kind not in "iu" or given.ndim != 2 or given.shape[1] != len(shape):
        return None
    fits = np.all((given >= 0) & (given < np.asarray(shape)))
    return given.astype(np.int64) if fits else None


def _agrees(
    places: Sequence[np.ndarray], positions: Sequence[Positions], inside: np.ndarray
) -> bool:
    """Whether the setpoints are the same wherever the index along their axis is."""
    for place, p in zip(places, positions, strict=True):
        if p.values is None or not p.exact or not place.size:
            continue
        values = p.values[inside]
        first = np.full(int(place.max()) + 1, np.nan)
        first[place] = values
        tolerance = 1e-6 * float(np.ptp(values)) + 1e-12 * float(np.abs(values).max())
        if not np.all(np.abs(values - first[place]) <= tolerance):
            return False
        known = np.sort(first[~np.isnan(first)])
        planned_once = p.planned is None or len(np.unique(p.planned)) == len(p.planned)
        if planned_once and known.size > 1 and np.diff(known).min() <= tolerance:
            return False
    return True


def _nearest(p: Positions, inside: np.ndarray, n: int) -> np.ndarray | None:
    """Index along an axis from the setpoints themselves."""
    if p.values is None or not p.exact:
        return None
    values = p.values[inside]
    planned = p.planned
    if planned is None or len(planned) != n:
        planned = np.unique(values)
    if len(planned) != n:
        return None
    return np.abs(values[:, None] - planned[None, :]).argmin(axis=1)


def _grid_axis(
    p: Positions, n: int, dimension: int, index: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Values along one axis of a grid: setpoints where visited, else as planned."""
    size = math.prod(shape)
    inside = index < size
    place = np.unravel_index(index[inside], shape)[dimension]
    planned = p.planned if p.planned is not None and len(p.planned) == n else None
    axis = np.full(n, np.nan)
    if p.values is not None and (p.exact or planned is None):
        axis = _means(place, p.values[inside], n, exact=p.exact)
    if planned is None:
        return _extrapolated(axis)
    seen = ~np.isnan(axis)
    offset = float(np.median((axis - planned)[seen])) if seen.any() else 0.0
    axis[~seen] = planned[~seen] + offset
    return axis


def _means(place: np.ndarray, values: np.ndarray, n: int, *, exact: bool) -> np.ndarray:
    axis = np.full(n, np.nan)
    if exact:
        axis[place] = values
        return axis
    counts = np.bincount(place, minlength=n)
    sums = np.bincount(place, weights=values, minlength=n)
    seen = counts > 0
    axis[seen] = sums[seen] / counts[seen]
    return axis


def _extrapolated(axis: np.ndarray) -> np.ndarray:
    seen = np.flatnonzero(~np.isnan(axis))
    if not seen.size:
        return np.arange(len(axis), dtype=float)
    if seen.size == len(axis):
        return axis
    if seen.size == 1:
        return np.where(np.isnan(axis), axis[seen[0]] + np.arange(len(axis)) - seen[0], axis)
    slope, start = np.polyfit(seen, axis[seen], 1)
    line = start + slope * np.arange(len(axis))
    return np.where(np.isnan(axis), line, axis)


# ------------------------------------------------------------------------------ pieces


def pieces(index: np.ndarray, shape: Sequence[int]) -> Iterator[Run]:
    """Cut rows into runs that are one slab each, forwards or backwards.

    Parameters
    ----------
    index
        Flat point of each row, shape (rows,); all below the number of points.
    shape
        Navigation shape.

    Examples
    --------
    >>> [run[1:] for run in pieces(np.array([0, 1, 3, 2]), (2, 2))]
    [((0,), 0, 2, False), ((1,), 0, 2, True)]
    """
    if not len(index):
        return
    inner = shape[-1]
    steps = np.diff(index)
    same_line = index[1:] // inner == index[:-1] // inner
    breaks = np.flatnonzero(~(same_line & (np.abs(steps) == 1)))
    turns = np.flatnonzero(np.diff(steps)) + 1
    at = 0
    while at < len(index):
        ends = [len(steps)]
        ends.extend(breaks[np.searchsorted(breaks, at) :][:1].tolist())
        ends.extend(turns[np.searchsorted(turns, at, side="right") :][:1].tolist())
        stop = min(ends) + 1
        first = min(int(index[at]), int(index[stop - 1]))
        *prefix, start = (int(i) for i in np.unravel_index(first, tuple(shape)))
        backwards = stop > at + 1 and int(steps[at]) == -1
        yield Run(at, tuple(prefix), start, stop - at, backwards)
        at = stop
