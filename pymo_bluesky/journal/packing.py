"""Documents taken apart as the records of a journal; `records` reads them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

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
    check = crc32(body, crc32(lengths))
    for blob in blobs:
        check = crc32(blob, check)
    head = HEAD.pack(check, len(blobs), len(body), sum(map(len, blobs)))
    return [CHECK.pack(crc32(head)) + head + lengths + body, *blobs]


_MOST_TRIES = 8
"""Events of a descriptor that are asked for their form; odd ones are no rows."""

_Placing = tuple[Slots, bytes]
"""Where large arrays go, and what the heads of such rows have in common."""


class Records:
    """Takes the documents of one journal apart; events of one form as rows.

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

    def of(self, name: str, doc: Mapping[str, Any]) -> list[Any]:
        """The parts of the next record, and of one before it that it needs."""
        if name != "event":
            return as_record(name, doc)
        descriptor = doc.get("descriptor")
        if type(descriptor) is not str:
            return as_record(name, doc)
        known = self._packers.get(descriptor)
        if known is not None:
            packer, common, placing = known
            fixed, large = packer.pack(doc)
            if fixed is not None:
                if large:
                    return _row_parts(doc, fixed, large, common, placing)
                return [_row(fixed, common)]
        return self._described(descriptor, doc) or as_record(name, doc)

    def forget(self) -> None:
        """Rely on nothing before: a record that was given may not have been written."""
        self._packers.clear()
        self._tries.clear()

    def _described(self, descriptor: str, event: Mapping[str, Any]) -> list[Any]:
        """A record of a form, and the first row of it; nothing: the event is no row."""
        tries = self._tries[descriptor] = self._tries.get(descriptor, 0) + 1
        form = form_of(event) if tries <= _MOST_TRIES else None
        if form is None:
            return []
        packer, layout = RowPacker(form), RowLayout(form)
        fixed, large = packer.pack(event)
        if fixed is None:
            return []
        number, self._forms = self._forms, self._forms + 1
        common = common_head(layout, ROW | number)
        placing = self._placing(layout, number)
        self._packers[descriptor] = packer, common, placing
        row = _row_parts(event, fixed, large, common, placing)
        return [*as_record(FORM, {**form.to_plain(), "number": number}), *row]

    def _placing(self, layout: RowLayout, number: int) -> _Placing | None:
        slots = self._slots(layout.form) if self._slots and layout.blobs else None
        if slots is None:
            return None
        return slots, common_head(layout, ROW | PLACED | number)


def _row_parts(
    event: Mapping[str, Any],
    fixed: bytes,
    large: Sequence[memoryview],
    common: bytes,
    placing: _Placing | None,
) -> list[Any]:
    """The parts of a row; large arrays that have a place elsewhere go there now."""
    places: list[int] | None = None
    if placing is not None:
        places = placing[0].put(event["seq_num"], large)
        common = common if places is None else placing[1]
    told = [CHECK.pack(checksum(blob)) for blob in large]
    told += [_PLACE.pack(place) for place in places or ()]
    begin = _row(b"".join([fixed, *told]), common)
    return [begin] if places is not None else [begin, *large]


def _row(fixed: bytes, common: bytes) -> bytes:
    """The head of a row, and what of it is of one size."""
    head = CHECK.pack(crc32(fixed)) + common
    return b"".join((CHECK.pack(crc32(head)), head, fixed))
