"""Room in its dataset for the frames of a run; knows shapes and counts, no HDF5."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..append import reserve
from ..errors import PymoError
from ..forms import Form, RowLayout
from ..journal import ABOUT, IN, JournalWriter, Slots, frames_of
from ..recording import dimension_stream
from ..store import Reserved

__all__ = ["Order", "Room"]

_WORTH = 4 * 2**20
"""Bytes from which on room is reserved: an append of its own, with five syncs."""

_MOST_POINTS = 2**24

Order = Callable[[Mapping[str, Any], Mapping[str, Any], int], np.ndarray | None]


class Room:
    """The room of one run, reserved when the first of its frames comes.

    Parameters
    ----------
    start
        Its start document: how many points it announces, and how they follow.
    dataset
        Where its scan goes.
    journal
        Of the run.
    points
        How many it announces; 0 when it does not.
    order
        Tells, from a start, a descriptor and a number of points, which point of the
        scan each event will be. If that is wrong, frames are copied at the end.

    Attributes
    ----------
    reserved
        What was; None when nothing is.
    """

    def __init__(
        self,
        start: Mapping[str, Any],
        dataset: Path,
        journal: JournalWriter,
        points: int,
        order: Order,
    ) -> None:
        self.reserved: Reserved | None = None
        self._start = start
        self._dataset = dataset
        self._journal = journal
        self._points = points
        self._order = order
        self._stream = dimension_stream(start) or "primary"
        self._descriptor: Mapping[str, Any] = {}
        self._sizes: list[int] = []
        self._slots: Slots | None = None

    def note(self, descriptor: Mapping[str, Any]) -> None:
        """Take note of a descriptor, before its events come."""
        if not self._descriptor and descriptor.get("name") == self._stream:
            self._descriptor = descriptor

    def slots(self, form: Form) -> Slots | None:
        """Places for the large arrays of events of a form; None when there are none."""
        if form.descriptor != self._descriptor.get("uid"):
            return None
        sizes = [kind.itemsize for kind in RowLayout(form).blobs]
        if self._sizes:
            return self._slots if sizes == self._sizes else None
        self._sizes = sizes
        if 0 < self._points <= _MOST_POINTS and self._is_worth(sizes):
            with contextlib.suppress(PymoError, OSError):  # then they go to the journal
                self._slots = self._reserved(sizes)
        return self._slots

    def _is_worth(self, sizes: Sequence[int]) -> bool:
        """Whether there is much to come, and the disk has the room."""
        need = self._points * sum(sizes)
        if need < _WORTH:
            return False
        try:
            there = os.statvfs(self._dataset.parent)
        except OSError:
            return False
        return need <= there.f_bavail * there.f_frsize

    def _reserved(self, sizes: Sequence[int]) -> Slots | None:
        order = self._order(self._start, self._descriptor, self._points)
        if order is None:
            return None
        dataset = self._dataset.resolve()
        name = frames_of(self._journal.path)
        name.hardlink_to(dataset)
        try:
            # Before anything lies there: `recover` is to find it.
            self._journal.append(ABOUT, {IN: [name.name, dataset.name]})
            each = [self._points * size for size in sizes]
            places, end = reserve(dataset, each)
            slots = Slots(name, places, sizes, order)
        except BaseException:
            with contextlib.suppress(OSError):
                name.unlink()
            raise
        self.reserved = Reserved(slots.identity, places[0], end)
        return slots

    def sync(self) -> None:
        """Force the frames to the disk."""
        if self._slots is not None:
            self._slots.sync()

    def close(self) -> None:
        """Take no more frames."""
        if self._slots is not None:
            self._slots.close()
