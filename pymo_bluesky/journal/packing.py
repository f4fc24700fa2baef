"""Documents taken apart as the records of a journal; `records` reads them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from ..forms import Form
from ..pages import PAGE, taken_apart
from ..values import pack
from .rowing import FORM, HEAD, RowRecords
from .slots import Slots

__all__ = ["CHECK", "LENGTH", "Records", "as_record"]

CHECK = struct.Struct("<I")
LENGTH = struct.Struct("<Q")


def as_record(name: str, doc: Mapping[str, Any]) -> list[Any]:
    """The parts of a record; large arrays are parts of their own."""
    blobs: list[memoryview] = []
    body = pack([name, *(taken_apart(doc) if name == PAGE else (doc,))], blobs)
    lengths = b"".join(LENGTH.pack(len(blob)) for blob in blobs)
    check = zlib.crc32(body, zlib.crc32(lengths))
    for blob in blobs:
        check = zlib.crc32(blob, check)
    head = HEAD.pack(check, len(blobs), len(body), sum(map(len, blobs)))
    return [CHECK.pack(zlib.crc32(head)) + head + lengths + body, *blobs]


class Records:
    """Takes the documents of one journal apart.

    Parameters
    ----------
    slots
        Gives places for the large arrays of a form, where there are any.
    """

    def __init__(self, slots: Callable[[Form], Slots | None] | None = None) -> None:
        self._rows = RowRecords(slots)

    def of(self, name: str, doc: Mapping[str, Any]) -> list[Any]:
        """The parts of the next record, and of one before it that it needs."""
        if name == "event":
            form, parts = self._rows.parts(doc)
            if form is not None:
                return [*as_record(FORM, form), *parts]
            if parts:
                return parts
        return as_record(name, doc)

    def forget(self) -> None:
        """Rely on nothing before: a record that was given may not have been written."""
        self._rows.forget()
