"""What the events of a run hold, column by column; knows neither Tiled nor the web.

Large arrays stay in the file and are read in slices. Everything else (times, texts,
numbers that PyMoDAQ's tree cannot hold) is small, and read once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..reader import Scan
from ..replaying import stored_index
from ..replaying.rows import StreamRows
from ..store import Node
from ..store.opening import LazyArray, Source
from ..synthesis.run import streams_of
from ..synthesis.stream import Stream as Synthesised
from .gathering import EventArray

__all__ = ["Column", "StreamEvents", "streams_in"]

_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a stream's events.

    Attributes
    ----------
    name
        The data key; ``ts_`` and the data key for its timestamps; ``time``;
        ``seq_num``.
    values
        Shape (events, ...), read when it is indexed.
    """

    name: str
    values: EventArray | np.ndarray

    @property
    def is_scalar(self) -> bool:
        """Whether there is one number or text for each event."""
        return len(self.values.shape) == 1


class StreamEvents:
    """The events of one stream, each point as it was measured last.

    Attributes
    ----------
    name
        Of the stream.
    descriptors
        Its descriptor documents.
    """

    def __init__(self, name: str, descriptors: Sequence[Mapping[str, Any]]) -> None:
        self.name = name
        self.descriptors = tuple(descriptors)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """All columns by their names: data keys, times, timestamps, seq_num."""
        return {column.name: column for column in self._columns()}

    @property
    def points(self) -> np.ndarray:
        """Flat point of each event, of the stream's shape."""
        raise NotImplementedError

    def _columns(self) -> Iterator[Column]:
        raise NotImplementedError

    def axis_labels(self, key: str) -> tuple[str, ...] | None:
        """Names of the signal dimensions of a data key, where each has one."""
        labels: dict[int, str] = {}
        for about in self._configured():
            role = about.get("pymodaq")
            if not isinstance(role, Mapping) or role.get("role") != "axis":
                continue
            of = role.get("of")
            if key in (of if isinstance(of, list) else [of]):
                labels[int(role.get("index") or 0)] = str(role.get("label") or "")
        wanted = range(len(labels))
        return (
            tuple(labels[n] for n in wanted) if labels.keys() == set(wanted) else None
        )

    def _configured(self) -> Iterator[Mapping[str, Any]]:
        for descriptor in self.descriptors[:1]:
            for about in (descriptor.get("configuration") or {}).values():
                yield from (about.get("data_keys") or {}).values()


def streams_in(
    scan: Scan, source: Source, outline: Sequence[tuple[str, Mapping[str, Any]]]
) -> dict[str, StreamEvents]:
    """The streams of a scan.

    Parameters
    ----------
    scan
        As `open_dataset` shows it.
    source
        Its file.
    outline
        Its documents but the events.
    """
    described: dict[str, list[Mapping[str, Any]]] = {}
    for name, doc in outline:
        if name == "descriptor":
            described.setdefault(str(doc.get("name") or "primary"), []).append(doc)
    with source.opened() as tree:
        index = stored_index(tree.node(scan.path))
    if index is not None:
        return {
            about["name"]: _Stored(source, scan.path, number, described[about["name"]])
            for number, about in enumerate(index["streams"])
            if about["name"] in described
        }
    began = float(outline[0][1]["time"])
    return {
        stream.name: _Made(stream, began, described[stream.name])
        for stream in streams_of(scan.assembled.scan)
        if stream.name in described
    }


class _Made(StreamEvents):
    """Events of a scan that PyMoDAQ itself wrote."""

    def __init__(
        self,
        stream: Synthesised,
        began: float,
        descriptors: Sequence[Mapping[str, Any]],
    ) -> None:
        super().__init__(stream.name, descriptors)
        self._stream, self._began = stream, began

    @property
    def points(self) -> np.ndarray:
        return self._stream.order

    def _columns(self) -> Iterator[Column]:
        stream = self._stream
        times = stream.times(self._began)
        shape = stream.branch.shape
        yield Column("seq_num", np.arange(1, len(stream.order) + 1))
        yield Column("time", times)
        places = np.unravel_index(stream.order, shape) if shape else ()
        for column in stream.described.columns:
            if column.axis is not None:
                values = np.asarray(column.axis.values)[places[column.axis.index]]
                yield Column(column.key, values)
            elif column.array is not None:
                found = EventArray(column.array.data, stream.order, shape)
                yield Column(column.key, found)
            yield Column(f"ts_{column.key}", times)


@dataclass(slots=True)
class _Loose:
    """Columns that are read at once, as lists."""

    rows: int
    found: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def add(self, name: str, at: int, values: Sequence[Any]) -> None:
        """Values of some rows; None where a column has none."""
        column = self.found.setdefault(name, [None] * self.rows)
        column[at : at + len(values)] = list(values)


class _Stored(StreamEvents):
    """Events of a run that bluesky measured."""

    def __init__(
        self,
        source: Source,
        scan: str,
        number: int,
        descriptors: Sequence[Mapping[str, Any]],
    ) -> None:
        super().__init__(str(descriptors[0].get("name") or "primary"), descriptors)
        self._source, self._scan, self._number = source, scan, number

    @property
    def points(self) -> np.ndarray:
        with self._source.opened() as tree:
            rows = self._rows(tree.node(self._scan))
            points = _points_of(rows)
            return points[points < rows.points]

    def _rows(self, scan: Node) -> StreamRows:
        index = stored_index(scan) or {"streams": []}
        return StreamRows.read(scan, self._number, index["streams"][self._number])

    def _columns(self) -> Iterator[Column]:
        with self._source.opened() as tree:
            scan = tree.node(self._scan)
            rows = self._rows(scan)
            points = _points_of(rows)
            kept = np.flatnonzero(points < rows.points)  # not measured again later
            lazy = dict(self._lazy(scan, rows, points[kept]))
            loose = self._loose(scan, set(lazy))
        for name in ("seq_num", "time"):
            yield Column(name, _tidied(loose.pop(name, [0] * rows.rows))[kept])
        for key in self._keys(lazy, loose):
            values = lazy[key] if key in lazy else _tidied(loose[key])[kept]
            yield Column(key, values)
            times = loose.get(f"ts_{key}")
            if times is not None:
                yield Column(f"ts_{key}", _tidied(times)[kept])

    def _keys(self, lazy: Mapping[str, Any], loose: Mapping[str, Any]) -> list[str]:
        """Data keys in the descriptor's order."""
        told = list(self.descriptors[0].get("data_keys") or ())
        found = [*lazy, *(key for key in loose if not key.startswith("ts_"))]
        return [k for k in dict.fromkeys([*told, *found]) if k in lazy or k in loose]

    def _lazy(
        self, scan: Node, rows: StreamRows, points: np.ndarray
    ) -> Iterator[tuple[str, EventArray]]:
        """What the tree's arrays hold, of every row and nothing else."""
        lines = self._rows(scan).kept
        odd = {name for _, group, name, *_ in lines if group == "data"}
        for column in rows.columns:
            key, array = column.key, column.array
            if key.group != "data" or not column.in_tree or array is None:
                continue
            if key.name in odd or (column.has_gaps and not column.plan.shape):
                continue
            data = LazyArray(self._source, array.path, array.shape, array.dtype)
            yield key.name, EventArray(data, points, rows.shape)

    def _loose(self, scan: Node, lazy: set[str]) -> dict[str, list[Any]]:
        rows = self._rows(scan)
        wanted = ("", "timestamps", "data")
        rows.columns = [
            column
            for column in rows.columns
            if column.key.group in wanted
            and not (column.key.group == "data" and column.key.name in lazy)
        ]
        loose = _Loose(rows.rows)
        at = 0
        for page in rows.pages_of(rows.rows):
            for name in ("seq_num", "time"):
                loose.add(name, at, page[name])
            for key, values in page["timestamps"].items():
                loose.add(f"ts_{key}", at, values)
            for key, values in page["data"].items():
                loose.add(key, at, values)
            at += len(page["seq_num"])
        return loose.found


def _points_of(rows: StreamRows) -> np.ndarray:
    """Flat point of each row; of those that were repeated later, one beyond the end."""
    return np.arange(rows.rows) if rows.index is None else np.asarray(rows.index[()])


def _tidied(values: list[Any]) -> np.ndarray:
    """Values as numbers or arrays where all are alike, else as texts."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(v, bool | np.bool_) for v in known):
        if len(known) == len(values):
            return np.array(values, bool)
    elif all(isinstance(v, int | float | np.number) for v in known):
        numbers = [np.nan if value is None else value for value in values]
        tidy = np.array(numbers)
        return tidy if tidy.dtype.kind in "iuf" else tidy.astype(float)
    shapes = {np.shape(v) if isinstance(v, np.ndarray | list) else None for v in values}
    if len(shapes) == 1 and None not in shapes:
        tidy = np.array(values)
        if tidy.dtype.kind in "biufcU" and tidy.dtype.itemsize <= _LONGEST:
            return tidy
    return np.array(["" if v is None else _text(v) for v in values], object)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
