"""Runs, streams and arrays as Tiled serves them; knows no files of its own.

The tree is the one that `bluesky_tiled_plugins` writes, so that its clients read it:
a catalog of runs by uid, a stream in each, and in a stream its arrays, and the table
``internal`` of all that is one number or text for each event.
"""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import anyio.to_thread
import numpy as np
import pandas
import pyarrow
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.container import ContainerAdapter
from tiled.adapters.table import TableAdapter
from tiled.ndslice import NDBlock, NDSlice
from tiled.server.core import NoEntry
from tiled.structures.array import ArrayStructure, BuiltinDtype
from tiled.structures.container import ContainerStructure
from tiled.structures.core import Spec
from tiled.structures.table import TableStructure

from ..catalog.entries import Entry
from ..errors import NotFoundError, PymoError
from .events import Column, StreamEvents
from .finding import fits, member, order
from .runs import RunData, Runs, safe

__all__ = ["CatalogAdapter", "RunAdapter", "StreamAdapter"]

log = logging.getLogger("pymo_bluesky")

CATALOG = Spec("CatalogOfBlueskyRuns", version="3.0")
RUN = Spec("BlueskyRun", version="3.0")
STREAM = Spec("BlueskyEventStream", version="3.0")
COMPOSITE = Spec("composite")

TABLE = "internal"
_CHUNK_BYTES = 16 * 2**20
_PARTITION_ROWS = 100_000


class _Container(ContainerAdapter[Any]):
    """A node whose children are looked up in a thread, as files may be slow."""

    def __init__(self, metadata: Any, specs: list[Spec], token: str) -> None:
        super().__init__(
            structure=ContainerStructure(keys=[]), metadata=metadata, specs=specs
        )
        self._token = token

    def __dask_tokenize__(self) -> str:
        """What Tiled makes an ETag of."""
        return self._token

    @abstractmethod
    def _names(self) -> Sequence[str]:
        """Names of the children, in order."""

    @abstractmethod
    def _child(self, name: str) -> Any:
        """One child; KeyError when there is none."""

    def __getitem__(self, name: str) -> Any:
        return self._child(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def read(self, fields: Sequence[str] | None = None) -> _Container:
        """Itself: whoever writes it out walks through it."""
        return self

    # ---------------------------------------------------- what Tiled's server asks for

    async def lookup_adapter(self, segments: Sequence[str]) -> Any:
        """A node below."""
        return await anyio.to_thread.run_sync(self._below, tuple(segments))

    def _below(self, segments: tuple[str, ...]) -> Any:
        here: Any = self
        for segment in segments:
            try:
                here = here[segment]
            except (KeyError, NotFoundError) as error:
                raise NoEntry(segments) from error
        return here

    async def exact_len(self) -> int:
        """Number of children."""
        return await anyio.to_thread.run_sync(self.__len__)

    async def keys_range(self, offset: int = 0, limit: int | None = None) -> list[str]:
        """Names of some children."""
        return await anyio.to_thread.run_sync(self._some, offset, limit)

    async def items_range(
        self, offset: int = 0, limit: int | None = None
    ) -> list[tuple[str, Any]]:
        """Some children with their names."""
        return await anyio.to_thread.run_sync(self._pairs, offset, limit)

    def _some(self, offset: int, limit: int | None) -> list[str]:
        names = list(self._names())
        return names[offset:] if limit is None else names[offset : offset + limit]

    def _pairs(self, offset: int, limit: int | None) -> list[tuple[str, Any]]:
        return [(name, self._child(name)) for name in self._some(offset, limit)]

    async def cursor_for_offset(self, offset: int) -> None:
        """None: pages are counted by offsets."""

    async def keys_page(self, cursor: Any, limit: int) -> tuple[list[str], None]:
        """Names of the first children."""
        return await self.keys_range(0, limit), None

    async def items_page(
        self, cursor: Any, limit: int
    ) -> tuple[list[tuple[str, Any]], None]:
        """The first children."""
        return await self.items_range(0, limit), None


class CatalogAdapter(_Container):
    """The runs of a folder by uid, as they are whenever somebody asks.

    Parameters
    ----------
    runs
        Of the folder.
    queries, sorting
        What was asked for.
    """

    def __init__(
        self,
        runs: Runs,
        queries: tuple[Any, ...] = (),
        sorting: tuple[tuple[str, int], ...] = (("", 1),),
    ) -> None:
        super().__init__({}, [CATALOG], "")
        self._runs = runs
        self._queries = queries
        self.sorting = list(sorting)

    def metadata(self) -> dict[str, Any]:
        """The folder, and what in it could not be read."""
        return {
            "directory": self._runs.directory.name,
            "problems": [str(problem) for problem in self._runs.problems],
        }

    def __dask_tokenize__(self) -> str:
        """All runs that were found."""
        return repr(self._names())

    def _names(self) -> list[str]:
        found = list(self._runs.all().values())
        for query in self._queries:
            about = self._about(found, getattr(query, "key", "start"))
            found = [entry for entry, told in about if fits(query, entry.uid, told)]
        for key, direction in reversed(self.sorting):
            if key not in ("", "_"):
                ranked = [
                    (order(member(m, key)), e) for e, m in self._about(found, key)
                ]
                found = [entry for _, entry in sorted(ranked, key=lambda pair: pair[0])]
            if direction < 0:
                found.reverse()
        return [entry.uid for entry in found]

    def _about(
        self, entries: list[Entry], key: str
    ) -> Iterator[tuple[Entry, dict[str, Any]]]:
        """Metadata to look into; files are opened for the stop document only."""
        if key.partition(".")[0] != "stop":
            for entry, start in self._runs.starts(entries):
                yield entry, {"start": start}
            return
        for entry in entries:
            try:
                yield entry, self._runs[entry.uid].metadata
            except PymoError as error:
                log.warning("the run %s is not searched: %s", entry.uid, error)

    def _child(self, name: str) -> RunAdapter:
        return RunAdapter(self._runs[name])

    def _pairs(self, offset: int, limit: int | None) -> list[tuple[str, Any]]:
        """Some runs; one whose file was damaged or removed meanwhile is left out."""
        pairs: list[tuple[str, Any]] = []
        for name in self._some(offset, limit):
            try:
                pairs.append((name, self._child(name)))
            except PymoError as error:
                log.warning("the run %s is left out: %s", name, error)
        return pairs

    def search(self, query: Any) -> CatalogAdapter:
        """The runs that a query of Tiled finds."""
        return CatalogAdapter(self._runs, (*self._queries, query), tuple(self.sorting))

    def sort(self, sorting: Sequence[tuple[str, int]]) -> CatalogAdapter:
        """The same runs in another order."""
        return CatalogAdapter(self._runs, self._queries, tuple(sorting))


class RunAdapter(_Container):
    """One run: its streams by name."""

    def __init__(self, data: RunData) -> None:
        super().__init__(data.metadata, [RUN], data.token)
        self.data = data

    def _streams(self) -> dict[str, StreamEvents]:
        return {_segment(name): one for name, one in self.data.streams.items()}

    def _names(self) -> list[str]:
        return list(self._streams())

    def _child(self, name: str) -> StreamAdapter:
        return StreamAdapter(self._streams()[name], self._token)


class StreamAdapter(_Container):
    """One stream: its arrays, and the table of what is a number for each event."""

    def __init__(self, events: StreamEvents, token: str) -> None:
        super().__init__(
            _described(events), [STREAM, COMPOSITE], f"{token}/{events.name}"
        )
        self._events = events

    def _parts(self) -> dict[str, Callable[[], Any]]:
        parts: dict[str, Callable[[], Any]] = {}
        table: dict[str, Column] = {}
        for name, column in self._events.columns.items():
            if column.is_scalar and not name.startswith("_"):
                table[name] = column
            else:
                parts[_segment(name)] = lambda c=column: self._array(c)
        if table:
            parts[TABLE] = lambda: EventTable(table, f"{self._token}/{TABLE}")
        return parts

    def _array(self, column: Column) -> EventArrayAdapter:
        told = self._events.axis_labels(column.name) or ()
        signals = len(column.values.shape) - 1
        apart = len(set(told) - {""}) == len(told) == signals
        labels = told if apart else [f"dim{n}" for n in range(1, signals + 1)]
        dims = ("time", *(f"{column.name}_{label}" for label in labels))
        return EventArrayAdapter(column, dims)

    def _names(self) -> list[str]:
        return list(self._parts())

    def _child(self, name: str) -> Any:
        return self._parts()[name]()


def _described(events: StreamEvents) -> dict[str, Any]:
    """The first descriptor of a stream, and what later ones changed."""
    first, *later = (safe(doc) for doc in events.descriptors)
    kept = {k: v for k, v in first.items() if k not in ("run_start", "name")}
    for key, about in kept.get("data_keys", {}).items():
        owner = _owner(first.get("object_keys") or {}, key)
        if owner is not None:
            about.setdefault("object_name", owner)
    updates = [
        {key: doc[key] for key in ("uid", "time", "configuration") if key in doc}
        for doc in later
    ]
    return {"configuration": {}, **kept, "_config_updates": updates}


def _owner(objects: dict[str, list[str]], key: str) -> str | None:
    return next((name for name, keys in objects.items() if key in keys), None)


def _segment(name: str) -> str:
    """A name as one part of a path."""
    return name.replace("/", "_") or "_"


class EventArrayAdapter(ArrayAdapter):
    """One array of a stream, read in slices."""

    def __init__(self, column: Column, dims: tuple[str, ...]) -> None:
        values: Any = column.values
        if values.dtype.kind == "O":
            values = np.array([str(value) for value in values[:]], dtype=str)
        if not values.dtype.itemsize:  # texts that are all empty
            values = np.asarray(values).astype("U1")
        structure = ArrayStructure(
            data_type=BuiltinDtype.from_numpy_dtype(values.dtype),
            chunks=_chunks(values.shape, values.dtype.itemsize),
            shape=values.shape,
            dims=dims,
        )
        super().__init__(values, structure)

    def read(self, slice: NDSlice = NDSlice(...)) -> np.ndarray:  # noqa: B008
        """Part of it."""
        return self._read(tuple(slice) if slice else ())

    def read_block(
        self,
        block: NDBlock,
        slice: NDSlice = NDSlice(...),  # noqa: B008
    ) -> np.ndarray:
        """Part of one block."""
        where = tuple(block.slice_from_chunks(self._structure.chunks))
        values = self._read(where)
        return values[tuple(slice)] if slice else values

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        values = np.asarray(self._array[key if key else ...])
        return np.ascontiguousarray(values)


def _chunks(shape: tuple[int, ...], item: int) -> tuple[tuple[int, ...], ...]:
    """Whole events, as many as make one answer of a handy size."""
    events, *signal = shape
    rows = max(1, _CHUNK_BYTES // max(1, math.prod(signal) * item))
    whole, rest = divmod(events, rows)
    first = (rows,) * whole + ((rest,) if rest or not whole else ())
    return (first, *((size,) for size in signal))


class EventTable(TableAdapter):
    """Numbers and texts of the events, one column for each data key."""

    def __init__(self, columns: dict[str, Column], token: str) -> None:
        self._columns = columns
        self._token = token
        rows = next(iter(columns.values())).values.shape[0]
        partitions = max(1, -(-rows // _PARTITION_ROWS))
        fields = [(name, _arrow(c.values.dtype)) for name, c in columns.items()]
        structure = TableStructure.from_schema(pyarrow.schema(fields), partitions)
        super().__init__(pandas.DataFrame(), structure)  # rows are read when asked for

    def __dask_tokenize__(self) -> str:
        """What Tiled makes an ETag of."""
        return self._token

    def read(self, fields: Sequence[str] | None = None) -> pandas.DataFrame:
        """Some columns, or all."""
        return self._frame(fields, slice(None))

    def read_partition(
        self, partition: int, fields: Sequence[str] | None = None
    ) -> pandas.DataFrame:
        """Some columns of some events."""
        first = partition * _PARTITION_ROWS
        return self._frame(fields, slice(first, first + _PARTITION_ROWS))

    def _frame(self, fields: Sequence[str] | None, rows: slice) -> pandas.DataFrame:
        if isinstance(fields, str):
            fields = [fields]
        chosen = list(self._columns) if fields is None else list(fields)
        return pandas.DataFrame(
            {name: _plain_column(self._columns[name], rows) for name in chosen}
        )

    def __getitem__(self, name: str) -> ArrayAdapter:
        return EventArrayAdapter(self._columns[name], ("time",))


def _arrow(dtype: np.dtype[Any]) -> pyarrow.DataType:
    if dtype.kind in "biuf" and dtype.itemsize <= 8:
        return pyarrow.from_numpy_dtype(dtype.newbyteorder("="))
    return pyarrow.string()


def _plain_column(column: Column, rows: slice) -> Any:
    """Some rows as pandas takes them."""
    values = np.asarray(column.values[rows])
    if values.dtype.kind == "S":
        return np.array([value.decode("utf-8", "replace") for value in values], object)
    if _arrow(values.dtype) == pyarrow.string():
        return np.array([str(value) for value in values], object)
    return values.astype(values.dtype.newbyteorder("="), copy=False)
