"""Navigation of a scan from its recognised axes; knows no file library.

PyMoDAQ 4 and later store the points of each axis. Earlier ones store where each point
of the scan lay, in the order of visiting, and place data by the rank of a position
among the sorted ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from ..model import Axis
from .recognising import Seen, Watch
from .table import Role

__all__ = ["Navigation", "listed_navigation", "plain_navigation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Navigation:
    """Where the points of a scan are.

    Attributes
    ----------
    shape
        Points along each dimension.
    axes
        Positions.
    spread
        All axes lie on one dimension.
    growing
        The points lie in time, and nobody knew how many there would be.
    visits
        Flat point of each step in the order of visiting; None when not known.
    """

    shape: tuple[int, ...] = ()
    axes: tuple[Axis, ...] = ()
    spread: bool = False
    growing: bool = False
    visits: np.ndarray | None = None


def plain_navigation(
    axes: Sequence[Seen], arrays: Sequence[Seen], watch: Watch
) -> Navigation:
    """Navigation whose axes hold one value for each of their points.

    Parameters
    ----------
    axes, arrays
        Recognised axes, and the data that they are for.
    watch
        Where problems are noted.
    """
    found = sorted(
        (_axis(axis, _index(axis), _order(axis)) for axis in axes),
        key=lambda axis: (axis.index, axis.spread_order),
    )
    dimensions = sorted({axis.index for axis in found})
    spread = any(a.text("distribution") == "spread" for a in arrays)
    spread = spread or len(dimensions) < len(found)
    shape = _shape(found, dimensions, arrays)
    for axis in found:
        if axis.index < len(shape) and len(axis.values) != shape[axis.index]:
            watch.warn(
                next(a.node.path for a in axes if _index(a) == axis.index),
                "axis-length",
                f"navigation axis {axis.label!r} has {len(axis.values)} values; the "
                f"data have {shape[axis.index]} points there",
            )
    return Navigation(shape=shape, axes=tuple(found), spread=spread and bool(found))


def _shape(
    axes: Sequence[Axis], dimensions: Sequence[int], arrays: Sequence[Seen]
) -> tuple[int, ...]:
    depth = len(dimensions)
    long = [a.node.shape for a in arrays if len(a.node.shape) >= depth]
    if long:
        return long[0][:depth]
    return tuple(
        max(len(axis.values) for axis in axes if axis.index == index)
        for index in dimensions
    )


def _axis(seen: Seen, index: int, order: int) -> Axis:
    return Axis(
        label=seen.text("label") or seen.text("title") or seen.node.name,
        units=seen.text("units"),
        values=np.asarray(seen.node[()]).reshape(-1),
        index=index,
        spread_order=order,
    )


def _index(seen: Seen) -> int:
    index = seen.fields.get("index")
    return index if isinstance(index, int) and index >= 0 else seen.number


def _order(seen: Seen) -> int:
    order = seen.fields.get("spread_order")
    return order if isinstance(order, int) else 0


def listed_navigation(
    axes: Sequence[Seen],
    arrays: Sequence[Seen],
    watch: Watch,
    titles: Sequence[str] = (),
) -> Navigation:
    """Navigation whose axes hold a value for each point of the scan.

    The shape of the data tells what the lists mean: a grid of the distinct positions,
    a sequence of points, or (sequential scans of 3.x) axes as later ones have them.

    Parameters
    ----------
    axes, arrays
        Recognised axes, and the data that they are for.
    watch
        Where problems are noted.
    titles
        Of the actuators: names for axes that have none (1.0 to 1.4).
    """
    if not axes:
        return Navigation()
    lists = [_axis(axis, n, 0) for n, axis in enumerate(axes)]
    if len(titles) == len(axes) and not any(axis.text("label") for axis in axes):
        names = ", ".join(titles)
        watch.warn(axes[0].node.path, "guessed", f"axes have no names; taken: {names}")
        named = zip(lists, titles, strict=True)
        lists = [replace(axis, label=title) for axis, title in named]
    shapes = [a.node.shape for a in arrays]
    shape = shapes[0] if shapes else ()
    lengths = tuple(len(axis.values) for axis in lists)
    distinct = [np.unique(axis.values) for axis in lists]
    grid = tuple(len(values) for values in distinct)
    same = len(set(lengths)) == 1
    if axes[0].role is Role.NAV_TIME:
        return replace(_points(lists, lengths[0]), growing=True)
    in_order = any(a.text("scan_type").lower() == "tabular" for a in arrays)
    if same and shape[: len(grid)] == grid and not in_order:
        return _grid(lists, distinct, grid, _average(shape, arrays[0], len(grid)))
    if same and (not shape or shape[:1] == lengths[:1]):
        return _points(lists, lengths[0])
    if shape[: len(lists)] == lengths:
        return Navigation(shape=lengths, axes=tuple(lists))
    watch.warn(
        axes[0].node.path,
        "axis-length",
        f"navigation axes have {lengths} values ({grid} distinct ones); the data's "
        f"shape is {shape}",
    )
    return _points(lists, shape[0] if shape else max(lengths))


def _grid(
    lists: Sequence[Axis],
    distinct: Sequence[np.ndarray],
    grid: tuple[int, ...],
    average: int,
) -> Navigation:
    ranks = tuple(
        cast(np.ndarray, np.searchsorted(values, axis.values))
        for values, axis in zip(distinct, lists, strict=True)
    )
    visits = cast(np.ndarray, np.ravel_multi_index(ranks, grid, mode="clip"))
    axes = [
        Axis(label=axis.label, units=axis.units, values=values, index=axis.index)
        for axis, values in zip(lists, distinct, strict=True)
    ]
    if average:
        axes.append(Axis(label="Average", values=np.arange(average), index=len(grid)))
        # The scan is run through for each of the averages (DAQ_Scan 2.x and 3.x).
        visits = (visits * average + np.arange(average)[:, None]).reshape(-1)
        grid = (*grid, average)
    return Navigation(shape=grid, axes=tuple(axes), visits=visits)


def _average(shape: tuple[int, ...], array: Seen, depth: int) -> int:
    """Length of the dimension that averaging put between scan and signal; 0: none."""
    signal = array.text("dimension")[:1]
    if not signal.isdigit() or len(shape) != depth + int(signal) + 1:
        return 0
    return 0 if signal == "0" and shape[-1] == 1 else shape[depth]


def _points(lists: Sequence[Axis], size: int) -> Navigation:
    axes = tuple(
        Axis(
            label=axis.label,
            units=axis.units,
            values=axis.values,
            index=0,
            spread_order=order,
        )
        for order, axis in enumerate(lists)
    )
    return Navigation(
        shape=(size,), axes=axes, spread=True, visits=np.arange(size, dtype=np.int64)
    )
