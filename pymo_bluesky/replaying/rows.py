"""The rows of a stream, read from a scan's document store; knows no file library."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..blocks import ColumnKey
from ..columns import ColumnPlan
from ..errors import FormatError
from ..navigation.points import pieces
from ..values import from_json
from .loose import text_lines
from .nodes import ScanNode
from .paging import (
    FILLED,
    Block,
    PageForm,
    has_gaps,
    page_of,
    runs_of,
    without_absent,
)

__all__ = ["StreamRows"]

_ROWS = 4096
_BYTES = 8 * 2**20


@dataclass(slots=True)
class _Column:
    """One column of a stream, and where its values are."""

    key: ColumnKey
    plan: ColumnPlan
    array: ScanNode | None = None
    column: int | None = None
    over: ScanNode | None = None
    in_tree: bool = False
    codes: int | None = None

    @classmethod
    def read(cls, scan: ScanNode, about: Mapping[str, Any]) -> _Column:
        def node(what: str) -> ScanNode | None:
            path = about.get(what)
            if path is None:
                return None
            found = scan.get(path)
            if found is None:
                raise FormatError(
                    f"{scan.path}/{path} is missing: it held {about['name']!r}"
                )
            return found

        return cls(
            key=ColumnKey(about["group"], about["name"]),
            plan=ColumnPlan.from_plain(about["plan"]),
            array=node("tree") or node("array"),
            column=about.get("column"),
            over=node("over"),
            in_tree="tree" in about,
            codes=about.get("codes"),
        )

    def reads(self, paths: Collection[str]) -> bool:
        """Whether its values lie in one of some arrays."""
        return any(part and part.path in paths for part in (self.array, self.over))

    @property
    def has_gaps(self) -> bool:
        """Whether rows without a number look in the array as if they had one."""
        odd = any(s.container in ("value", "absent") for s in self.plan.signatures)
        return odd and np.dtype(self.plan.dtype).kind not in "fc"

    def row_bytes(self) -> int:
        if self.plan.dtype is None:
            return 0
        return math.prod(self.plan.shape) * np.dtype(self.plan.dtype).itemsize


@dataclass(slots=True)
class StreamRows:
    """Reads the rows of one stream in blocks, in order."""

    name: str
    rows: int
    points: int
    shape: tuple[int, ...]
    columns: list[_Column]
    index: ScanNode | None
    codes: ScanNode | None
    kept: Iterator[list[Any]]
    page_forms: Iterator[tuple[int, PageForm]]
    merged: bool = False
    lost: frozenset[str] = frozenset()
    _row: int = 0
    _block: Block = field(default_factory=dict[ColumnKey, list[Any]])
    _left: int = 0
    _ahead: int = -1
    _read_ahead: list[tuple[int, ColumnKey, Any]] = field(
        default_factory=list[tuple[int, ColumnKey, Any]]
    )
    _pools: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    _gappy: tuple[ColumnKey, ...] = ()

    @classmethod
    def read(
        cls,
        scan: ScanNode,
        number: int,
        about: Mapping[str, Any],
        *,
        merged: bool = False,
        left_out: Collection[str] = (),
    ) -> StreamRows:
        """The rows of a stream by its number, ready to be read; `merged`: as pages.

        Data keys whose values lie in arrays that are left out are `lost`.
        """
        group = f"Documents/Events{number:03d}"
        forms = [
            (rows, {ColumnKey(group, name): dtype for group, name, dtype in arrays})
            for rows, arrays in about["pages"]
        ]
        columns = [_Column.read(scan, c) for c in about["columns"]]
        lost = {
            c.key.name for c in columns if c.key.group == "data" and c.reads(left_out)
        }
        return cls(
            name=about["name"],
            rows=about["rows"],
            points=about["points"],
            shape=tuple(about["shape"]),
            columns=[c for c in columns if not c.key.group or c.key.name not in lost],
            index=None if about["in_order"] else scan.get(f"{group}/Point"),
            codes=scan.get(f"{group}/Codes"),
            kept=_kept_lines(scan, number),
            page_forms=iter(forms),
            merged=merged,
            lost=frozenset(lost),
        )

    # -------------------------------------------------------------------- documents

    def events(self, count: int) -> Iterator[dict[str, Any]]:
        """The next events."""
        while count:
            block, n = self._take(count)
            count -= n
            tops = [(k, v) for k, v in block.items() if not k.group]
            names = [k.name for k, _ in tops]
            data, times = (self._rows_of(block, g, n) for g in ("data", "timestamps"))
            gaps = self._has_gaps(block, "")
            for i, row in enumerate(zip(*(v for _, v in tops), strict=True)):
                event = dict(zip(names, row, strict=True))
                event["data"], event["timestamps"] = data[i], times[i]
                yield without_absent(event) if gaps else event

    def _rows_of(self, block: Block, group: str, n: int) -> list[dict[str, Any]]:
        columns = [(k.name, v) for k, v in block.items() if k.group == group]
        if not columns:
            return [{} for _ in range(n)]
        names = [name for name, _ in columns]
        rows = [
            dict(zip(names, row, strict=True))
            for row in zip(*(v for _, v in columns), strict=True)
        ]
        if self._has_gaps(block, group):
            return [without_absent(row) for row in rows]
        return rows

    def _has_gaps(self, block: Block, group: str) -> bool:
        return any(k.group == group and has_gaps(block[k]) for k in self._gappy)

    def pages_of(self, count: int) -> Iterator[dict[str, Any]]:
        """The next events as pages; rows of one page have the same members."""
        while count:
            block, n = self._take(count)
            count -= n
            for at, end in runs_of(block, self._gappy):
                part = block
                if end - at < n:
                    part = {k: v[at:end] for k, v in block.items()}
                yield page_of(part, {}, self._gappy)

    def next_page(self) -> dict[str, Any]:
        """The next page, as it was."""
        rows, arrays = next(self.page_forms)
        whole: Block = {c.key: [] for c in self.columns}
        while rows:
            block, n = self._take(rows)
            rows -= n
            for key, values in block.items():
                whole[key].extend(values)
        return page_of(whole, arrays, self._gappy)

    # ------------------------------------------------------------------------- rows

    def _take(self, wanted: int) -> tuple[Block, int]:
        """At most so many of the next rows."""
        if not self._left:
            self._read_block()
        n = min(wanted, self._left)
        if not n:
            raise FormatError(
                f"stream {self.name!r}: {self.rows} events are stored, more were noted"
            )
        size = len(next(iter(self._block.values())))
        at = size - self._left
        self._left -= n
        if n == size:
            return self._block, n
        return {k: v[at : at + n] for k, v in self._block.items()}, n

    def _read_block(self) -> None:
        width = sum(c.row_bytes() for c in self.columns) or 1
        n = min(_ROWS, max(1, _BYTES // width), self.rows - self._row)
        rows = slice(self._row, self._row + n)
        points = np.arange(rows.start, rows.stop)
        if self.index is not None:
            points = np.asarray(self.index[rows])
        codes = None if self.codes is None else np.asarray(self.codes[rows])
        kept = self._kept_of(rows)
        # Where every row has a value, none is looked at to see whether it has.
        self._gappy = tuple(c.key for c in self.columns if c.plan.has_gaps)
        self._pools.clear()
        self._block = {
            c.key: c.plan.decode(
                self._base(c, rows, points),
                None if codes is None or c.codes is None else codes[:, c.codes],
                kept.get(c.key, {}),
                start=rows.start,
                rows=n,
                shared=self.merged and c.key == FILLED,
            )
            for c in self.columns
        }
        self._row, self._left = rows.stop, n

    def _base(
        self, column: _Column, rows: slice, points: np.ndarray
    ) -> np.ndarray | None:
        if column.array is None:
            return None
        if column.in_tree:
            return self._from_tree(column, column.array, points)
        if column.column is None:
            return np.asarray(column.array[rows])
        path = column.array.path
        if path not in self._pools:
            self._pools[path] = np.asarray(column.array[rows])
        return self._pools[path][:, column.column]

    def _from_tree(
        self, column: _Column, array: ScanNode, points: np.ndarray
    ) -> np.ndarray:
        inside = points < self.points
        if inside.all() and len(self.shape) == 1 and _consecutive(points):
            return np.asarray(array[int(points[0]) : int(points[-1]) + 1])
        plan = column.plan
        base = np.empty((len(points), *plan.shape), np.dtype(plan.dtype))
        if inside.any():
            base[inside] = _gathered(array, points[inside], self.shape)
        if column.over is None and not inside.all():
            raise FormatError(
                f"{array.path}: rows of stream {self.name!r} lie beyond its points, "
                "and nothing holds them; the document store is damaged"
            )
        if column.over is not None and not inside.all():
            first = int(points[~inside].min()) - self.points
            last = int(points[~inside].max()) - self.points
            block = np.asarray(column.over[first : last + 1])
            base[~inside] = block[points[~inside] - self.points - first]
        return base

    def _kept_of(self, rows: slice) -> dict[ColumnKey, dict[int, Any]]:
        """Kept values of some rows; lines lie in the order of the blocks written."""
        while self._ahead < rows.stop:
            line = next(self.kept, None)
            if line is None:
                break
            self._ahead, group, name, where, values = line
            key = ColumnKey(group, name)
            pairs = zip(where, values, strict=True)
            self._read_ahead.extend((row, key, value) for row, value in pairs)
        kept: dict[ColumnKey, dict[int, Any]] = {}
        for row, key, value in self._read_ahead:
            if row < rows.stop:
                kept.setdefault(key, {})[row - rows.start] = value
        self._read_ahead = [k for k in self._read_ahead if k[0] >= rows.stop]
        return kept


def _kept_lines(scan: ScanNode, number: int) -> Iterator[list[Any]]:
    mine = f"[{number},".encode()
    for line in text_lines(scan, "Kept"):
        if line.startswith(mine):
            yield from_json(line)[1:]


def _consecutive(points: np.ndarray) -> bool:
    return len(points) > 0 and bool(
        np.array_equal(points, int(points[0]) + np.arange(len(points)))
    )


def _gathered(array: ScanNode, points: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Values of a tree array at some points: the rows between them in one read."""
    places = np.unravel_index(points, tuple(shape))
    first, last = int(places[0].min()), int(places[0].max())
    row = math.prod(array.shape[1:]) * array.dtype.itemsize
    if row * (last - first + 1) > 2 * _BYTES:
        return _piecewise(array, points, shape)
    block = np.asarray(array[first : last + 1])
    return block[(places[0] - first, *places[1:])]


def _piecewise(array: ScanNode, points: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    values = np.empty((len(points), *array.shape[len(shape) :]), array.dtype)
    for run in pieces(points, shape):
        part = np.asarray(
            array[(*run.prefix, slice(run.start, run.start + run.length))]
        )
        values[run.row : run.row + run.length] = part[::-1] if run.backwards else part
    return values
