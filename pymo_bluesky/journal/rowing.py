"""Events as rows of a journal, written and read; knows no other documents.

The first event of a form is preceded by a record of the form. A row is a record whose
head names the form where others count their blobs; rows of a form have one size, so
that those that follow each other are read as one array.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Mapping
from io import BufferedReader
from typing import Any, Literal, cast

import numpy as np

from ..checksums import checksum, followed
from ..errors import JournalError
from ..filed import Filed, Handle
from ..forms import Form, RowLayout, RowPacker, Rows, form_of

__all__ = ["FORM", "HEAD", "ROW", "Large", "RowReader", "RowRecords"]

Large = Literal["read", "filed", "outline"]
"""What becomes of large arrays: they are read; or they stay where they are until they
are asked for (`Filed`); or arrays of zeros stand for them."""

FORM = "form"
"""Name of a record that describes rows."""

ROW = 2**31
"""What the head of a row adds to the number of its form."""

HEAD = struct.Struct("<IIQQ")  # behind its own checksum
_CHECK = struct.Struct("<I")
_CHECKS = struct.Struct("<II")  # of the head, and of what is behind it
_CHECK_DTYPE = np.dtype("<u4")
_HEAD_BYTES = _CHECK.size + HEAD.size
_MOST_TRIES = 8
"""Events of a descriptor that are asked for their form; odd ones are no rows."""

_FIRST = 4
"""Rows that are read first."""

_MOST_BYTES = 2**20
_FILED_BYTES = 16 * 2**20
"""Of arrays that stay in their file, at once: some are read after all."""


class RowRecords:
    """Takes events apart as rows.

    Whoever does not write what it gave must say so (`forget`): a row without its form
    cannot be read.
    """

    def __init__(self) -> None:
        self._packers: dict[str, tuple[RowPacker, bytes]] = {}
        self._tries: dict[str, int] = {}
        self._forms = 0

    def forget(self) -> None:
        """Describe all forms again: a record of one may not have been written."""
        self._packers.clear()
        self._tries.clear()

    def parts(
        self, event: Mapping[str, Any]
    ) -> tuple[dict[str, Any] | None, list[Any]]:
        """What describes the form, where it is new, and the parts of the row.

        No parts: the event is no row.
        """
        uid = event.get("descriptor")
        if type(uid) is not str:
            return None, []
        known = self._packers.get(uid)
        found = known[0].pack(event) if known else None
        if known is not None and found is not None:
            return None, _record(known[1], found)
        return self._new(uid, event)

    def _new(
        self, uid: str, event: Mapping[str, Any]
    ) -> tuple[dict[str, Any] | None, list[Any]]:
        tries = self._tries[uid] = self._tries.get(uid, 0) + 1
        form = form_of(event) if tries <= _MOST_TRIES else None
        if form is None:
            return None, []
        packer, layout = RowPacker(form), RowLayout(form)
        found = packer.pack(event)
        if found is None:
            return None, []
        number, self._forms = self._forms, self._forms + 1
        head = _common(layout, ROW | number)
        self._packers[uid] = packer, head
        return {**form.to_plain(), "number": number}, _record(head, found)


def _common(layout: RowLayout, code: int) -> bytes:
    """What the heads of all rows of a form have in common, behind the checksums."""
    fixed, large = layout.head.itemsize, layout.size - layout.head.itemsize
    return HEAD.pack(0, code, fixed + _table(layout), large)[_CHECK.size :]


def _table(layout: RowLayout) -> int:
    """Bytes of the checksums of large arrays, between a row's fixed part and them."""
    return len(layout.blobs) * _CHECK.size


def _record(rest_of_head: bytes, parts: list[bytes | memoryview]) -> list[Any]:
    checks = [_CHECK.pack(checksum(blob)) for blob in parts[1:]]
    fixed = b"".join([parts[0], *checks]) if checks else parts[0]
    head = _CHECK.pack(zlib.crc32(fixed)) + rest_of_head
    begin = b"".join((_CHECK.pack(zlib.crc32(head)), head, fixed))
    return [begin, *parts[1:]]


class RowReader:
    """Reads rows, many at once.

    Parameters
    ----------
    large
        What becomes of large arrays.
    """

    def __init__(self, large: Large = "read") -> None:
        self._large: Large = large
        self._layouts: dict[int, RowLayout] = {}

    def learn(self, plain: Mapping[str, Any]) -> None:
        """Take note of a form; KeyError, TypeError or ValueError when it is none."""
        number = plain["number"]
        if type(number) is not int or not 0 <= number < ROW:
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
        """
        layout = self._layouts.get(code & ~ROW)
        if layout is None:
            raise ValueError(f"a row of a form {code & ~ROW} that nothing describes")
        at, common = file.tell(), _common(layout, code)
        if file.read(_HEAD_BYTES)[_CHECKS.size :] != common:
            raise ValueError("a row is not as long as its form tells")
        file.seek(at)
        if at + _HEAD_BYTES + _table(layout) + layout.size > end:
            return None
        if layout.blobs:
            return self._read_large(file, end, common, layout)
        return _read_small(file, end, common, layout)

    def _read_large(
        self, file: BufferedReader, end: int, common: bytes, layout: RowLayout
    ) -> Rows:
        """Rows with large arrays."""
        at, size = file.tell(), _HEAD_BYTES + _table(layout) + layout.size
        bytes_at_once = _MOST_BYTES if self._large == "read" else _FILED_BYTES
        most = max(1, bytes_at_once // size)
        heads = _heads(file, at, min((end - at) // size, most), layout, common)
        found = self._blobs(file, at, heads, layout)
        whole = min(map(len, found))
        if not whole:
            raise ValueError("a row is not what was written")
        file.seek(at + whole * size)
        return layout.rows(heads["row"][:whole], [blob[:whole] for blob in found])

    def _blobs(
        self, file: BufferedReader, at: int, heads: np.ndarray, layout: RowLayout
    ) -> list[np.ndarray]:
        """The large arrays of rows from a place on; fewer where one is damaged."""
        rows = np.arange(len(heads))
        places = at + heads.itemsize + rows * (heads.itemsize + _large_bytes(layout))
        opened, found = Handle(file.fileno()), list[np.ndarray]()
        for number, kind in enumerate(layout.blobs):
            checks, form = heads["checks"][:, number], (kind.shape, kind.base)
            filed = Filed(opened, places, checks, *form, str(file.name))
            places = places + kind.itemsize
            if self._large == "filed":
                found.append(cast(np.ndarray, filed))
            elif self._large == "read":
                found.append(_undamaged(filed))
            else:
                zeros = np.zeros((), kind.base)
                found.append(np.broadcast_to(zeros, (len(rows), *kind.shape)))
        return found


def _large_bytes(layout: RowLayout) -> int:
    return layout.size - layout.head.itemsize


def _heads(
    file: BufferedReader, at: int, most: int, layout: RowLayout, common: bytes
) -> np.ndarray:
    """Heads and fixed parts of the rows from a place on, each as it was written."""
    checks = ("checks", _CHECK_DTYPE, (len(layout.blobs),))
    dtype = np.dtype([("head", f"V{_HEAD_BYTES}"), ("row", layout.head), checks])
    size = dtype.itemsize + _large_bytes(layout)
    fd, each = file.fileno(), dtype.itemsize

    def read(first: int, rows: int) -> bytes:
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
    # Only these are summed up one by one, in 0.3 µs each.
    whole &= checks == [
        zlib.crc32(data[at : at + size - _HEAD_BYTES])
        for at in range(_HEAD_BYTES, count * size, size)
    ]
    return count if whole.all() else int(whole.argmin())
