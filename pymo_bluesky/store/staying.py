"""Arrays that get values which lie in their file already; knows no layouts.

HDF5 gives an array a place of its own choice, and no call tells it another. So the
array is made without one, and its header is told where its values are while no HDF5
library has the file open. That was all: to HDF5 it is an array like others.

What a header is made of: HDF5 File Format Specification 3.0, IV.A.1 and IV.A.2.i.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from ..append import Overlay
from ..checksums import lookup3
from ..errors import AppendError
from ..operations import InPlace

__all__ = ["Reserved", "stay"]

_CONTIGUOUS, _NOWHERE = b"\x01", b"\xff" * 8
_VERSIONS = (b"\x03", b"\x04")
_HEADER = 4096  # a new header has some 300 bytes


@dataclass(frozen=True, slots=True)
class Reserved:
    """Room in a dataset that belongs to a run.

    Attributes
    ----------
    identity
        Device and number of the file.
    begin, end
        Of the room, in bytes.
    """

    identity: tuple[int, int]
    begin: int
    end: int

    def holds(self, array: InPlace, size: int) -> bool:
        """Whether an array of so many bytes lies within."""
        return self.begin <= array.place and array.place + size <= self.end


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
    if room is None or overlay.identity != room.identity or overlay.base < room.end:
        return {}
    made: dict[int, tuple[str, int, int]] = {}
    with opened() as file:
        for number, array in enumerate(arrays):
            path = f"pymo_bluesky {room.begin} {number}"
            new = _without_place(file, path, array)
            if room.holds(array, new.nbytes):
                made[array.place] = path, h5o.get_info(new.id).addr, new.nbytes
            else:
                del file[path]
    for place, (_, header, size) in made.items():
        _tell(overlay, header, size, place)
        array = next(a for a in arrays if a.place == place)
        row = array.fill * (array.row_bytes // len(array.fill))
        for number in array.unused.tolist():
            overlay.lay(row, place + number * array.row_bytes)
    return {place: path for place, (path, _, _) in made.items()}


def _without_place(file: h5py.File, path: str, array: InPlace) -> Any:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_attr_phase_change(64, 60)
    return file.create_dataset(
        path, array.shape, array.dtype, fill_time="never", dcpl=properties
    )


def _tell(overlay: Overlay, header: int, size: int, place: int) -> None:
    """Tell the header of an array where its values are."""
    overlay.seek(header)
    head = bytearray(overlay.read(_HEADER))
    end = _end_of_messages(head)
    told = _CONTIGUOUS + _NOWHERE + size.to_bytes(8, "little")
    at = head.find(told, 0, end)
    if at < 1 or head[at - 1 : at] not in _VERSIONS or head.find(told, at + 1, end) > 0:
        raise AppendError(
            f"HDF5 made an array of {size} bytes whose header is none that is known; "
            "nothing was added to the dataset"
        )
    head[at + 1 : at + 9] = place.to_bytes(8, "little")
    if head[:4] == b"OHDR":
        head[end : end + 4] = lookup3(bytes(head[:end])).to_bytes(4, "little")
    overlay.seek(header)
    overlay.write(head[: end + 4] if head[:4] == b"OHDR" else head[:end])


def _end_of_messages(head: bytes | bytearray) -> int:
    """Where the messages of a header end; behind them a new one has its checksum."""
    if head[:4] != b"OHDR":  # version 1, which has none
        return 16 + int.from_bytes(head[8:12], "little")
    flags, at = head[5], 6
    at += 16 if flags & 0x20 else 0
    at += 4 if flags & 0x10 else 0
    width = 1 << (flags & 3)
    return at + width + int.from_bytes(head[at : at + width], "little")
