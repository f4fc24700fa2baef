"""Events as rows of a journal, read; `packing` writes them. Knows no other documents.

The first event of a form is preceded by a record of the form. A row is a record whose
head names the form where others count their blobs; rows of a form have one size, so
that those that follow each other are read as one array. Large arrays lie behind their
row, or in another file (`slots`); then the row tells where.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Mapping, Set
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from ..checksums import are_sums_of, followed
from ..errors import JournalError
from ..filed import Filed, Handle
from ..forms import Form, RowLayout, Rows
from .beside import opened

__all__ = [
    "FORM",
    "HEAD",
    "IN",
    "PLACED",
    "ROW",
    "Large",
    "RowReader",
    "common_head",
]

Large = Literal["read", "filed", "outline"]
"""What becomes of large arrays: they are read; or they stay where they are until they
are asked for (`Filed`); or it is known that nobody asks for any."""

FORM = "form"
"""Name of a record that describes rows."""

ROW = 2**31
"""What the head of a row adds to the number of its form."""

PLACED = 2**30
"""What it adds where the large arrays of the row are in another file."""

IN = "frames"
"""What a journal says of itself: names of that file, the first that is there."""

HEAD = struct.Struct("<IIQQ")  # behind its own checksum
_CHECK = struct.Struct("<I")
_CHECKS = struct.Struct("<II")  # of the head, and of what is behind it
_CHECK_DTYPE, _PLACE_DTYPE = np.dtype("<u4"), np.dtype("<i8")
_HEAD_BYTES = _CHECK.size + HEAD.size
_FIRST = 4
"""Rows that are read first."""

_MANY = 256
"""Rows that are compared with their checksums all together."""

_MOST_BYTES = 2**20
_MOST_ROWS = 512
"""Of which nobody asks for the arrays, at once."""

_FILED_BYTES = 16 * 2**20
"""Of arrays that stay in their file, at once: some are read after all."""

_PLACED_BYTES = 48 * 2**20
"""Of those that mostly stay there for good."""


def common_head(layout: RowLayout, code: int) -> bytes:
    """What the heads of all rows of a form have in common, behind the checksums."""
    fixed = layout.head.itemsize + _table(layout, code)
    return HEAD.pack(0, code, fixed, _behind(layout, code))[_CHECK.size :]


def _table(layout: RowLayout, code: int) -> int:
    """Bytes that tell of large arrays, behind the fixed part: checksums, and places."""
    each = _CHECK.size + (_PLACE_DTYPE.itemsize if code & PLACED else 0)
    return len(layout.blobs) * each


def _behind(layout: RowLayout, code: int) -> int:
    """Bytes of the large arrays that lie behind their row."""
    return 0 if code & PLACED else layout.size - layout.head.itemsize


class RowReader:
    """Reads rows, many at once.

    Parameters
    ----------
    path
        Of the journal.
    large
        What becomes of large arrays.
    lost
        Places in the other file at which something else lies: such arrays are left
        out, as if they had not come.
    """

    def __init__(
        self, path: Path, large: Large = "read", lost: Set[int] = frozenset()
    ) -> None:
        self._path = path
        self._lost = np.array(sorted(lost), np.int64)
        self._large: Large = large
        self._layouts: dict[int, RowLayout] = {}
        self._elsewhere: list[str] = []
        self._told = 0
        self._opened: Handle | None = None

    def note(self, about: Mapping[str, Any]) -> None:
        """Take note of what the journal says of itself."""
        if IN in about:
            names = about[IN]
            found = cast(list[Any], names) if isinstance(names, list) else []
            self._elsewhere = list(map(str, found))

    def learn(self, plain: Mapping[str, Any]) -> None:
        """Take note of a form; KeyError, TypeError or ValueError when it is none."""
        number = plain["number"]
        if type(number) is not int or not 0 <= number < PLACED:
            raise ValueError(f"a form of events has the number {number!r}")
        self._layouts[number] = RowLayout(Form.from_plain(plain))

    def read(self, file: BufferedReader, end: int, code: int) -> Rows | None:
        """Rows of one form from a place on, the file left behind them.

        Parameters
        ----------
        file, end
            A journal, at the begin of a row whose head is whole, and its size.
        code
            From that head.

        Returns
        -------
        Rows
            None when the writer died in the first of them.

        Raises
        ------
        ValueError
            When the first is not what was written, its form is not known, or it
            tells other sizes than its form has.
        JournalError
            When the file is not there in which its large arrays are.
        """
        number = code & ~(ROW | PLACED)
        layout = self._layouts.get(number)
        if layout is None:
            raise ValueError(f"a row of a form {number} that nothing describes")
        at, common = file.tell(), common_head(layout, code)
        if file.read(_HEAD_BYTES)[_CHECKS.size :] != common:
            raise ValueError("a row is not as long as its form tells")
        file.seek(at)
        if at + _size(layout, code) > end:
            return None
        if layout.blobs:
            return self._read_large(file, end, common, layout, code)
        return _read_small(file, end, common, layout)

    def _read_large(
        self,
        file: BufferedReader,
        end: int,
        common: bytes,
        layout: RowLayout,
        code: int,
    ) -> Rows:
        """Rows with large arrays."""
        at, size = file.tell(), _size(layout, code)
        if self._large == "outline":
            most = _MOST_ROWS
        else:
            filed = _PLACED_BYTES if code & PLACED else _FILED_BYTES
            bytes_at_once = _MOST_BYTES if self._large == "read" else filed
            most = max(1, bytes_at_once // (size + layout.size))
        heads = _heads(file, at, min((end - at) // size, most), layout, common, code)
        without: Set[str] = frozenset()
        if code & PLACED:
            heads = heads[: self._fitting(heads["places"], layout)]
            heads, without = self._up_to_lost(heads, layout)
        found = self._blobs(file, at, heads, layout, code, without)
        whole = min(map(len, found))
        if not whole:
            raise ValueError("a row is not what was written")
        file.seek(at + whole * size)
        rows = layout.rows(heads["row"][:whole], [blob[:whole] for blob in found])
        return rows.without(without) if without else rows

    def _up_to_lost(
        self, heads: np.ndarray, layout: RowLayout
    ) -> tuple[np.ndarray, Set[str]]:
        """Rows up to the first with a lost array; or that one, and what it lacks."""
        if not len(self._lost):
            return heads, frozenset()
        lost = np.isin(heads["places"], self._lost)
        rows = np.flatnonzero(lost.any(axis=1))
        if not len(rows) or rows[0]:
            return heads[: rows[0]] if len(rows) else heads, frozenset()
        keys = zip(layout.blob_keys, lost[0].tolist(), strict=True)
        return heads[:1], frozenset(key for key, is_lost in keys if is_lost)

    def _blobs(
        self,
        file: BufferedReader,
        at: int,
        heads: np.ndarray,
        layout: RowLayout,
        code: int,
        without: Set[str],
    ) -> list[np.ndarray]:
        """The large arrays of rows from a place on; fewer where one is damaged."""
        each = heads.itemsize + _behind(layout, code)
        behind = at + heads.itemsize + np.arange(len(heads)) * each
        placed = bool(code & PLACED)
        handle = self._frames() if placed else Handle(file.fileno())
        name = f"the frames of {self._path}" if placed else str(self._path)
        found: list[np.ndarray] = []
        for number, kind in enumerate(layout.blobs):
            places = heads["places"][:, number] if placed else behind
            checks, form = heads["checks"][:, number], (kind.shape, kind.base)
            if len(places) and int(places.min()) < 0:
                raise ValueError("a row tells of a place before the begin of a file")
            filed = Filed(handle, places, checks, *form, name, stay=placed)
            behind = behind + kind.itemsize
            is_read = self._large == "read" and layout.blob_keys[number] not in without
            whole = _undamaged(filed) if is_read else filed
            found.append(cast(np.ndarray, whole))
        return found

    def _fitting(self, places: np.ndarray, layout: RowLayout) -> int:
        """How many rows the other file can hold, if none tells of a place again."""
        there = self._frames().size
        sizes = np.array([kind.itemsize for kind in layout.blobs])
        each = np.where(places + sizes <= there, sizes, 0).sum(axis=1)
        fitting = int(np.count_nonzero(self._told + np.cumsum(each) <= there))
        self._told += int(each[:fitting].sum())
        return fitting

    def _frames(self) -> Handle:
        """The other file, opened once."""
        if self._opened is None:
            if not self._elsewhere:
                raise ValueError("nothing tells where the large arrays of a row are")
            self._opened = opened(self._path.parent, self._elsewhere)
        return self._opened


def _size(layout: RowLayout, code: int) -> int:
    """Bytes of a row in the journal."""
    fixed = layout.head.itemsize + _table(layout, code)
    return _HEAD_BYTES + fixed + _behind(layout, code)


def _heads(
    file: BufferedReader,
    at: int,
    most: int,
    layout: RowLayout,
    common: bytes,
    code: int,
) -> np.ndarray:
    """Heads and fixed parts of the rows from a place on, each as it was written."""
    parts: list[Any] = [("head", f"V{_HEAD_BYTES}"), ("row", layout.head)]
    parts.append(("checks", _CHECK_DTYPE, (len(layout.blobs),)))
    if code & PLACED:
        parts.append(("places", _PLACE_DTYPE, (len(layout.blobs),)))
    dtype = np.dtype(parts)
    size = dtype.itemsize + _behind(layout, code)
    fd, each = file.fileno(), dtype.itemsize

    def read(first: int, rows: int) -> bytes:
        if size == each:  # nothing lies between them
            return os.pread(fd, rows * each, at + first * size)
        places = range(at + first * size, at + (first + rows) * size, size)
        return b"".join(os.pread(fd, each, place) for place in places)

    return np.frombuffer(_stretch(read, most, each, common), dtype)


def _undamaged(filed: Filed) -> np.ndarray:
    """Rows up to the first that is not what was written."""
    found = np.empty(filed.shape, filed.dtype)
    rows = found.reshape(len(filed), -1).view(np.uint8)
    for number in range(len(filed)):
        try:
            filed.read_into(rows[number].data, number)
        except JournalError:
            return found[:number]
    return found


def _read_small(
    file: BufferedReader, end: int, common: bytes, layout: RowLayout
) -> Rows:
    """Rows that are read as one array."""
    row = np.dtype([("head", f"V{_HEAD_BYTES}"), ("row", layout.head)])
    at = file.tell()
    most = max(1, min((end - at) // row.itemsize, _MOST_BYTES // row.itemsize))
    data = _stretch(
        lambda _, rows: file.read(rows * row.itemsize), most, row.itemsize, common
    )
    if not data:
        raise ValueError("a row is not what was written")
    file.seek(at + len(data))
    return layout.rows(np.frombuffer(data, row)["row"], [])


def _stretch(
    read: Callable[[int, int], bytes], most: int, size: int, common: bytes
) -> bytes:
    """Rows of a form up to the first that is none, or not as it was written.

    Few are read first, then more and more: where the events of two streams alternate,
    the second is none already.

    Parameters
    ----------
    read
        Gives rows, from one on, so many.
    most, size
        How many at most; bytes of each.
    """
    found: list[bytes] = []
    count, step = 0, _FIRST
    while count < most:
        wanted = min(step, most - count)
        data = read(count, wanted)
        whole = _whole_rows(memoryview(data), size, common)
        if whole < wanted:
            found.append(data[: whole * size])
            break
        found.append(data)
        count, step = count + whole, 4 * step
    return b"".join(found)


def _whole_rows(data: memoryview, size: int, common: bytes) -> int:
    """How many rows of a form, each as it was written, are at the begin of bytes."""
    count = len(data) // size
    table = np.frombuffer(data, np.uint8, count * size).reshape(count, size)
    own, checks = np.ascontiguousarray(table[:, : _CHECKS.size]).view("<u4").T
    rest = np.frombuffer(common, np.uint8)
    whole = (table[:, _CHECKS.size : _HEAD_BYTES] == rest).all(axis=1)
    whole &= own == followed(checks, common)
    # All together in a tenth of the time that they take one by one.
    many = count >= _MANY and bool(whole.all())
    if many and are_sums_of(checks, table[:, _HEAD_BYTES:]):
        return count
    whole &= checks == [
        zlib.crc32(data[at : at + size - _HEAD_BYTES])
        for at in range(_HEAD_BYTES, count * size, size)
    ]
    return count if whole.all() else int(whole.argmin())
