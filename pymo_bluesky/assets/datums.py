"""Datum documents by their ids, in little memory; knows no files and no specs.

Millions of them come in one run, and nearly all say the same: the next integer. Those
are kept as columns of integers; only what is said otherwise is kept as it came.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

__all__ = ["DatumRows", "Datums", "datums_of_page"]

_INT64 = range(-(2**63), 2**63)


class _Place(NamedTuple):
    """An id ``<resource>/<number>``, taken apart."""

    resource: str
    number: int


def _apart(datum_id: str) -> _Place | None:
    head, slash, tail = datum_id.rpartition("/")
    if slash and tail.isascii() and tail.isdigit() and str(int(tail[:18])) == tail:
        return _Place(head, int(tail))
    return None


@dataclass(slots=True)
class _Series:
    """Datums 0, 1, 2… of one resource, whose arguments are all integers."""

    names: tuple[str, ...]
    columns: tuple[array[int], ...]
    size: int = 0

    def add(self, arguments: Mapping[str, Any]) -> bool:
        """Take the next one; False when it does not fit."""
        if tuple(arguments) != self.names:
            return False
        values = list(arguments.values())
        if any(type(v) is not int or v not in _INT64 for v in values):
            return False
        for column, value in zip(self.columns, values, strict=True):
            column.append(value)
        self.size += 1
        return True

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {n: c[number] for n, c in zip(self.names, self.columns, strict=True)}


class Datums(MutableMapping[str, dict[str, Any]]):
    """Datum documents by ``datum_id``; serves `event_model.Filler` as its cache.

    Examples
    --------
    >>> datums = Datums()
    >>> doc = {"resource": "r", "datum_id": "r/0", "datum_kwargs": {"index": 0}}
    >>> datums["r/0"] = doc
    >>> datums["r/0"] == doc, "r/1" in datums
    (True, False)
    """

    def __init__(self) -> None:
        self._series: dict[str, _Series] = {}
        self._odd: dict[str, dict[str, Any]] = {}

    def add(self, doc: Mapping[str, Any]) -> None:
        """Take a document; one that is no datum is passed over."""
        datum_id = doc.get("datum_id")
        if isinstance(datum_id, str) and isinstance(doc.get("datum_kwargs"), Mapping):
            self[datum_id] = dict(doc)

    def __setitem__(self, datum_id: str, doc: dict[str, Any]) -> None:
        if datum_id in self or not self._fits(datum_id, doc):
            self._odd[datum_id] = doc

    def _fits(self, datum_id: str, doc: Mapping[str, Any]) -> bool:
        place = _apart(datum_id)
        if place is None or place.resource != doc.get("resource") or len(doc) != 3:
            return False
        arguments = cast(Mapping[str, Any], doc["datum_kwargs"])
        series = self._series.get(place.resource)
        if series is None:
            names = tuple(arguments)
            series = _Series(names, tuple(array("q") for _ in names))
            self._series[place.resource] = series
        return place.number == series.size and series.add(arguments)

    def __getitem__(self, datum_id: str) -> dict[str, Any]:
        odd = self._odd.get(datum_id)
        if odd is not None:
            return odd
        place = _apart(datum_id)
        series = None if place is None else self._series.get(place.resource)
        if place is None or series is None or place.number >= series.size:
            raise KeyError(datum_id)
        return {
            "resource": place.resource,
            "datum_id": datum_id,
            "datum_kwargs": series[place.number],
        }

    def __delitem__(self, datum_id: str) -> None:
        raise TypeError("datums are only added")

    def __iter__(self) -> Iterator[str]:
        for resource, series in self._series.items():
            for number in range(series.size):
                if f"{resource}/{number}" not in self._odd:
                    yield f"{resource}/{number}"
        yield from self._odd

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Forget all of them."""
        self._series.clear()
        self._odd.clear()


def datums_of_page(page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The datum documents of a datum page; none when its columns differ in length.

    Examples
    --------
    >>> page = {"resource": "r", "datum_id": ["r/0"], "datum_kwargs": {"index": [7]}}
    >>> [datum["datum_kwargs"] for datum in datums_of_page(page)]
    [{'index': 7}]
    """
    ids, columns = page.get("datum_id"), page.get("datum_kwargs")
    if not isinstance(ids, (list, tuple)) or not isinstance(columns, Mapping):
        return
    named = cast(Mapping[str, Sequence[Any]], columns)
    values = list(named.values())
    if any(not isinstance(v, (list, tuple)) or len(v) != len(ids) for v in values):
        return
    for number, datum_id in enumerate(cast(Sequence[str], ids)):
        yield {
            "resource": page.get("resource"),
            "datum_id": datum_id,
            "datum_kwargs": {name: v[number] for name, v in named.items()},
        }


@dataclass(slots=True)
class DatumRows:
    """The datum id of each row of a data key, in little memory.

    Examples
    --------
    >>> rows = DatumRows()
    >>> rows.extend(["r/0", "r/1", None])
    >>> list(rows)
    [(0, 'r/0'), (1, 'r/1')]
    """

    _resources: dict[str, int] = field(default_factory=dict[str, int])
    _resource: array[int] = field(default_factory=lambda: array("i"))
    _number: array[int] = field(default_factory=lambda: array("q"))
    _odd: dict[int, str] = field(default_factory=dict[int, str])

    def __len__(self) -> int:
        return len(self._resource)

    def extend(self, values: Sequence[Any]) -> None:
        """Take the values of the next rows; only text can be an id."""
        for value in values:
            place = _apart(value) if isinstance(value, str) else None
            if place is None:
                if isinstance(value, str):
                    self._odd[len(self._resource)] = value
                place = _Place("", -1)
                code = -1
            else:
                code = self._resources.setdefault(place.resource, len(self._resources))
            self._resource.append(code)
            self._number.append(place.number)

    def skip(self, rows: int) -> None:
        """Take note that some rows have no value."""
        self.extend([None] * rows)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        names = list(self._resources)
        pairs = zip(self._resource, self._number, strict=True)
        for row, (resource, number) in enumerate(pairs):
            if resource >= 0:
                yield row, f"{names[resource]}/{number}"
            elif row in self._odd:
                yield row, self._odd[row]
