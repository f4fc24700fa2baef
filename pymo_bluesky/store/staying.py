"""Arrays that get values which lie in their file already; knows no layouts.

HDF5 gives an array a place of its own choice, and no call tells it another. So the
array is made without one, and its header is told where its values are while no HDF5
library has the file open. That was all: to HDF5 it is an array like others.

What a header is made of: HDF5 File Format Specification 3.0, IV.A.1 and IV.A.2.i.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from ..append import Overlay
from ..checksums import lookup3
from ..operations import InPlace
from .texts import compact

__all__ = ["Reserved", "stay"]

_CONTIGUOUS, _NOWHERE = b"\x01", b"\xff" * 8
_VERSIONS = (b"\x03", b"\x04")
_HEADER = 4096  # a new header has some 300 bytes


@dataclass(frozen=True, slots=True)
class Reserved:
    """Room in a dataset that belongs to a run.

    Attributes
    ----------
    identity, mark
        Device and number of the file; where in it a mark is, and what.
    begins
        Where the room for each array begins, in bytes; it ends where the next begins.
    end
        Of all.

    Examples
    --------
    >>> room = Reserved((1, 2), (0, b"mark"), (4096, 8192), 12288)
    >>> room.is_for(8192, 4096), room.is_for(4096, 4097), room.is_for(4100, 8)
    (True, False, False)
    """

    identity: tuple[int, int]
    mark: tuple[int, bytes]
    begins: tuple[int, ...]
    end: int

    def is_for(self, place: int, size: int) -> bool:
        """Whether an array of so many bytes begins where one was expected, and fits."""
        ends = (*self.begins[1:], self.end)
        room = dict(zip(self.begins, ends, strict=True))
        return place in room and place + size <= room[place]


Opened = Callable[[], Any]
"""Opens the file anew."""


def stay(
    overlay: Overlay, opened: Opened, arrays: Sequence[InPlace], room: Reserved | None
) -> dict[int, str]:
    """Make arrays of values that lie in the file; they are to be moved to their paths.

    Parameters
    ----------
    overlay
        The file, which is not open otherwise.
    opened
        Opens it.
    arrays
        Which ones.
    room
        Where they may lie; none is made elsewhere.

    Returns
    -------
    dict of int to str
        Paths of those that were made, by the places of their values.
    """
    if room is None or not _is_there(overlay, room):
        return {}
    wanted = {a.place: a for a in arrays if room.is_for(a.place, _size(a))}
    made: dict[int, str] = {}
    headers: dict[int, int] = {}
    with opened() as file:
        for place, array in wanted.items():
            made[place] = f"pymo_bluesky {place}"
            new = _without_place(file, made[place], array)
            headers[place] = h5o.get_info(new.id).addr
    for place, array in wanted.items():
        # Where that fails HDF5 has another place for it, and it is not taken.
        if _tell(overlay, headers[place], _size(array), place):
            item = np.array(array.fill, array.dtype).tobytes()
            for first, count in array.unused:
                start = place + first * array.row_bytes
                overlay.lay(item, start, start + count * array.row_bytes)
    return made


def _is_there(overlay: Overlay, room: Reserved) -> bool:
    """Whether the file is the same, and no other program has made it anew."""
    place, mark = room.mark
    if overlay.identity != room.identity or overlay.base < room.end:
        return False
    overlay.seek(place)
    return overlay.read(len(mark)) == mark


def _size(array: InPlace) -> int:
    return math.prod(array.shape) * array.dtype.itemsize


def _without_place(file: h5py.File, path: str, array: InPlace) -> Any:
    options: dict[str, Any] = {"fill_time": "never"}
    if array.unused and array.fill != 0:
        options["fillvalue"] = np.array(array.fill, array.dtype)
    properties = compact(h5py.h5p.create(h5py.h5p.DATASET_CREATE))
    return file.create_dataset(
        path, array.shape, array.dtype, dcpl=properties, **options
    )


def _tell(overlay: Overlay, header: int, size: int, place: int) -> bool:
    """Tell the header of an array where its values are; False when it is unknown."""
    overlay.seek(header)
    head = bytearray(overlay.read(_HEADER))
    end = _end_of_messages(head)
    told = _CONTIGUOUS + _NOWHERE + size.to_bytes(8, "little")
    at = head.find(told, 0, end)
    if at < 1 or head[at - 1 : at] not in _VERSIONS or head.find(told, at + 1, end) > 0:
        return False
    head[at + 1 : at + 9] = place.to_bytes(8, "little")
    if head[:4] == b"OHDR":
        head[end : end + 4] = lookup3(bytes(head[:end])).to_bytes(4, "little")
        end += 4
    overlay.seek(header)
    overlay.write(head[:end])
    return True


def _end_of_messages(head: bytes | bytearray) -> int:
    """Where the messages of a header end; behind them a new one has its checksum."""
    if head[:4] != b"OHDR":  # version 1, which has none
        return 16 + int.from_bytes(head[8:12], "little")
    flags, at = head[5], 6
    at += 16 if flags & 0x20 else 0
    at += 4 if flags & 0x10 else 0
    width = 1 << (flags & 3)
    return at + width + int.from_bytes(head[at : at + width], "little")
