"""Documents of one run, sorted into blocks of columns; knows neither arrays' place nor
files.

Events and event pages of a stream become blocks: one list (or array) of values for each
member of the documents. Everything else stays a loose document. The order in which the
documents came is noted beside, so that they can be given back as they were.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np

from .columns import ABSENT, Repeated, Uniform
from .forms import ROWS, Rows
from .pages import as_lists

__all__ = [
    "TUPLE",
    "ArrayColumn",
    "Block",
    "ColumnKey",
    "Document",
    "Loose",
    "Order",
    "Page",
    "Sorter",
]

Document = tuple[str, Mapping[str, Any]]
"""Name and document; or ``("rows", Rows)``, events of one form."""

TUPLE = "tuple"
MAX_ROWS = 512
MAX_BYTES = 8 * 2**20
_MAX_VALUES = 2**18
"""Of pages that become one block."""

_FEW = 16
"""So few rows wait for others: where streams alternate they come one by one, and a
block of each takes 0.2 ms."""


class ColumnKey(NamedTuple):
    """A member of event documents: group ``data``, ``timestamps`` or ``""``."""

    group: str
    name: str


class ArrayColumn(NamedTuple):
    """A column that came as an array; its dtype where the values do not tell it.

    One that came as a tuple has the "dtype" `TUPLE`.
    """

    group: str
    name: str
    dtype: str | None


Page = tuple[int, tuple[ArrayColumn, ...]]
"""Rows of a page, and its columns that came as arrays."""


class Loose(NamedTuple):
    """A document that is kept whole."""

    name: str
    doc: Mapping[str, Any]


class Block(NamedTuple):
    """Rows of one stream, column by column.

    Attributes
    ----------
    stream
        Number of the stream in the run.
    rows
        How many.
    columns
        Values of each member; shape (rows, ...) where it is an array.
    pages
        None for single events; for pages, rows of each and its columns that came as
        arrays.
    """

    stream: int
    rows: int
    columns: dict[ColumnKey, Sequence[Any] | np.ndarray]
    pages: tuple[Page, ...] | None


@dataclass(slots=True)
class Order:
    """The order of a run's documents, as runs of equal codes.

    Code 0 is the next loose document, 2 s + 1 the next event of stream s, and
    2 s + 2 its next page.
    """

    codes: array[int] = field(default_factory=lambda: array("i"))
    counts: array[int] = field(default_factory=lambda: array("i"))

    def add(self, code: int, times: int = 1) -> None:
        """Note the next document, or so many of a kind."""
        if self.codes and self.codes[-1] == code and self.counts[-1] < 2**31 - times:
            self.counts[-1] += times
        else:
            self.codes.append(code)
            self.counts.append(times)

    def as_array(self) -> np.ndarray:
        """Codes and counts, shape (n, 2), int32."""
        pair = [np.array(self.codes, np.int32), np.array(self.counts, np.int32)]
        return np.stack(pair, axis=1) if self.codes else np.zeros((0, 2), np.int32)


@dataclass(slots=True)
class Sorter:
    """Sorts the documents of one run.

    Examples
    --------
    >>> sorter = Sorter()
    >>> item, = sorter.sort([("start", {"uid": "4b1d"})])
    >>> item.name, sorter.order.as_array().tolist()
    ('start', [[0, 1]])
    """

    order: Order = field(default_factory=Order)
    streams: list[str] = field(default_factory=list[str])
    _home: dict[Any, int] = field(default_factory=dict[Any, int])
    _events: dict[int, list[Mapping[str, Any]]] = field(
        default_factory=dict[int, list[Mapping[str, Any]]]
    )
    _sizes: dict[int, int] = field(default_factory=dict[int, int])
    _pages: dict[int, list[Block]] = field(default_factory=dict[int, list[Block]])

    def sort(self, documents: Iterable[Document]) -> Iterator[Block | Loose]:
        """Blocks and loose documents; the rows of a stream in their order."""
        for name, doc in documents:
            if name == "event":
                yield from self._event(doc)
            elif name == ROWS:
                yield from self._rows(cast(Rows, doc))
            elif name == "event_page":
                yield from self._page(doc)
            else:
                if name == "descriptor":
                    self._descriptor(doc)
                yield from self._loose(name, doc)
        for stream in [*self._events, *self._pages]:
            yield from self._flush(stream)

    def stream_of(self, descriptor: Any) -> str | None:
        """Name of the stream that a descriptor began, by its uid."""
        known = isinstance(descriptor, str) and descriptor in self._home
        return self.streams[self._home[descriptor]] if known else None

    def _descriptor(self, doc: Mapping[str, Any]) -> None:
        name, uid = str(doc.get("name")), doc.get("uid")
        if name not in self.streams:
            self.streams.append(name)
        if isinstance(uid, str):
            self._home[uid] = self.streams.index(name)

    def _loose(self, name: str, doc: Mapping[str, Any]) -> Iterator[Loose]:
        self.order.add(0)
        yield Loose(name, doc)

    def _event(self, doc: Mapping[str, Any]) -> Iterator[Block | Loose]:
        stream = self._stream_of(doc)
        if stream is None:
            yield from self._loose("event", doc)
            return
        self.order.add(2 * stream + 1)
        if stream in self._pages:
            yield from self._flush(stream)
        waiting = self._events.setdefault(stream, [])
        waiting.append(doc)
        size = self._sizes[stream] = self._sizes.get(stream, 0) + _size(doc)
        if len(waiting) >= MAX_ROWS or size >= MAX_BYTES:
            yield from self._flush(stream)

    def _rows(self, rows: Rows) -> Iterator[Block | Loose]:
        stream = self._home.get(rows.form.descriptor)
        few = len(rows) < _FEW and all(values.ndim == 1 for values in rows.values)
        if stream is None or few:
            for event in rows.events():
                yield from self._event(event)
            return
        yield from self._flush(stream)
        self.order.add(2 * stream + 1, len(rows))
        columns = {ColumnKey(g, name): values for g, name, values in rows.columns()}
        yield Block(stream, len(rows), columns, None)

    def _stream_of(self, doc: Mapping[str, Any]) -> int | None:
        fits = all(_has_names(doc.get(group)) for group in ("data", "timestamps"))
        uid = doc.get("descriptor")
        return self._home.get(uid) if fits and isinstance(uid, str) else None

    def _flush(self, stream: int) -> Iterator[Block]:
        """Give what waits of a stream: events or pages, never both."""
        events = self._events.pop(stream, [])
        self._sizes.pop(stream, None)
        if events:
            yield Block(stream, len(events), _columns_of(events), None)
        pages = self._pages.pop(stream, [])
        if pages:
            yield _joined(pages)

    def _page(self, doc: Mapping[str, Any]) -> Iterator[Block | Loose]:
        stream = self._stream_of(doc)
        columns = None if stream is None else _page_columns(doc)
        if stream is None or columns is None:
            yield from self._loose("event_page", as_lists(doc))
            return
        self.order.add(2 * stream + 2)
        arrays = tuple(
            ArrayColumn(*key, _untold_dtype(values))
            for key, values in columns.items()
            if isinstance(values, (np.ndarray, tuple))
        )
        rows = len(columns[ColumnKey("", "seq_num")])
        kinds = _kinds(columns)
        waiting = self._pages.get(stream)
        if waiting is None or _kinds(waiting[0].columns) != kinds:
            yield from self._flush(stream)
        page = Block(stream, rows, columns, ((rows, arrays),))
        self._pages.setdefault(stream, []).append(page)
        size = self._sizes[stream] = self._sizes.get(stream, 0) + rows * len(columns)
        if kinds is None or size >= _MAX_VALUES:
            yield from self._flush(stream)


def _kinds(columns: Mapping[ColumnKey, Any]) -> list[tuple[ColumnKey, Any]] | None:
    """What tells pages apart; None where a column has values of unknown kinds."""
    found: list[tuple[ColumnKey, Any]] = []
    for key, values in columns.items():
        if isinstance(values, Uniform):
            found.append((key, values.signature))
        elif isinstance(values, Repeated):
            found.append((key, values.value))
        else:
            return None
    return found


def _joined(pages: Sequence[Block]) -> Block:
    """Pages that are alike as one block: each block takes 0.5 ms."""
    if len(pages) == 1:
        return pages[0]
    rows = sum(page.rows for page in pages)
    columns: dict[ColumnKey, Any] = {}
    for key, first in pages[0].columns.items():
        if isinstance(first, Repeated):
            columns[key] = Repeated(first.value, rows)
        else:
            uniform = [cast(Uniform, page.columns[key]) for page in pages]
            base = np.concatenate([each.base for each in uniform])
            columns[key] = Uniform(uniform[0].signature, base)
    return Block(
        pages[0].stream,
        rows,
        columns,
        tuple(told for page in pages for told in page.pages or ()),
    )


def _has_names(members: Any) -> bool:
    """Whether members are named by texts; others have no place in a file."""
    return type(members) is dict and all(
        isinstance(name, str) for name in cast(dict[Any, Any], members)
    )


def _untold_dtype(column: Any) -> str | None:
    """Dtype of a line of texts or objects, which can be wider than what is in it, or of
    numbers in foreign byte order, which single ones never have.
    """
    if isinstance(column, tuple):
        return TUPLE
    if column.ndim > 1 or (column.dtype.kind not in "OSTU" and column.dtype.isnative):
        return None
    if column.dtype.kind == "V":  # a structure keeps the order of its fields
        return None
    return column.dtype.kind if column.dtype.kind in "OT" else column.dtype.str


def _size(event: Mapping[str, Any]) -> int:
    """About how many bytes the large values of an event take."""
    size = 0
    for value in cast(Mapping[str, Any], event["data"]).values():
        kind = cast(Any, type(value))
        if kind is np.ndarray:
            size += value.nbytes
        elif kind is list:
            size += _list_size(value)
        elif kind is str:
            size += len(value)
    return size


def _list_size(values: list[Any]) -> int:
    """Of a list of numbers, nested or not: a number takes some 32 bytes."""
    if values and type(values[0]) is list:
        return len(values) * _list_size(cast(list[Any], values[0]))
    return 32 * len(values)


def _columns_of(
    events: list[Mapping[str, Any]],
) -> dict[ColumnKey, Sequence[Any] | np.ndarray]:
    columns: dict[ColumnKey, Sequence[Any] | np.ndarray] = {}
    for name in _names(events):
        if name not in ("data", "timestamps"):
            columns[ColumnKey("", name)] = [e.get(name, ABSENT) for e in events]
    for group in ("data", "timestamps"):
        members = [e[group] for e in events]
        for name in _names(members):
            values = [m.get(name, ABSENT) for m in members]
            columns[ColumnKey(group, name)] = values
    return columns


def _names(mappings: Sequence[Mapping[str, Any]]) -> dict[str, None]:
    """All their keys in order; they are the same for nearly all."""
    names = dict.fromkeys(mappings[0])
    for mapping in mappings:
        if mapping.keys() != names.keys():
            names.update(dict.fromkeys(mapping))
    return names


_COLUMNS = (list, tuple, np.ndarray, Uniform)


def _page_columns(
    page: Mapping[str, Any],
) -> dict[ColumnKey, Sequence[Any] | np.ndarray] | None:
    """Columns of a page; None when its members do not have one length."""
    seq_nums = page.get("seq_num")
    if not isinstance(seq_nums, _COLUMNS):
        return None
    rows = len(cast(Sequence[Any], seq_nums))
    columns: dict[ColumnKey, Any] = {}
    for name, value in page.items():
        if name == "descriptor":
            columns[ColumnKey("", name)] = Repeated(value, rows)
        elif name == "filled":
            columns[ColumnKey("", name)] = _filled_rows(value, rows)
        elif name in ("data", "timestamps"):
            for key, values in cast(Mapping[str, Any], value).items():
                columns[ColumnKey(name, key)] = values
        else:
            columns[ColumnKey("", name)] = value
    for values in columns.values():
        if not isinstance(values, (*_COLUMNS, Repeated)):
            return None
        if isinstance(values, np.ndarray) and not values.ndim:
            return None
        if len(cast(Sequence[Any], values)) != rows:
            return None
    return columns if rows else None


def _filled_rows(filled: Any, rows: int) -> Sequence[dict[str, Any]] | None:
    if type(filled) is not dict:
        return None
    members = cast(dict[str, Any], filled)
    if not members:
        return Repeated({}, rows)
    if any(type(v) is not list or len(v) != rows for v in members.values()):
        return None
    return [{k: v[i] for k, v in members.items()} for i in range(rows)]
