"""Rows that lie in a file, into an array of the dataset; knows no layouts.

HDF5 has made the array by then, and where its values lie does not change any more. So
they go there past HDF5, from one buffer that is used again and again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..append import Overlay
from ..filed import Filed

__all__ = ["RowPasser"]

_PASSED = 2**16
"""HDF5 gathers what is smaller in a buffer of its own, behind which nothing may go."""

_GATHERED = 2**20
"""Bytes of smaller rows that HDF5 gets at once: a call of h5py takes 0.15 ms, a row of
16 KiB 0.02 ms to read and check."""


class RowPasser:
    """Writes rows of files into arrays.

    Parameters
    ----------
    overlay
        The dataset, as HDF5 has it.

    Attributes
    ----------
    staying
        Paths of arrays whose rows lie there already.
    """

    def __init__(self, overlay: Overlay) -> None:
        self.staying: set[str] = set()
        self._overlay = overlay
        self._buffer = bytearray()

    def write(self, array: Any, start: tuple[int, ...], rows: Filed) -> None:
        """Write rows from a place on.

        Parameters
        ----------
        array
            An open `h5py.Dataset`.
        start
            Of the first row, along the leading axes; the others follow it along the
            last of these.
        rows
            What goes there.

        Raises
        ------
        JournalError
            When a row is not what was written to its file.
        """
        first, done = start[: array.ndim - rows.ndim + 1], 0
        if array.name in self.staying:
            self._correct(array, first, rows)
            return
        if not _is_passed(array, rows):
            _gather(array, first, rows)
            return
        if array.id.get_offset() is None and len(rows):  # it has no place yet
            array[first] = rows[0]
            done = 1
        if done < len(rows):
            self._pass(_place_of(array, first, rows), rows, done)

    def _correct(self, array: Any, first: tuple[int, ...], rows: Filed) -> None:
        """Write the rows that do not lie where their array has them: few.

        Those that do are not looked at: to compare one takes 0.3 ms.
        """
        begin = _place_of(array, first, rows)
        there = begin + rows.row_bytes * np.arange(len(rows))
        same = (rows.places == there) & rows.stay
        *outer, inner = first
        for number in np.flatnonzero(~same).tolist():
            # Not past HDF5: it may keep rows beside this one in a buffer.
            array[(*outer, inner + number)] = rows[number]

    def _pass(self, place: int, rows: Filed, done: int) -> None:
        if len(self._buffer) != rows.row_bytes:
            self._buffer = bytearray(rows.row_bytes)
        view = memoryview(self._buffer)
        for number in range(done, len(rows)):
            rows.read_into(view, number)
            self._overlay.seek(place + number * rows.row_bytes)
            self._overlay.write(view)


def _place_of(array: Any, first: tuple[int, ...], rows: Filed) -> int:
    number = int(np.ravel_multi_index(first, array.shape[: len(first)]))
    return array.id.get_offset() + number * rows.row_bytes


def _gather(array: Any, first: tuple[int, ...], rows: Filed) -> None:
    """Write rows by way of HDF5, several at once."""
    *outer, inner = first
    step = max(1, _GATHERED // max(1, rows.row_bytes))
    for at in range(0, len(rows), step):
        block = np.asarray(rows[at : at + step])
        array[(*outer, slice(inner + at, inner + at + len(block)))] = block


def _is_passed(array: Any, rows: Filed) -> bool:
    lead = array.ndim - rows.ndim + 1
    return (
        rows.row_bytes >= _PASSED
        and array.chunks is None
        and array.dtype == rows.dtype
        and array.shape[lead:] == rows.shape[1:]
    )
