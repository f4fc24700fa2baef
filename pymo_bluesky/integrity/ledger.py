"""Digests of nodes from the operations that write them; knows no file, no layout.

What is about to be written tells what a reader will get, and reading it back costs more
than writing it. Where that is not certain (texts of variable length, values that are
not written in the order in which they lie) the ledger says so, and whoever asks reads.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np

from ..checksums import LARGE, joined
from ..filed import Filed
from ..operations import (
    Append,
    MakeArray,
    MakeGroup,
    MakeVirtual,
    Operation,
    SetAttributes,
    WriteSlab,
)
from ..store import attribute_as_read
from .digests import Digest, about_form, about_parts, as_part, row_check
from .passing import PassedRows

__all__ = ["Ledger"]

_KINDS = "biufc"
_SHORT = 200
_MOST_REMEMBERED = 4096  # characters


@dataclass(slots=True)
class _Entry:
    """One node.

    Attributes
    ----------
    attributes
        CRC-32 of kind and attributes; None when they have to be read.
    shape, dtype
        Of an array; None of a group.
    values, written
        CRC-32 of its first values, and how many they are; None: they have to be read.
    passed
        Rows that came from a file, with their checksums.
    given
        Its attributes, should some be changed; None: then they have to be read.
    """

    attributes: int | None
    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] | None = None
    values: int | None = 0
    written: int = 0
    passed: PassedRows | None = None
    given: Mapping[str, Any] | None = None

    def change(self, attributes: Mapping[str, Any]) -> None:
        """Take note of attributes that are set later (thumbnails)."""
        if self.given is None:
            self.attributes = None
        else:
            self.given = {**self.given, **attributes}
            self.attributes = _about(self.given, is_array=self.dtype is not None)


class Ledger:
    """Takes note of operations while they are carried out.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.note(MakeArray(path="/s/x", shape=(2,), dtype=np.dtype("f8")))
    >>> ledger.note(WriteSlab("/s/x", (0,), np.array([0.5])))
    >>> ledger.digest("/s/x") is None
    True
    >>> ledger.note(WriteSlab("/s/x", (1,), np.array([1.0])))
    >>> ledger.digest("/s/x").values == zlib.crc32(np.array([0.5, 1.0]))
    True
    """

    def __init__(self) -> None:
        self._nodes: dict[str, _Entry] = {}
        self._rows: dict[str, tuple[int, int]] = {}

    def noting(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """The operations as they are, each noted before it is carried out."""
        for operation in operations:
            self.note(operation)
            yield operation

    def note(self, operation: Operation) -> None:
        """Take note of one operation."""
        match operation:
            case MakeGroup(path, attributes):
                about = _about(attributes, is_array=False)
                self._nodes[path] = _Entry(about, given=attributes)
            case MakeArray():
                self._nodes[operation.path] = _made(operation)
            case MakeVirtual():
                self._nodes[operation.path] = _Entry(None, values=None)
            case WriteSlab(path, start, values):
                _write(self._nodes.get(path), start, values)
            case Append(path, values):
                self._append(path, values)
            case SetAttributes(path, attributes) if path in self._nodes:
                self._nodes[path].change(attributes)
            case _ if operation.path in self._nodes:  # it is not what it was
                self._nodes[operation.path] = _Entry(None, values=None)
            case _:
                pass

    def _append(self, path: str, values: np.ndarray) -> None:
        entry = self._nodes.get(path)
        if entry is not None and entry.dtype is not None:
            start = (entry.shape[0], *(0 for _ in entry.shape[1:]))
            entry.shape = (entry.shape[0] + len(values), *entry.shape[1:])
            _write(entry, start, values)
            return
        count, check = self._rows.get(path, (0, 0))
        self._rows[path] = count + 1, row_check(values.tobytes(), check)

    def paths(self, top: str) -> list[str]:
        """Paths of a node and of all below it, in the order they were made."""
        below = f"{top}/"
        return [p for p in self._nodes if p == top or p.startswith(below)]

    def digest(self, path: str) -> Digest | None:
        """Of a node, as a reader would take it; None when it has to be read."""
        entry = self._nodes.get(path)
        if entry is None or entry.attributes is None or entry.values is None:
            return None
        if entry.dtype is None:
            return Digest(entry.attributes, 0)
        found = _values_of(entry)
        if found is None:
            return None
        about = about_form(entry.dtype, entry.shape, entry.attributes)
        return Digest(about, *found)

    def about(self, path: str) -> int | None:
        """CRC-32 of kind and attributes of a node; None when they have to be read."""
        entry = self._nodes.get(path)
        return None if entry is None else entry.attributes

    def rows(self, path: str) -> tuple[int, int]:
        """How many rows of variable length came to an array, and their digest."""
        return self._rows.get(path, (0, 0))


def _about(attributes: Mapping[str, Any], *, is_array: bool) -> int | None:
    values = attributes.values()
    texts = all(type(value) is str for value in values)  # else 1 is True
    if texts and sum(map(len, values)) < _MOST_REMEMBERED:
        return _about_texts(tuple(attributes.items()), is_array)
    return _reckoned(attributes, is_array=is_array)


@lru_cache(maxsize=1024)
def _about_texts(items: tuple[tuple[str, str], ...], is_array: bool) -> int | None:
    """Most nodes bear in each scan what they bore in the last one."""
    return _reckoned(dict(items), is_array=is_array)


def _reckoned(attributes: Mapping[str, Any], *, is_array: bool) -> int | None:
    parts = [
        _part(name, value, is_array=is_array)
        for name, value in sorted(attributes.items())
    ]
    if None in parts:
        return None
    return about_parts(cast(list[bytes], parts), is_array=is_array)


def _part(name: str, value: Any, *, is_array: bool) -> bytes | None:
    """What an attribute that is written adds to a digest; None: it has to be read."""
    if type(value) is str and len(value) < _SHORT:
        return _short_part(name, value, is_array)
    read = attribute_as_read(value)
    return None if read is None else as_part(name, read, is_array=is_array)


@lru_cache(maxsize=4096)
def _short_part(name: str, value: str, is_array: bool) -> bytes | None:
    """Most attributes are the same in each scan."""
    read = attribute_as_read(value)
    return None if read is None else as_part(name, read, is_array=is_array)


def _made(made: MakeArray) -> _Entry:
    about = _about(made.attributes, is_array=True)
    plain = made.dtype.kind in _KINDS and made.dtype.fields is None
    if made.text or not plain:
        return _Entry(about if made.text else None, values=None)
    passed = PassedRows(made.shape, made.dtype, made.fill)
    entry = _Entry(about, made.shape, made.dtype, passed=passed, given=made.attributes)
    if made.data is not None:
        _write(entry, (0,) * len(made.shape), made.data)
    return entry


def _values_of(entry: _Entry) -> tuple[int, int] | None:
    """`values` and `rows` of the digest of an array; None when it has to be read."""
    if entry.passed is not None and entry.passed.axes:
        return None if entry.written else entry.passed.digest()
    if entry.values is None or entry.written != math.prod(entry.shape):
        return None
    return entry.values, 0


def _write(
    entry: _Entry | None, start: tuple[int, ...], values: np.ndarray | Filed
) -> None:
    """Go on with a check of values, when these are the next ones."""
    if entry is None or entry.values is None:
        return
    if (
        isinstance(values, Filed)
        and entry.passed is not None
        and entry.passed.take(start, values)
    ):
        return
    first = _place(entry.shape, start, values.shape)
    if values.dtype != entry.dtype or first != entry.written:
        entry.values = None
        return
    entry.values = _continued(values, entry.values)
    entry.written += values.size


def _continued(values: np.ndarray | Filed, check: int) -> int | None:
    """Go on with the CRC-32 of values; None when it would have to be read."""
    if not isinstance(values, Filed):
        data = np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        return zlib.crc32(data, check)
    if values.row_bytes >= LARGE:  # then `checksum` gives no CRC-32 of all bytes
        return None
    return joined(values.checks, values.row_bytes, check)


def _place(
    shape: tuple[int, ...], start: tuple[int, ...], size: tuple[int, ...]
) -> int:
    """Where a slab begins in an array's memory; -1 when it has gaps there.

    Parameters
    ----------
    shape
        Of the array.
    start, size
        Of the slab, as `WriteSlab` has them.

    Examples
    --------
    >>> _place((3, 4), (1, 0), (2, 4)), _place((3, 4), (2, 1), (3,))
    (4, 9)
    >>> _place((3, 4), (0, 0), (2, 2))
    -1
    """
    free = len(shape) - len(size)
    begin = (*start, *([0] * len(shape)))[: len(shape)]
    extent = (*([1] * free), *size)
    place, whole = 0, True
    for axis in range(len(shape) - 1, -1, -1):
        if not whole and extent[axis] != 1:
            return -1
        whole = whole and extent[axis] == shape[axis]
        place += begin[axis] * math.prod(shape[axis + 1 :])
    return place
