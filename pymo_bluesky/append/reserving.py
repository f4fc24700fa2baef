"""Room in a dataset for what comes during a run; knows superblocks, no HDF5 library.

A dataset ends where its superblock says. When that tells of a later end, no program
writes to what lies before it, though nothing in the file leads there yet. A run that
knows what will come puts its frames there, and the scan has them where they lie.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..checksums import lookup3
from ..errors import AppendError
from .commit import appending
from .overlay import PAGE

__all__ = ["reserve"]

_UNDEFINED = b"\xff" * 8
_BASE, _EXTENSION, _END, _CHECKED = slice(12, 20), slice(20, 28), slice(28, 36), 44
_OLD = {0: 24, 1: 28}
"""Where superblocks without a checksum have their four addresses, by their version."""


def reserve(
    path: str | os.PathLike[str], sizes: Sequence[int], *, lock_timeout: float = 0.0
) -> tuple[list[int], int]:
    """Keep room free at the end of a dataset, whole or not at all.

    The room is a hole: it takes space on the disk when something is written there. It
    begins and ends with pages of its own, so that an append, which keeps pages of what
    is there in memory, never writes any of it back.

    Parameters
    ----------
    path
        The dataset.
    sizes
        Bytes that are wanted, one room for each.
    lock_timeout
        How long to wait while another program has it open, in seconds.

    Returns
    -------
    list of int, int
        Where each room begins, and where the last ends.

    Raises
    ------
    AppendError
        When it cannot be done; the dataset is as it was.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import h5py
    >>> path = Path(tempfile.mkdtemp(), "Dataset_20260101_000.h5")
    >>> h5py.File(path, "w").close()
    >>> reserve(path, [10_000, 1])
    ([4096, 16384], 20480)
    >>> path.stat().st_size
    20480
    """
    # Who has the file open without a lock still ends it where it ended.
    with appending(path, lock_timeout=lock_timeout, lock_required=True) as overlay:
        told = overlay.superblock()
        if told is None or told.end > overlay.base:
            raise AppendError(f"{path}: is no HDF5 file, or one that was cut off")
        places: list[int] = []
        end = _on_a_page(overlay.size)
        for size in sizes:
            places.append(end)
            end = _on_a_page(end + size)
        overlay.seek(0)
        head = _with_end(overlay.read(min(64, overlay.size)), end)
        if head is None:
            raise AppendError(f"{path}: no room can be reserved in such a file")
        overlay.seek(0)
        overlay.write(head)
        overlay.truncate(end)
    return places, end


def _on_a_page(offset: int) -> int:
    return -(-offset // PAGE) * PAGE


def _with_end(head: bytes, end: int) -> bytes | None:
    """The first bytes of an HDF5 file, telling another end; None for unusual ones."""
    new, told = bytearray(head), end.to_bytes(8, "little")
    if len(head) < 64 or head[:8] != b"\x89HDF\r\n\x1a\n":
        return None
    at = _OLD.get(head[8])
    if at is not None:
        usual = head[13:15] == b"\x08\x08" and head[at : at + 8] == bytes(8)
        new[at + 16 : at + 24] = told
        return bytes(new) if usual else None
    if head[8] not in (2, 3) or head[9:11] != b"\x08\x08":
        return None
    # An extension may tell of pages and free space, which would not agree.
    if head[_BASE] != bytes(8) or head[_EXTENSION] != _UNDEFINED:
        return None
    new[_END] = told
    new[_CHECKED : _CHECKED + 4] = lookup3(bytes(new[:_CHECKED])).to_bytes(4, "little")
    return bytes(new)
