"""Grids: from the plan's shape and snaking, checked against the setpoints; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from ..model import Axis
from .points import Navigation, Positions, last_wins

__all__ = ["navigate_grid", "snake_index"]


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


def navigate_grid(
    seq_nums: np.ndarray,
    positions: Sequence[Positions],
    shape: tuple[int, ...],
    snaking: Sequence[bool] | None,
    indexes: Sequence[Any] | None,
) -> Navigation | None:
    """Place the rows of a grid; None when the setpoints form no such grid.

    Parameters are those of `navigate`, of which this is the part for grids.
    """
    points = np.asarray(seq_nums, np.int64) - 1
    inside = (points >= 0) & (points < math.prod(shape))
    for places in _candidates(
        points[inside], positions, inside, shape, snaking, indexes
    ):
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


def _given(indexes: Sequence[Any] | None, shape: tuple[int, ...]) -> np.ndarray | None:
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
        known = np.isfinite(p.values[inside])
        place, values = place[known], p.values[inside][known]
        if not place.size:
            continue
        first = np.full(int(place.max()) + 1, np.nan)
        first[place] = values
        tolerance = 1e-6 * float(np.ptp(values)) + 1e-12 * float(np.abs(values).max())
        if not np.all(np.abs(values - first[place]) <= tolerance):
            return False
        seen = np.sort(first[~np.isnan(first)])
        planned_once = p.planned is None or len(np.unique(p.planned)) == len(p.planned)
        if planned_once and seen.size > 1 and np.diff(seen).min() <= tolerance:
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
        return np.where(
            np.isnan(axis), axis[seen[0]] + np.arange(len(axis)) - seen[0], axis
        )
    slope, start = np.polyfit(seen, axis[seen], 1)
    line = start + slope * np.arange(len(axis))
    return np.where(np.isnan(axis), line, axis)
