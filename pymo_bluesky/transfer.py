"""Bytes to and from an open file, however the system splits them."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["next_data", "read_at", "write_at"]


def read_at(fd: int, view: memoryview, offset: int) -> int:
    """Fill `view` from `offset` on as far as the file goes; give the byte count."""
    done = 0
    while done < len(view):
        got = os.preadv(fd, [view[done:]], offset + done)
        if not got:
            break
        done += got
    return done


def next_data(fd: int, start: int, stop: int) -> int:
    """Where a hole ends that begins at `start`, at `stop` at the latest."""
    try:
        return min(os.lseek(fd, start, os.SEEK_DATA), stop)
    except OSError as error:
        if error.errno == errno.ENXIO:  # no data up to the end of the file
            return stop
        raise


def write_at(fd: int, data: ReadableBuffer, offset: int) -> None:
    """Write all of `data` at `offset`, however the system splits it."""
    done = os.pwrite(fd, data, offset)
    view = memoryview(data).cast("B")
    while done < len(view):
        done += os.pwrite(fd, view[done:], offset + done)
