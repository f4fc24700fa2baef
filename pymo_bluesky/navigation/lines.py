"""Where each event lies in its scan: seq_num to navigation index; knows no files.

A scan is *uniform* (a line or a grid, one axis per dimension) or *spread* (positions
in one long dimension, several axes on it). A grid is placed by the plan's shape and
snaking, checked against the setpoints, and never by a jittering readback.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ..model import Axis
from .grids import navigate_grid
from .points import MAX_POINTS, Navigation, Positions, are_in_turn, last_wins

__all__ = ["navigate"]


@np.errstate(invalid="ignore", over="ignore")  # a readback can be infinite
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
        grid = navigate_grid(seq_nums, positions, tuple(shape or ()), snaking, indexes)
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
    return dimensions == list(range(len(shape))) and math.prod(shape) <= MAX_POINTS


# ------------------------------------------------------------------------------- lines


def _line(
    seq_nums: np.ndarray,
    positions: Sequence[Positions],
    num_points: int | None,
    spread: bool | None,
    notes: tuple[str, ...],
) -> Navigation:
    known = type(num_points) is int and 0 < num_points <= MAX_POINTS
    inside = bool(seq_nums.size) and seq_nums.min() > 0
    growing = not known or (seq_nums.size > 0 and not inside)
    size = cast(int, num_points) if not growing else _distinct(seq_nums)
    if spread is None:
        spread = len(positions) > 1 or not _steady(positions)
    ranked = growing
    if spread and not growing and not all(_complete(p, size) for p in positions):
        # Without the positions of the unvisited points there is nothing to plot
        # them at: a spread scan holds the points that were visited.
        size, ranked = min(size, _distinct(seq_nums)), True
        growing = not size
    spread = spread or growing
    wanted = _ranks(seq_nums) if ranked else seq_nums - 1
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


def _ascend(seq_nums: np.ndarray) -> bool:
    """Whether they do, as nearly always; numpy's search for others takes 50 bytes each.

    Examples
    --------
    >>> _ascend(np.array([1, 2, 4])), _ascend(np.array([1, 2, 2]))
    (True, False)
    """
    return bool(np.all(seq_nums[1:] > seq_nums[:-1]))


def _distinct(seq_nums: np.ndarray) -> int:
    return len(seq_nums if _ascend(seq_nums) else np.unique(seq_nums))


def _ranks(seq_nums: np.ndarray) -> np.ndarray:
    if _ascend(seq_nums):
        return np.arange(len(seq_nums))
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
    measured = p.values if p.exact or p.planned is None else None
    if measured is not None and len(index) == size and are_in_turn(index):
        return np.array(measured, float)
    offset = _offset(p, index, size)
    along = np.full(size, np.nan)
    if p.planned is not None and len(p.planned) == size:
        along[:] = p.planned + offset
    elif p.values is None:
        along[:] = np.arange(size)
    if measured is not None:
        inside = index < size
        along[index[inside]] = measured[inside]
    return along


def _offset(p: Positions, index: np.ndarray, size: int) -> float:
    """How far a relative plan was moved from its announced positions."""
    if p.values is None or not p.exact or p.planned is None:
        return 0.0
    inside = index < min(size, len(p.planned))
    if not inside.any():
        return 0.0
    return float(np.median(p.values[inside] - p.planned[index[inside]]))
