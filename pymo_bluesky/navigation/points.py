"""Positions, points and the navigation of a stream, as data; knows no documents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from ..model import Axis

__all__ = [
    "MAX_POINTS",
    "Navigation",
    "Positions",
    "Run",
    "are_in_turn",
    "are_nearly",
    "last_wins",
    "pieces",
    "stretches",
]

Distribution = Literal["uniform", "spread"]
MAX_POINTS = 2**31
"""More points than any scan has: an announcement beyond is not believed."""


class Run(NamedTuple):
    """Consecutive rows that go to consecutive points of the innermost axis."""

    row: int
    prefix: tuple[int, ...]
    start: int
    length: int
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
        if len(self.index) == self.size and self.in_order():
            return np.ones(self.shape, bool)
        mask = np.zeros(self.size, bool)
        mask[self.index[self.index < self.size]] = True
        return mask.reshape(self.shape)

    def in_order(self) -> bool:
        """Whether row n is point n, for every row."""
        return are_in_turn(self.index)

    def ascending(self) -> Navigation:
        """The same navigation with every uniform axis ascending (PyMoDAQ 3).

        An axis that has a position twice cannot be one: PyMoDAQ 3 takes the distinct
        positions for the axis. The points then lie one after the other, spread.
        """
        if self.distribution == "spread":
            return self
        repeating = [
            axis.label for axis in self.axes if _has_a_position_twice(axis.values)
        ]
        if repeating:
            return self._spread(repeating)
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

    def _spread(self, repeating: Sequence[str]) -> Navigation:
        """The same points in C order along one dimension, all axes on it."""
        places = np.unravel_index(np.arange(self.size), self.shape)
        axes = tuple(
            Axis(
                label=axis.label,
                units=axis.units,
                values=np.asarray(axis.values)[places[axis.index]],
                index=0,
                spread_order=order,
            )
            for order, axis in enumerate(self.axes)
        )
        note = (
            f"{', '.join(map(repr, repeating))} has a position twice, which is no axis "
            "for PyMoDAQ 3; the scan is stored as spread"
        )
        return replace(
            self,
            shape=(self.size,),
            axes=axes,
            distribution="spread",
            notes=(*self.notes, note),
        )


def are_in_turn(index: np.ndarray) -> bool:
    """Whether row n is point n, for every row."""
    if not len(index):
        return True
    ends = index[0] == 0 and index[-1] == len(index) - 1
    return bool(ends and np.all(index[1:] > index[:-1]))


def are_nearly(values: np.ndarray, value: float) -> bool:
    """Whether they are nearly that, as `np.allclose` has it; `values` do not survive.

    Examples
    --------
    >>> are_nearly(np.array([1.0, 1.000001]), 1.0)
    True
    """
    values -= value
    np.abs(values, out=values)
    return bool(values.max() <= 1e-8 + 1e-5 * abs(value))


def _has_a_position_twice(values: np.ndarray) -> bool:
    """Whether a position is there twice; that of points not visited is NaN."""
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return len(np.unique(known)) < len(known)


def last_wins(wanted: np.ndarray, size: int) -> np.ndarray:
    """Flat point of each row; of rows that want the same point the last one gets it."""
    index = np.array(wanted, np.int64)
    if len(index) <= size and are_in_turn(index):
        return index  # what follows takes 40 bytes for each row
    index[(index < 0) | (index >= size)] = -1
    last = np.full(size, -1, np.int64)
    last[index[index >= 0]] = np.flatnonzero(index >= 0)
    loses = index < 0
    loses[~loses] = last[index[~loses]] != np.flatnonzero(~loses)
    index[loses] = size + np.arange(np.count_nonzero(loses))
    return index


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


def stretches(rows: np.ndarray) -> list[list[int]]:
    """Ascending numbers as pairs of first and how many.

    Examples
    --------
    >>> stretches(np.array([1, 2, 3, 7]))
    [[1, 3], [7, 1]]
    """
    if not len(rows):
        return []
    firsts = np.flatnonzero(np.append(True, np.diff(rows) != 1))
    counts = np.diff(np.append(firsts, len(rows)))
    return [
        list(pair) for pair in zip(rows[firsts].tolist(), counts.tolist(), strict=True)
    ]
