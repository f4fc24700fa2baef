"""Arrays of a scan's tree as arrays of its events, read in slices; knows no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..model import ArrayLike
from ..navigation.points import pieces

__all__ = ["EventArray"]

_BLOCK_BYTES = 8 * 2**20

Key = int | slice
Forwards = int | slice


@dataclass(frozen=True, slots=True, eq=False)
class EventArray:
    """An array over a grid, seen in the order in which its points were visited.

    Nothing is read before it is indexed, and then only the part that is asked for.

    Attributes
    ----------
    data
        Shape: navigation, then signal.
    points
        Flat point of each event, shape (events,).
    navigation
        Navigation shape.

    Examples
    --------
    A snaked grid of two lines: the second was measured backwards.

    >>> grid = np.array([[0, 1, 2], [5, 4, 3]])
    >>> events = EventArray(grid, np.array([0, 1, 2, 5, 4, 3]), (2, 3))
    >>> events[:].tolist(), events[-2:].tolist(), int(events[3])
    ([0, 1, 2, 3, 4, 5], [4, 5], 3)
    """

    data: ArrayLike
    points: np.ndarray
    navigation: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Events first, then signal."""
        return (len(self.points), *self.data.shape[len(self.navigation) :])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Part of it, by whole numbers and slices of any step.

        Raises
        ------
        IndexError
            When an event or a place is asked for that is not there.
        """
        first, *rest = _whole(key, self.shape)
        signal, turned = _forwards(rest, self.shape[1:])
        points = self.points[first]
        if isinstance(first, int):
            place = self._place(int(points))
            return np.asarray(self.data[(*place, *signal)])[turned]
        return self._rows(points, signal)[(slice(None), *turned)]

    def _place(self, point: int) -> tuple[int, ...]:
        return tuple(int(n) for n in np.unravel_index(point, self.navigation))

    def _rows(self, points: np.ndarray, signal: tuple[Forwards, ...]) -> np.ndarray:
        shape = tuple(
            len(range(*part.indices(size)))
            for part, size in zip(signal, self.shape[1:], strict=True)
            if isinstance(part, slice)
        )
        if not len(points):
            return np.empty((0, *shape), self.dtype)
        if not self.navigation:
            return np.asarray(self.data[signal])[np.newaxis]
        row = math.prod(shape) * self.dtype.itemsize
        places = np.unravel_index(points, self.navigation)
        first, last = int(places[0].min()), int(places[0].max()) + 1
        between = (last - first) * math.prod(self.navigation[1:])
        if between * row <= max(_BLOCK_BYTES, 2 * len(points) * row):
            inner = (slice(None),) * (len(self.navigation) - 1)
            block = np.asarray(self.data[(slice(first, last), *inner, *signal)])
            return block[(places[0] - first, *places[1:])]
        values = np.empty((len(points), *shape), self.dtype)
        for run in pieces(points, self.navigation):
            line = slice(run.start, run.start + run.length)
            part = np.asarray(self.data[(*run.prefix, line, *signal)])
            values[run.row : run.row + run.length] = (
                part[::-1] if run.backwards else part
            )
        return values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of it."""
        values = self[:]
        return values if dtype is None else values.astype(dtype, copy=False)


def _whole(key: Any, shape: Sequence[int]) -> tuple[Key, ...]:
    """An index of each dimension, negative numbers counted from the end."""
    keys: list[Any] = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (len(shape) - len(keys) + 1)
    keys += [slice(None)] * (len(shape) - len(keys))
    if len(keys) > len(shape):
        raise IndexError(f"{len(keys)} indices for {len(shape)} dimensions")
    return tuple(
        part if isinstance(part, slice) else _counted(int(part), size)
        for part, size in zip(keys, shape, strict=True)
    )


def _counted(index: int, size: int) -> int:
    if not -size <= index < size:
        raise IndexError(f"index {index} is beyond the {size} that there are")
    return index % size


def _forwards(
    keys: Sequence[Key], shape: Sequence[int]
) -> tuple[tuple[Forwards, ...], tuple[slice, ...]]:
    """Slices as HDF5 reads them, and how what they give is turned afterwards."""
    read: list[Forwards] = []
    turned: list[slice] = []
    for key, size in zip(keys, shape, strict=True):
        if isinstance(key, int):
            read.append(key)
            continue
        start, stop, step = key.indices(size)
        chosen = range(start, stop, step)
        if step > 0:
            read.append(slice(start, stop, step))
        elif chosen:
            read.append(slice(chosen[-1], chosen[0] + 1, -step))
        else:
            read.append(slice(0, 0))
        turned.append(slice(None, None, 1 if step > 0 else -1))
    return tuple(read), tuple(turned)
