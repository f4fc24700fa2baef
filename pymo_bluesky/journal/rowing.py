"""Events as rows of a journal, written and read; knows no other documents.

The first event of a form is preceded by a record of the form. A row is a record whose
head names the form where others count their blobs; rows of a form have one size, so
that those that follow each other are read as one array.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from io import BufferedReader
from typing import Any

import numpy as np

from ..checksums import checksum
from ..forms import Form, RowLayout, RowPacker, Rows, form_of

__all__ = ["FORM", "HEAD", "ROW", "RowReader", "RowRecords"]

FORM = "form"
"""Name of a record that describes rows."""

ROW = 2**31
"""What the head of a row adds to the number of its form."""

HEAD = struct.Struct("<IIQQ")  # behind its own checksum
_CHECK = struct.Struct("<I")
_CHECKS = struct.Struct("<II")  # of the head, and of what is behind it
_HEAD_BYTES = _CHECK.size + HEAD.size
_MOST_TRIES = 8
"""Events of a descriptor that are asked for their form; odd ones are no rows."""

_MOST_BYTES = 2**20


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
    fixed = layout.head.itemsize
    return HEAD.pack(0, code, fixed, layout.size - fixed)[_CHECK.size :]


def _record(rest_of_head: bytes, parts: list[bytes | memoryview]) -> list[Any]:
    check = zlib.crc32(parts[0])
    for blob in parts[1:]:
        check = checksum(blob, check)
    head = _CHECK.pack(check) + rest_of_head
    begin = b"".join((_CHECK.pack(zlib.crc32(head)), head, parts[0]))
    return [begin, *parts[1:]]


class RowReader:
    """Reads rows, many at once.

    Parameters
    ----------
    whole
        Whether large arrays are read; where not, arrays of zeros stand for them.
    """

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
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
        if at + _HEAD_BYTES + layout.size > end:
            return None
        if layout.blobs:
            return self._read_large(file, end, common, layout)
        return _read_small(file, end, common, layout)

    def _read_large(
        self, file: BufferedReader, end: int, common: bytes, layout: RowLayout
    ) -> Rows | None:
        """Rows whose large arrays go from the file to their place at once."""
        size = _HEAD_BYTES + layout.size
        most = max(1, min((end - file.tell()) // size, _MOST_BYTES // size))
        heads = np.empty(most, layout.head)
        blobs = [
            np.empty((most, *kind.shape), kind.base)
            if self._whole
            else np.broadcast_to(np.zeros((), kind.base), (most, *kind.shape))
            for kind in layout.blobs
        ]
        n = 0
        while n < most:
            at = file.tell()
            head, large = heads[n : n + 1], [blob[n] for blob in blobs]
            if not self._read_one(file, common, head, large):
                file.seek(at)
                break
            n += 1
        if not n:
            raise ValueError("a row is not what was written")
        return layout.rows(heads[:n], [blob[:n] for blob in blobs])

    def _read_one(
        self,
        file: BufferedReader,
        common: bytes,
        head: np.ndarray,
        blobs: list[np.ndarray],
    ) -> bool:
        """Read one row into its place; False when it is of another form, or damaged."""
        begin = file.read(_HEAD_BYTES)
        own, expected = _CHECKS.unpack_from(begin)
        if begin[_CHECKS.size :] != common or zlib.crc32(begin[_CHECK.size :]) != own:
            return False
        fixed = head.view(np.uint8).data
        file.readinto(fixed)
        if not self._whole:
            file.seek(sum(blob.nbytes for blob in blobs), os.SEEK_CUR)
            return True
        check = zlib.crc32(fixed)
        for blob in blobs:
            data = blob.reshape(-1).view(np.uint8).data
            file.readinto(data)
            check = checksum(data, check)
        return check == expected


def _read_small(
    file: BufferedReader, end: int, common: bytes, layout: RowLayout
) -> Rows:
    """Rows that are read as one array."""
    row = np.dtype([("head", f"V{_HEAD_BYTES}"), ("row", layout.head)])
    at = file.tell()
    most = max(1, min((end - at) // row.itemsize, _MOST_BYTES // row.itemsize))
    data = memoryview(file.read(most * row.itemsize))
    n = _whole_rows(data, row.itemsize, common)
    if not n:
        raise ValueError("a row is not what was written")
    file.seek(at + n * row.itemsize)
    return layout.rows(np.frombuffer(data, row, n)["row"], [])


def _whole_rows(data: memoryview, size: int, common: bytes) -> int:
    """How many rows of a form, each as it was written, are at the begin of bytes."""
    for n in range(len(data) // size):
        at = n * size
        own, check = _CHECKS.unpack_from(data, at)
        begin = at + _HEAD_BYTES
        head = data[at + _CHECK.size : begin]
        if bytes(head[_CHECK.size :]) != common or zlib.crc32(head) != own:
            return n
        if zlib.crc32(data[begin : at + size]) != check:
            return n
    return len(data) // size
