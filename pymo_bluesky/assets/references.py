"""What the documents of a run say of external data; opens no file.

For each data key whose values lie in other files: which file, which dataset, which
value of it, for which row of the stream. Two generations of documents tell it: an event
names a *datum* of a *resource*, or a *stream datum* tells for a range of `seq_num`
which range of a *stream resource* holds their values.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np

from ..blocks import Block, ColumnKey
from .datums import DatumRows, Datums, datums_of_page
from .resources import Source, source_of

__all__ = ["AssetSurvey", "External", "Key", "Range", "Ranges", "Wanted"]

_MOST = 2**31
"""More values than any run has: a range beyond is not believed."""


class Key(NamedTuple):
    """A data key of a stream, by the number of the stream."""

    stream: int
    name: str


class Range(NamedTuple):
    """Rows one after another, whose values lie one after another in one source."""

    first: int
    value: int
    rows: int
    source: int

    @property
    def stop(self) -> int:
        """The row behind its last one."""
        return self.first + self.rows

    def without(self, other: Range, each: int) -> Iterator[Range]:
        """What is left of it when other values take the place of some."""
        if self.first < other.first:
            n = min(self.rows, other.first - self.first)
            yield self._replace(rows=n)
        if self.stop > other.stop:
            n = max(0, other.stop - self.first)
            yield Range(
                self.first + n, self.value + n * each, self.rows - n, self.source
            )


@dataclass(slots=True)
class Ranges:
    """Which value of which source belongs to each row, as ascending ranges of rows.

    Attributes
    ----------
    each
        How many values of a source make one row.

    Examples
    --------
    >>> ranges = Ranges()
    >>> ranges.add(1, 0, 3, source=0)
    >>> ranges.add(4, 3, 2, source=0)
    >>> ranges.find(5), ranges.find(6)
    ((0, 4), None)
    """

    each: int = 1
    _first: array[int] = field(default_factory=lambda: array("q"))
    _value: array[int] = field(default_factory=lambda: array("q"))
    _count: array[int] = field(default_factory=lambda: array("q"))
    _source: array[int] = field(default_factory=lambda: array("i"))

    def __len__(self) -> int:
        return sum(self._count)

    def __iter__(self) -> Iterator[Range]:
        columns = (self._first, self._value, self._count, self._source)
        return map(Range._make, zip(*columns, strict=True))

    def add(self, first: int, value: int, count: int, source: int) -> None:
        """Add rows behind those that are there."""
        if self._count and self._source[-1] == source:
            n = self._count[-1]
            goes_on = (self._first[-1] + n, self._value[-1] + n * self.each)
            if goes_on == (first, value):
                self._count[-1] += count
                return
        self._first.append(first)
        self._value.append(value)
        self._count.append(count)
        self._source.append(source)

    def find(self, row: int) -> tuple[int, int] | None:
        """Source and value of a row; None when there is none."""
        at = bisect.bisect_right(self._first, row) - 1
        if at < 0 or row - self._first[at] >= self._count[at]:
            return None
        return self._source[at], self._value[at] + self.each * (row - self._first[at])

    def each_row(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row, value and source of every row, each of shape (rows,), int64."""
        count = np.array(self._count, np.int64)
        step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        rows, values, sources = (
            np.repeat(np.array(column, np.int64), count)
            for column in (self._first, self._value, self._source)
        )
        return rows + step, values + step * self.each, sources

    @classmethod
    def last_told(cls, told: Iterable[Range], each: int) -> Ranges:
        """Ranges that may overlap, in the order told: of a row, the last one counts."""
        kept: list[Range] = []
        for new in told:
            if kept and kept[-1].stop > new.first:
                kept = [part for old in kept for part in old.without(new, each)]
                kept = sorted([*kept, new])
            else:
                kept.append(new)
        ranges = cls(each)
        for part in kept:
            ranges.add(*part)
        return ranges


@dataclass(frozen=True, slots=True)
class External:
    """One data key whose values lie in other files.

    Attributes
    ----------
    key
        Which one.
    about
        What its descriptor says of it.
    streamed
        Its ranges count `seq_num`, as stream datums do; else rows of the stream.
    sources, ranges
        The arrays, and which value of which of them belongs to each row.
    """

    key: Key
    about: Mapping[str, Any]
    streamed: bool
    sources: tuple[Source, ...]
    ranges: Ranges


class Wanted(NamedTuple):
    """One value: its number in a source, and for a handler resource and datum."""

    source: Source
    number: int
    resource: Mapping[str, Any] = {}
    datum: Mapping[str, Any] = {}


class _Told(NamedTuple):
    """What one stream datum (or several that go on) told."""

    order: int
    range: Range
    each: int


@dataclass(slots=True)
class AssetSurvey:
    """Takes note of what documents say of external data, as they pass by.

    Attributes
    ----------
    resources
        Resource and stream resource documents by uid.
    datums
        Datum documents by id.
    rows
        Datum ids of the rows of each data key.

    Examples
    --------
    >>> survey = AssetSurvey()
    >>> survey.add("stream_resource", {"uid": "r", "data_key": "img",
    ...     "mimetype": "application/x-hdf5", "uri": "file://localhost/data/a.h5",
    ...     "parameters": {"dataset": "/entry/data"}})
    >>> survey.add("descriptor", {"uid": "d", "name": "primary", "data_keys": {}})
    >>> survey.add("stream_datum", {"stream_resource": "r", "descriptor": "d",
    ...     "seq_nums": {"start": 1, "stop": 3}, "indices": {"start": 0, "stop": 2}})
    >>> external, = survey.external()
    >>> external.sources[0].path, external.ranges.find(2)
    ('/data/a.h5', (0, 1))
    """

    resources: dict[str, Mapping[str, Any]] = field(
        default_factory=dict[str, Mapping[str, Any]]
    )
    datums: Datums = field(default_factory=Datums)
    rows: dict[Key, DatumRows] = field(default_factory=dict[Key, DatumRows])
    _streams: list[str] = field(default_factory=list[str])
    _home: dict[str, int] = field(default_factory=dict[str, int])
    _about: dict[Key, Mapping[str, Any]] = field(
        default_factory=dict[Key, Mapping[str, Any]]
    )
    _told: dict[tuple[int, str], list[_Told]] = field(
        default_factory=dict[tuple[int, str], list[_Told]]
    )
    _seen: dict[int, int] = field(default_factory=dict[int, int])
    _order: int = 0

    def add(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take note of a document; of events, `add_block` does."""
        if name == "descriptor":
            self._descriptor(doc)
        elif name in ("resource", "stream_resource"):
            if isinstance(doc.get("uid"), str):
                self.resources[doc["uid"]] = doc
        elif name == "datum":
            self.datums.add(doc)
        elif name == "datum_page":
            for datum in datums_of_page(doc):
                self.datums.add(datum)
        elif name == "stream_datum":
            self._stream_datum(doc)

    def _descriptor(self, doc: Mapping[str, Any]) -> None:
        name = str(doc.get("name"))
        if name not in self._streams:
            self._streams.append(name)
        stream = self._streams.index(name)
        if isinstance(doc.get("uid"), str):
            self._home[doc["uid"]] = stream
        keys = doc.get("data_keys")
        for key, about in (keys if isinstance(keys, dict) else {}).items():
            if isinstance(about, dict):
                self._about.setdefault(Key(stream, key), cast(dict[str, Any], about))

    def _stream_datum(self, doc: Mapping[str, Any]) -> None:
        stream = self.stream_of(doc.get("descriptor"))
        rows, values = _limits(doc.get("seq_nums")), _limits(doc.get("indices"))
        if stream is None or not rows or not values or len(values) % len(rows):
            return
        told = self._told.setdefault((stream, str(doc.get("stream_resource"))), [])
        each = len(values) // len(rows)
        new = Range(rows.start, values.start, len(rows), 0)
        if told and told[-1].each == each:
            last = told[-1].range
            goes_on = (last.stop, last.value + last.rows * each)
            if goes_on == (new.first, new.value):
                longer = last._replace(rows=last.rows + new.rows)
                told[-1] = told[-1]._replace(range=longer)
                return
        told.append(_Told(self._order, new, each))
        self._order += 1

    def stream_of(self, descriptor: Any) -> int | None:
        """Number of the stream that a descriptor's uid belongs to."""
        return self._home.get(descriptor) if isinstance(descriptor, str) else None

    def keys(self, stream: int) -> frozenset[str]:
        """Data keys of a stream whose events name datums."""
        return frozenset(key.name for key in self.rows if key.stream == stream)

    def stream_name(self, stream: int) -> str:
        """Name of a stream by its number."""
        return self._streams[stream]

    def about(self, key: Key) -> Mapping[str, Any]:
        """What the first descriptor that has a data key says of it."""
        return self._about.get(key, {})

    def add_block(self, block: Block) -> None:
        """Take note of the datum ids in a block of events."""
        before = self._seen.get(block.stream, 0)
        for key, values in block.columns.items():
            if key.group != "data" or not self._is_external(block, key):
                continue
            rows = self.rows.setdefault(Key(block.stream, key.name), DatumRows())
            rows.skip(before - len(rows))
            rows.extend(values.tolist() if isinstance(values, np.ndarray) else values)
        self._seen[block.stream] = before + block.rows

    def _is_external(self, block: Block, key: ColumnKey) -> bool:
        if "external" in self.about(Key(block.stream, key.name)):
            return True
        filled = block.columns.get(ColumnKey("", "filled"), ())
        first = filled[0] if len(filled) else None
        return isinstance(first, dict) and first.get(key.name) is False

    # -------------------------------------------------------------------- resolved

    def external(self) -> Iterator[External]:
        """All data keys whose values lie in other files, once every document is in."""
        for key, rows in self.rows.items():
            yield self._by_datums(key, rows)
        yield from self.streamed()

    def streamed(self) -> Iterator[External]:
        """Those of them that stream datums tell of."""
        told: dict[Key, list[tuple[str, _Told]]] = {}
        for (stream, resource), ranges in self._told.items():
            name = self.resources.get(resource, {}).get("data_key")
            key = Key(stream, str(name or resource))
            told.setdefault(key, []).extend((resource, one) for one in ranges)
        for key, ranges in told.items():
            yield self._by_ranges(key, sorted(ranges, key=lambda one: one[1].order))

    def wanted(self, external: External) -> Iterator[tuple[int, Wanted]]:
        """Every value of a data key, with its row (or `seq_num`)."""
        if not external.streamed:
            for row, datum_id in self.rows[external.key]:
                yield row, self.wanted_of(datum_id)
            return
        for first, value, rows, source in external.ranges:
            for n in range(rows):
                number = value + n * external.ranges.each
                yield first + n, Wanted(external.sources[source], number)

    def wanted_of(self, datum_id: str) -> Wanted:
        """The value that a datum refers to."""
        source, number = self.find(datum_id)
        resource = self.resources.get(source.resource, {})
        return Wanted(source, number, resource, self.datums.get(datum_id, {}))

    def _by_datums(self, key: Key, rows: DatumRows) -> External:
        sources, ranges = _Numbered(), Ranges()
        for row, datum_id in rows:
            source, value = self.find(datum_id)
            ranges.add(row, value, 1, sources.number(source))
        return External(key, self.about(key), False, sources.all, ranges)

    def find(self, datum_id: str) -> tuple[Source, int]:
        """Where the value of a datum lies; of form ``other`` when nobody tells."""
        datum = self.datums.get(datum_id)
        if datum is None:
            return Source("other", "", spec="a datum that did not come"), 0
        resource = self.resources.get(datum["resource"])
        if resource is None:
            return Source("other", "", spec="a resource that did not come"), 0
        return source_of(resource, datum["datum_kwargs"])

    def _by_ranges(self, key: Key, told: list[tuple[str, _Told]]) -> External:
        sources, ranges = _Numbered(), list[Range]()
        each = told[0][1].each
        for resource, one in told:
            about = self.resources.get(resource)
            if about is None:
                source = Source("other", "", spec="a resource that did not come")
            elif one.each != each:
                source = Source("other", "", spec="changing numbers of values")
            else:
                source = source_of(about)[0]
            ranges.append(one.range._replace(source=sources.number(source)))
        about = self.about(key)
        return External(key, about, True, sources.all, Ranges.last_told(ranges, each))


@dataclass(slots=True)
class _Numbered:
    """Sources by the order in which they were first named."""

    _known: dict[Source, int] = field(default_factory=dict[Source, int])

    def number(self, source: Source) -> int:
        return self._known.setdefault(source, len(self._known))

    @property
    def all(self) -> tuple[Source, ...]:
        return tuple(self._known)


def _limits(limits: Any) -> range:
    """The range that a stream datum tells; empty when it is none that can be."""
    if not isinstance(limits, dict):
        return range(0)
    about = cast(dict[str, Any], limits)
    start, stop = about.get("start"), about.get("stop")
    if type(start) is not int or type(stop) is not int:
        return range(0)
    return range(start, stop) if 0 <= start <= stop < _MOST else range(0)
