"""One stream as events, and what the start document says of it; knows no files."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ..model import Array, Branch
from .describing import SECONDS, Column, Described, allowed, describe
from .visiting import snake, visited

__all__ = ["Document", "Stream"]

Document = tuple[str, dict[str, Any]]

_BLOCK_BYTES = 8 * 2**20
_PAGE_ROWS = 1024
_TICK = 1e-6
_PLANNED = 100_000


@dataclass(slots=True, kw_only=True)
class Stream:
    """One stream: its data keys, and its points in the order of visiting."""

    name: str
    branch: Branch
    described: Described
    order: np.ndarray
    guessed: list[str]

    @classmethod
    def of(cls, branch: Branch, sub_type: str) -> Stream:
        """A stream of a scan of some subtype."""
        branch, short = _padded(_named(branch))
        described = describe(branch)
        arrays = [c.array for c in described.columns if c.array is not None]
        order, guessed = visited(branch, arrays, sub_type)
        if not arrays:
            order = order[:0]
        return cls(
            name=branch.title,
            branch=branch,
            described=described,
            order=order,
            guessed=[f"{branch.title}: {guess}" for guess in [*short, *guessed]],
        )

    # ---------------------------------------------------------- in the start document

    def navigation(self) -> dict[str, Any]:
        """Shape, axes and hints, as bluesky's stock plans announce them."""
        dimensions = self.described.dimensions
        axes = [c for c in self.described.columns if c.axis is not None]
        found: dict[str, Any] = {
            "motors": [] if self.timed else list(dict.fromkeys(c.owner for c in axes)),
            "num_points": math.prod(self.branch.shape),
            "hints": {"dimensions": [[keys, self.name] for keys in dimensions]},
        }
        if not axes or self.timed:
            return found
        found["shape"] = list(self.branch.shape)
        values = [self._planned(c) for c in axes]
        found["extents"] = [_extent(v) for v in values]
        if len(self.branch.shape) > 1:
            found["hints"]["gridding"] = "rectilinear"
            found["snaking"] = self._snaking()
        if sum(map(len, values)) <= _PLANNED and all(map(_is_known, values)):
            kind = "outer" if len(self.branch.shape) > 1 else "inner"
            pairs = zip(axes, values, strict=True)
            args = [part for c, v in pairs for part in (c.key, v.tolist())]
            found["plan_pattern"] = f"{kind}_list_product"
            found["plan_pattern_module"] = "bluesky.plan_patterns"
            found["plan_pattern_args"] = {"args": args}
        return found

    @property
    def timed(self) -> bool:
        """Whether nothing moved but time."""
        axes = self.branch.axes
        return self.branch.growing and len(axes) == 1 and axes[0].units in SECONDS

    def _planned(self, column: Column) -> np.ndarray:
        """Positions of an axis; of one line, in the order of visiting."""
        values = np.asarray(cast(Any, column.axis).values)
        if len(self.branch.shape) > 1 or len(values) != math.prod(self.branch.shape):
            return values
        rest = np.setdiff1d(np.arange(len(values)), self.order)
        return values[np.concatenate([self.order, rest])]

    def _snaking(self) -> list[bool]:
        turning = [False, *[True] * (len(self.branch.shape) - 1)]
        turned = snake(self.branch.shape)[: len(self.order)]
        plain = np.arange(len(self.order))
        if not np.array_equal(self.order, plain) and np.array_equal(self.order, turned):
            return turning
        return [False] * len(turning)

    def declared(self) -> dict[str, Any]:
        """What stands in ``start["pymodaq"]`` of the navigation."""
        line = len(self.branch.shape) == 1
        moved = line and not np.array_equal(self.order, np.arange(len(self.order)))
        spread = self.branch.spread or moved
        found: dict[str, Any] = {"distribution": "spread" if spread else "uniform"}
        plain = np.array_equal(self.order, np.arange(len(self.order)))
        if not plain and not line and not any(self._snaking()):
            places = np.unravel_index(self.order, self.branch.shape)
            found["indexes"] = np.stack(places, axis=1).tolist()
        return found

    # ------------------------------------------------------------------------ events

    def ended(self, began: float) -> float:
        """When its last event was; when the run began if there is none."""
        return max(self.times(began).tolist(), default=began)

    def events(
        self, run: uuid.UUID, descriptor: str, began: float, pages: bool
    ) -> Iterator[Document]:
        """Its events, or pages of them, in the order of visiting."""
        times = self.times(began)
        home = uuid.UUID(descriptor)
        for first in range(0, len(self.order), self._rows()):
            rows = slice(first, first + self._rows())
            page = self._page(home, rows, times[rows].tolist())
            if pages:
                yield "event_page", {**page, "descriptor": descriptor}
            else:
                yield from _unpacked(page, descriptor)

    def _rows(self) -> int:
        depth = len(self.branch.shape)
        row = sum(
            math.prod(c.array.data.shape[depth:]) * c.array.data.dtype.itemsize
            for c in self.described.columns
            if c.array is not None
        )
        return max(1, min(_PAGE_ROWS, _BLOCK_BYTES // max(1, row)))

    def times(self, began: float) -> np.ndarray:
        """Of each event, in seconds since 1970: as stored; else in order, a tick apart.

        Parameters
        ----------
        began
            When the run began.
        """
        clock, stored = self.described.clock, self.branch.timestamps
        if clock is not None:
            return np.asarray(clock.values, float)[self.order]
        if stored is not None and stored.data.shape == self.branch.shape:
            seconds = np.asarray(stored.data[()], float).reshape(-1)[self.order]
            return began + np.nan_to_num(seconds)
        return began + _TICK * np.arange(len(self.order))

    def _page(self, home: uuid.UUID, rows: slice, times: list[float]) -> dict[str, Any]:
        points = self.order[rows]
        data = {c.key: self._values(c, points) for c in self.described.columns}
        numbers = range(rows.start + 1, rows.start + 1 + len(points))
        return {
            "uid": [str(uuid.uuid5(home, str(n))) for n in numbers],
            "seq_num": list(numbers),
            "time": times,
            "data": data,
            "timestamps": dict.fromkeys(data, times),
            "filled": {},
        }

    def _values(self, column: Column, points: np.ndarray) -> list[Any]:
        shape = self.branch.shape
        places = np.unravel_index(points, shape) if shape else ()
        if column.axis is not None:
            values = np.asarray(column.axis.values)
            return values[places[column.axis.index]].tolist()
        found = _gathered(cast(Array, column.array).data, places, len(points))
        return found.tolist() if found.ndim == 1 else list(found)


def _named(branch: Branch) -> Branch:
    """A branch whose names can be keys of documents."""
    modules = [replace(m, title=allowed(m.title)) for m in branch.modules]
    return replace(branch, title=allowed(branch.title), modules=tuple(modules))


def _padded(branch: Branch) -> tuple[Branch, list[str]]:
    """A branch whose axes have a position for each point, NaN where it is not known."""
    axes, short = list(branch.axes), list[str]()
    for n, axis in enumerate(axes):
        values = np.asarray(axis.values)
        size = branch.shape[axis.index] if axis.index < len(branch.shape) else 0
        if len(values) < size:
            rest = np.full(size - len(values), np.nan)
            axes[n] = replace(axis, values=np.concatenate([values, rest]))
            short.append(
                f"positions: the axis {axis.label!r} has {len(values)} of {size}; the "
                "others are NaN"
            )
    return (replace(branch, axes=tuple(axes)) if short else branch), short


def _extent(values: np.ndarray) -> list[float]:
    known = values[values == values]
    if not known.size:
        return [0.0, 0.0]
    return [float(known.min()), float(known.max())]


def _is_known(values: np.ndarray) -> bool:
    return bool(np.all(values == values))


def _unpacked(page: Mapping[str, Any], descriptor: str) -> Iterator[Document]:
    for n, uid in enumerate(page["uid"]):
        yield (
            "event",
            {
                "uid": uid,
                "descriptor": descriptor,
                "seq_num": page["seq_num"][n],
                "time": page["time"][n],
                "data": {key: values[n] for key, values in page["data"].items()},
                "timestamps": dict.fromkeys(page["data"], page["time"][n]),
                "filled": {},
            },
        )


def _gathered(data: Any, places: tuple[np.ndarray, ...], rows: int) -> np.ndarray:
    """Values at some points: of the rows between them, when they lie close."""
    if not places:
        return np.asarray(data[()])[np.newaxis]
    first, last = int(places[0].min()), int(places[0].max())
    if last - first <= 2 * rows:
        block = np.asarray(data[first : last + 1])
        return block[(places[0] - first, *places[1:])]
    return np.stack([np.asarray(data[tuple(p)]) for p in zip(*places, strict=True)])
