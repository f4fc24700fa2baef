"""The points of a scan and what a start document says of them; knows no device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import points as of

__all__ = ["Trajectory", "grid", "line", "spread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """The points of a scan in the order of visiting.

    Attributes
    ----------
    scan_type, sub_type
        As PyMoDAQ calls them.
    points
        Positions, shape (points, actuators).
    axes
        Points of each axis of the grid, slow to fast; none of a spread scan.
    indexes
        Of each point in the grid, shape (points, axes), where the order of visiting
        is not told by the shape and the snaking.
    snake
        Whether each axis but the first turns at each pass.
    even
        Whether the axes are evenly spaced, so that a stock plan gives the same points.
    averaging
        How often all points are visited.
    seed
        Of the random order.
    """

    scan_type: str
    sub_type: str
    points: np.ndarray
    axes: tuple[np.ndarray, ...] = ()
    indexes: np.ndarray | None = None
    snake: bool = False
    even: bool = False
    averaging: int = 1
    seed: int | None = None

    @property
    def distribution(self) -> str:
        """``uniform`` or ``spread``, as PyMoDAQ has it."""
        return "uniform" if self.axes else "spread"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid, or the one length of a spread scan."""
        return tuple(map(len, self.axes)) or (len(self.points),)

    def visited(self) -> np.ndarray:
        """All points in the order of visiting, again for each average."""
        return np.tile(self.points, (self.averaging, 1))

    def declared(self) -> dict[str, Any]:
        """What the writer has to know beside what bluesky's plans tell it."""
        declared: dict[str, Any] = {
            "scan_type": self.scan_type,
            "scan_sub_type": self.sub_type,
            "distribution": self.distribution,
        }
        if self.seed is not None:
            declared["seed"] = self.seed
        if self.averaging > 1:
            declared["average"] = self.averaging
        if not self.even and len(self.axes) > 1:
            declared["axes"] = [axis.tolist() for axis in self.axes]
        if self.indexes is not None:
            declared["indexes"] = self.indexes.tolist()
        return declared

    def metadata(self) -> dict[str, Any]:
        """Members of the start document that tell of the points, but for hints."""
        told: dict[str, Any] = {
            "extents": [[float(c.min()), float(c.max())] for c in self.points.T],
            "shape": list(self.shape),
            "pymodaq": self.declared(),
        }
        if len(self.axes) > 1:
            told["snaking"] = [self.snake and n > 0 for n in range(len(self.axes))]
        return told


def line(
    points: np.ndarray, sub_type: str, *, even: bool = False, seed: int | None = None
) -> Trajectory:
    """Points of one actuator: an axis, in whatever order, as PyMoDAQ's Scan1D.

    Examples
    --------
    >>> line(np.array([0.0, 1.0]), "Linear").shape
    (2,)
    """
    return Trajectory(
        scan_type="Scan1D",
        sub_type=sub_type,
        points=points[:, None],
        axes=(points,),
        even=even,
        seed=seed,
    )


def grid(
    axes: Sequence[np.ndarray],
    scan_type: str,
    sub_type: str,
    *,
    indexes: np.ndarray | None = None,
    snake: bool = False,
    seed: int | None = None,
) -> Trajectory:
    """Points of a grid, the last axis fastest, or in the order of `indexes`.

    Raises
    ------
    PlanError
        When there are too many.

    Examples
    --------
    >>> grid([np.arange(2.0), np.arange(3.0)], "Scan2D", "Linear").points[1].tolist()
    [0.0, 1.0]
    """
    order = of.product(axes, snake=snake) if indexes is None else indexes
    return Trajectory(
        scan_type=scan_type,
        sub_type=sub_type,
        points=np.column_stack([a[i] for a, i in zip(axes, order.T, strict=True)]),
        axes=tuple(axes),
        indexes=indexes,
        snake=snake,
        even=indexes is None,
        seed=seed,
    )


def spread(trajectory: Trajectory, sub_type: str) -> Trajectory:
    """The same points, but not as a grid: all along one dimension."""
    return replace(trajectory, sub_type=sub_type, axes=(), indexes=None, even=False)
