"""In what order the points of a scan were visited, and which were; knows no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..model import Array, Branch

__all__ = ["snake", "visited"]

_SMALL = 2**20
"""Values of an array that is looked at whole."""

_SAMPLE = 4096
"""Values of a frame that are looked at to tell whether it was measured."""


def visited(
    branch: Branch, arrays: Sequence[Array], sub_type: str
) -> tuple[np.ndarray, list[str]]:
    """Points in the order of visiting, and what was assumed for it.

    Parameters
    ----------
    branch
        The stream.
    arrays
        What was measured at its points.
    sub_type
        Of the scan: ``Linear``, ``LinearBackForce``, …
    """
    order, guessed = _order(branch, sub_type)
    told = branch.timestamps is not None or branch.visited is not None
    if not told and not branch.growing:
        order, cut = _measured(branch, arrays, order)
        guessed += cut
        order, cut = _without_gaps(branch, arrays, order)
        guessed += cut
    return order, guessed


def _order(branch: Branch, sub_type: str) -> tuple[np.ndarray, list[str]]:
    size = math.prod(branch.shape)
    if branch.visits is not None:
        return branch.visits, []
    plain = np.arange(size)
    if branch.growing or branch.spread or size < 2 or sub_type == "Linear":
        return plain, []
    if sub_type == "LinearBackForce" and len(branch.shape) > 1:
        return snake(branch.shape), [f"order of the events: that of {sub_type!r}"]
    return plain, ["order of the events: that of the grid"]


def snake(shape: Sequence[int]) -> np.ndarray:
    """Points of a grid that turns at each pass, in the order of visiting.

    Examples
    --------
    >>> snake((2, 3)).tolist()
    [0, 1, 2, 5, 4, 3]
    """
    points = np.arange(math.prod(shape)).reshape(shape)
    for axis in range(1, len(shape)):
        rows = points.reshape(-1, *shape[axis:])
        rows[1::2] = rows[1::2, ::-1].copy()
    return points.reshape(-1)


def _measured(
    branch: Branch, arrays: Sequence[Array], order: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Points without those at the end that hold nothing but zeros.

    PyMoDAQ up to 4.x leaves zeros where a stopped scan did not come, and tells nowhere
    how far it came.
    """
    if not arrays or not branch.shape:
        return order, []
    small = [a for a in arrays if math.prod(a.data.shape) <= _SMALL]
    found = np.zeros(math.prod(branch.shape), bool)
    for array in small:
        signal = array.data.shape[len(branch.shape) :]
        values = np.asarray(array.data[()]).reshape(len(found), math.prod(signal))
        found |= _measured_in(values).any(axis=1)
    known = np.flatnonzero(found[order])
    least = int(known[-1]) + 1 if known.size else 0
    large = [a for a in arrays if math.prod(a.data.shape) > _SMALL]
    end = len(order) if large else least
    while end > least and not any(_holds(a, order[end - 1], branch) for a in large):
        end -= 1
    if end in (0, len(order)):
        return order, []
    return order[:end], [
        f"points visited: the last {len(order) - end} of {len(order)} hold only zeros"
    ]


def _without_gaps(
    branch: Branch, arrays: Sequence[Array], order: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Points of a grid without those amid others that hold NaN where numbers can.

    PyMoDAQ 5 leaves NaN where a stopped scan did not come. Of one that turned at each
    pass they lie amid the others, for the file does not tell that it turned.
    """
    small = [a for a in arrays if math.prod(a.data.shape) <= _SMALL]
    if len(branch.shape) < 2 or not any(a.data.dtype.kind in "fc" for a in small):
        return order, []
    empty = np.ones(math.prod(branch.shape), bool)
    for array in small:
        values = np.asarray(array.data[()]).reshape(len(empty), -1)
        nothing = np.isnan(values) if values.dtype.kind in "fc" else values == 0
        empty &= nothing.all(axis=1)
    large = [a for a in arrays if math.prod(a.data.shape) > _SMALL]
    for point in np.flatnonzero(empty):
        empty[point] = not any(_holds(array, point, branch) for array in large)
    kept = order[~empty[order]]
    gaps = len(order) - len(kept)
    if not gaps or not len(kept):
        return order, []
    return kept, [f"points visited: {gaps} amid them hold nothing but NaN"]


def _holds(array: Array, point: Any, branch: Branch) -> bool:
    place = tuple(int(n) for n in np.unravel_index(int(point), branch.shape))
    values = np.asarray(array.data[place]).reshape(-1)[:_SAMPLE]
    return bool(_measured_in(values).any())


def _measured_in(values: np.ndarray) -> np.ndarray:
    return (values != 0) & (values == values)
