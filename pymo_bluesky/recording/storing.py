"""The document store of a scan: what PyMoDAQ's tree has no place for; pure.

```
Documents/
  Index      JSON: streams, their columns, and where the values of each column are
  Loose      JSON lines: every document that is not an event
  Order      the order of all documents, (n, 2): code and count
  Kept       JSON lines: values that fit no array
  External   JSON lines: files of external data, and arrays that show them
  Events000/ one stream
    Point    point of each row in the tree (left out when row n is point n)
    <dtype>  scalar columns of one dtype side by side, (rows, columns)
    Codes    what kind of value each row of a column holds, (rows, columns)
    ArrayNN  a column of arrays that the tree does not hold
    OverNN   rows of a tree array without a point of their own (rewinds)
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..blocks import ColumnKey, Loose
from ..columns import ColumnPlan, Encoded, fill_of
from ..errors import Problem
from ..layouts.placing import place_column, place_group
from ..layouts.table import Layout, Role
from ..navigation.points import Navigation
from ..operations import Append, MakeArray, Operation, WriteSlab
from ..values import to_json
from .survey import RunSurvey, StreamSurvey

__all__ = ["DocumentStore"]

_FORMAT = 1


@dataclass(slots=True)
class _Pool:
    """Scalar columns of one dtype: one array of (rows, columns)."""

    path: str
    dtype: np.dtype[Any]
    columns: list[ColumnKey] = field(default_factory=list[ColumnKey])
    block: dict[ColumnKey, np.ndarray] = field(
        default_factory=dict[ColumnKey, np.ndarray]
    )


@dataclass(slots=True)
class _Stored:
    """Where the columns of one stream go."""

    survey: StreamSurvey
    navigation: Navigation
    plans: Mapping[ColumnKey, ColumnPlan]
    paths: Mapping[str, str]
    group: str
    pools: dict[str, _Pool] = field(default_factory=dict[str, _Pool])
    codes: _Pool | None = None
    arrays: dict[ColumnKey, str] = field(default_factory=dict[ColumnKey, str])
    over: dict[ColumnKey, str] = field(default_factory=dict[ColumnKey, str])


@dataclass(slots=True)
class DocumentStore:
    """Makes and fills the document store of one scan.

    Parameters
    ----------
    layout, scan
        The layout, and the path of the scan.
    run
        What the run holds.
    problems
        Found when it was recorded; told again by `validate`.
    """

    layout: Layout
    scan: str
    run: RunSurvey
    problems: list[Problem]
    _streams: list[_Stored] = field(default_factory=list[_Stored])
    _lines: dict[str, bytearray] = field(default_factory=dict[str, bytearray])

    @property
    def path(self) -> str:
        """Of the group."""
        return f"{self.scan}/Documents"

    def add_stream(
        self,
        survey: StreamSurvey,
        navigation: Navigation,
        plans: Mapping[ColumnKey, ColumnPlan],
        paths: Mapping[str, str],
    ) -> None:
        """Plan where the columns of the next stream go.

        Parameters
        ----------
        paths
            Path of the tree's array of each data key that has one.
        """
        group = f"{self.path}/Events{len(self._streams):03d}"
        stored = _Stored(survey, navigation, plans, paths, group)
        self._streams.append(stored)
        for key, plan in plans.items():
            if plan.coded:
                if stored.codes is None:
                    stored.codes = _Pool(f"{group}/Codes", np.dtype(np.uint16))
                stored.codes.columns.append(key)
            if plan.dtype is None:
                continue
            if key.group == "data" and key.name in paths:
                if navigation.overflow:
                    stored.over[key] = f"{group}/Over{len(stored.over):03d}"
            elif plan.shape:
                stored.arrays[key] = f"{group}/Array{len(stored.arrays):03d}"
            else:
                pool = stored.pools.get(plan.dtype)
                if pool is None:
                    dtype = np.dtype(plan.dtype)
                    name = f"{dtype.name.capitalize()}{len(stored.pools):02d}"
                    pool = stored.pools[plan.dtype] = _Pool(f"{group}/{name}", dtype)
                pool.columns.append(key)

    def made(self) -> Iterator[Operation]:
        """Operations that make the nodes."""
        yield place_group(self.layout, Role.DOCUMENTS, self.scan)
        yield from self._json("Index", to_json(self._index()))
        order = self.run.sorter.order.as_array()
        if order.size:
            yield self._column(self.path, "Order", order.shape, order.dtype, order)
        plans = [plan for stored in self._streams for plan in stored.plans.values()]
        kept = ("Kept",) if any(p.keeps for p in plans) else ()
        external = ("External",) if self.run.assets.resources else ()
        for name in ("Loose", *kept, *external):
            yield self._column(self.path, name, (0,), np.dtype(np.uint8), packed=True)
            self._lines[name] = bytearray()
        for number, stored in enumerate(self._streams):
            if stored.survey.rows:
                yield from self._made_stream(number, stored)

    def _made_stream(self, number: int, stored: _Stored) -> Iterator[Operation]:
        rows = stored.survey.rows
        yield place_group(
            self.layout, Role.EVENTS, self.path, number, title=stored.survey.name
        )
        if not stored.navigation.in_order():
            index = stored.navigation.index
            yield self._column(stored.group, "Point", index.shape, index.dtype, index)
        pools = [*stored.pools.values(), *([stored.codes] if stored.codes else [])]
        for pool in pools:
            name = pool.path.rpartition("/")[2]
            shape = (rows, len(pool.columns))
            yield self._column(stored.group, name, shape, pool.dtype)
        for key, path in stored.arrays.items():
            plan = stored.plans[key]
            yield self._plan_column(stored, path, (rows, *plan.shape), plan)
        for key, path in stored.over.items():
            plan = stored.plans[key]
            shape = (stored.navigation.overflow, *plan.shape)
            yield self._plan_column(stored, path, shape, plan)

    def _plan_column(
        self, stored: _Stored, path: str, shape: tuple[int, ...], plan: ColumnPlan
    ) -> MakeArray:
        name = path.rpartition("/")[2]
        return self._column(stored.group, name, shape, np.dtype(plan.dtype))

    def _column(
        self,
        parent: str,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        data: np.ndarray | None = None,
        *,
        packed: bool = False,
    ) -> MakeArray:
        return place_column(
            self.layout, parent, name, shape, dtype, data=data, packed=packed
        )

    def _json(self, name: str, text: str) -> Iterator[Operation]:
        data = np.frombuffer(text.encode(), np.uint8)
        yield place_column(
            self.layout, self.path, name, data.shape, data.dtype, data=data, packed=True
        )

    def _index(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "run": self.run.uid,
            "streams": [self._described(stored) for stored in self._streams],
            "problems": [[p.loc, p.severity, p.kind, p.message] for p in self.problems],
        }

    def _described(self, stored: _Stored) -> dict[str, Any]:
        pages = [
            [rows, [list(column) for column in arrays]]
            for rows, arrays in stored.survey.pages
        ]
        return {
            "name": stored.survey.name,
            "rows": stored.survey.rows,
            "points": stored.navigation.size,
            "shape": list(stored.navigation.shape),
            "in_order": stored.navigation.in_order(),
            "pages": pages,
            "columns": [
                {
                    "group": key.group,
                    "name": key.name,
                    "plan": plan.to_plain(),
                    **self._place(stored, key),
                }
                for key, plan in stored.plans.items()
            ],
        }

    def _place(self, stored: _Stored, key: ColumnKey) -> dict[str, Any]:
        """Where a column is; paths are relative to the scan, so that it can move."""
        place: dict[str, Any] = {}
        plan = stored.plans[key]
        if stored.codes and key in stored.codes.columns:
            place["codes"] = stored.codes.columns.index(key)
        if plan.dtype is None:
            return place
        if key.group == "data" and key.name in stored.paths:
            place["tree"] = self._relative(stored.paths[key.name])
            if key in stored.over:
                place["over"] = self._relative(stored.over[key])
        elif key in stored.arrays:
            place["array"] = self._relative(stored.arrays[key])
        else:
            pool = stored.pools[plan.dtype]
            place["array"] = self._relative(pool.path)
            place["column"] = pool.columns.index(key)
        return place

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self.scan}/")

    # ------------------------------------------------------------------- filling

    def loose(self, item: Loose) -> Iterator[Operation]:
        """A document that is not an event."""
        return self._line("Loose", [item.name, dict(item.doc)])

    def note(self, value: Any) -> Iterator[Operation]:
        """A line about external data."""
        return self._line("External", value)

    def beside(
        self, stream: int, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> MakeArray:
        """An array for copies of external values that have no point in the tree."""
        return self._column(self._streams[stream].group, name, shape, dtype)

    def _line(self, name: str, value: Any) -> Iterator[Operation]:
        waiting = self._lines[name]
        waiting += to_json(value).encode() + b"\n"
        if len(waiting) > 2**18:
            yield from self._write_lines(name)

    def _write_lines(self, name: str) -> Iterator[Operation]:
        waiting = self._lines[name]
        if waiting:
            data = np.frombuffer(bytes(waiting), np.uint8)
            self._lines[name] = bytearray()
            yield Append(f"{self.path}/{name}", data)

    def rows(
        self, stream: int, key: ColumnKey, rows: slice, encoded: Encoded
    ) -> Iterator[Operation]:
        """The next rows of a column."""
        stored = self._streams[stream]
        if stored.codes and encoded.codes is not None:
            stored.codes.block[key] = encoded.codes
        if encoded.kept:
            where = [rows.start + i for i, _ in encoded.kept]
            values = [value for _, value in encoded.kept]
            line = [stream, rows.start, key.group, key.name, where, values]
            yield from self._line("Kept", line)
        if encoded.base is None:
            return
        if key in stored.arrays:
            start = (rows.start,) + (0,) * (encoded.base.ndim - 1)
            yield WriteSlab(stored.arrays[key], start, encoded.base)
        elif key in stored.over:
            yield from _overflow(stored, key, rows, encoded.base)
        elif key.group != "data" or key.name not in stored.paths:
            stored.pools[str(stored.plans[key].dtype)].block[key] = encoded.base

    def end_block(self, stream: int, rows: slice) -> Iterator[Operation]:
        """Write the scalar columns of a block side by side."""
        stored = self._streams[stream]
        pools = [*stored.pools.values(), *([stored.codes] if stored.codes else [])]
        for pool in pools:
            n = rows.stop - rows.start
            table = np.full((n, len(pool.columns)), fill_of(pool.dtype), pool.dtype)
            for number, key in enumerate(pool.columns):
                if key in pool.block:
                    table[:, number] = pool.block[key]
            pool.block.clear()
            yield WriteSlab(pool.path, (rows.start, 0), table)

    def rest(self) -> Iterator[Operation]:
        """What was not yet written."""
        for name in list(self._lines):
            yield from self._write_lines(name)


def _overflow(
    stored: _Stored, key: ColumnKey, rows: slice, base: np.ndarray
) -> Iterator[Operation]:
    index = stored.navigation.index[rows]
    outside = index >= stored.navigation.size
    if outside.any():
        first = int(index[outside][0]) - stored.navigation.size
        start = (first,) + (0,) * (base.ndim - 1)
        yield WriteSlab(stored.over[key], start, base[outside])
