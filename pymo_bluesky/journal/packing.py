"""Documents taken apart as the records of a journal; `records` reads them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from ..checksums import checksum
from ..forms import Form, RowLayout, RowPacker, form_of
from ..pages import PAGE, taken_apart
from ..values import pack
from .rowing import FORM, HEAD, PLACED, ROW, common_head
from .slots import Slots

__all__ = ["CHECK", "LENGTH", "Records", "as_record"]

CHECK = struct.Struct("<I")
LENGTH = struct.Struct("<Q")
_PLACE = struct.Struct("<q")


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


_MOST_TRIES = 8
"""Events of a descriptor that are asked for their form; odd ones are no rows."""


class RowRecords:
    """Takes events apart as rows.

    Whoever does not write what it gave must say so (`forget`): a row without its form
    cannot be read.

    Parameters
    ----------
    slots
        Gives places for the large arrays of a form, where there are any.
    """

    def __init__(self, slots: Callable[[Form], Slots | None] | None = None) -> None:
        self._slots = slots
        self._packers: dict[str, tuple[RowPacker, bytes, _Placing | None]] = {}
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
        if known is not None:
            packer, common, placing = known
            found = packer.pack(event)
            if found is not None:
                return None, _row(event, found, common, placing)
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
        known = common_head(layout, ROW | number), self._placing(layout, number)
        self._packers[uid] = packer, *known
        return {**form.to_plain(), "number": number}, _row(event, found, *known)

    def _placing(self, layout: RowLayout, number: int) -> _Placing | None:
        slots = self._slots(layout.form) if self._slots and layout.blobs else None
        if slots is None:
            return None
        return slots, common_head(layout, ROW | PLACED | number)


_Placing = tuple[Slots, bytes]
"""Where large arrays go, and what the heads of such rows have in common."""


def _row(
    event: Mapping[str, Any],
    parts: list[bytes | memoryview],
    common: bytes,
    placing: _Placing | None,
) -> list[Any]:
    """The parts of a row; large arrays that have a place elsewhere go there now."""
    if len(parts) == 1:  # as nearly always
        return [_head(parts[0], common)]
    places: list[int] | None = None
    if placing is not None:
        places = placing[0].put(event["seq_num"], parts[1:])
        common = common if places is None else placing[1]
    told = [CHECK.pack(checksum(blob)) for blob in parts[1:]]
    told += [_PLACE.pack(place) for place in places or ()]
    begin = _head(b"".join([parts[0], *told]), common)
    return [begin] if places is not None else [begin, *parts[1:]]


def _head(fixed: bytes | memoryview, common: bytes) -> bytes:
    """The head of a row, and what of it is of one size."""
    head = CHECK.pack(zlib.crc32(fixed)) + common
    return b"".join((CHECK.pack(zlib.crc32(head)), head, fixed))
