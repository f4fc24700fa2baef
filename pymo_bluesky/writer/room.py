"""Room in its dataset for the frames of a run; knows shapes and counts, no HDF5."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..append import reserve
from ..errors import PymoError, WriteError
from ..forms import Form, RowLayout
from ..journal import ABOUT, IN, JournalWriter, Slots, frames_of
from ..recording import dimension_stream
from ..store import Reserved

__all__ = ["Order", "Room"]

log = logging.getLogger("pymo_bluesky")

_WORTH = 4 * 2**20
"""Bytes from which on room is reserved: an append of its own, with five syncs."""

_MOST_POINTS = 2**18
_PATIENCE = 0.1
"""Seconds to wait for who has the dataset open: maybe another run of ours that ends."""

Order = Callable[[Mapping[str, Any], Mapping[str, Any], int], np.ndarray | None]
"""Start, descriptor and number of points to the point of each event, or nothing."""


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
        self._descriptor: Any = None
        self._places: np.ndarray | None = None
        self._sizes: list[int] = []
        self._slots: Slots | None = None

    def note(self, descriptor: Mapping[str, Any]) -> None:
        """Take note of a descriptor, before its events come."""
        if self._descriptor is None and descriptor.get("name") == self._stream:
            self._descriptor = descriptor.get("uid")
            if 0 < self._points <= _MOST_POINTS and _has_arrays(descriptor):
                try:
                    self._places = self._order(self._start, descriptor, self._points)
                except Exception as error:  # noqa: BLE001 - no reason to lose an event
                    log.info("frames go to the journal first, for %r", error)

    @property
    def is_expected(self) -> bool:
        """Whether frames will go there, as far as can be told before they come."""
        return self._places is not None

    def slots(self, form: Form) -> Slots | None:
        """Places for the large arrays of events of a form; None when there are none."""
        if form.descriptor != self._descriptor or self._places is None:
            return None
        sizes = [kind.itemsize for kind in RowLayout(form).blobs]
        if self._sizes:
            return self._slots if sizes == self._sizes else None
        self._sizes = sizes
        if self._points * sum(sizes) >= _WORTH:
            try:
                self._slots = self._reserved(sizes, self._places)
            except (PymoError, OSError, ValueError, MemoryError) as error:
                log.info("frames go to the journal first, for %s", error)
        return self._slots

    def _reserved(self, sizes: Sequence[int], order: np.ndarray) -> Slots:
        dataset = self._dataset.resolve()
        each = [self._points * size for size in sizes]
        there = os.statvfs(dataset.parent)
        if sum(each) > there.f_bavail * there.f_frsize:
            raise WriteError(f"{dataset.parent} has no room for {sum(each)} bytes")
        name = frames_of(self._journal.path)
        name.hardlink_to(dataset)
        try:
            # Before anything lies there: `recover` is to find it.
            self._journal.append(ABOUT, {IN: [name.name, dataset.name]})
            (mark, *places), end = reserve(
                dataset, [Slots.MARK_BYTES, *each], lock_timeout=_PATIENCE
            )
            slots = Slots(name, places, sizes, order, mark)
        except BaseException:
            with contextlib.suppress(OSError):
                name.unlink()
            raise
        self.reserved = Reserved(slots.identity, slots.mark, tuple(places), end)
        return slots

    def sync(self) -> None:
        """Force the frames to the disk."""
        if self._slots is not None:
            self._slots.sync()

    def close(self) -> None:
        """Take no more frames."""
        if self._slots is not None:
            self._slots.close()


def _has_arrays(descriptor: Mapping[str, Any]) -> bool:
    keys = descriptor.get("data_keys")
    given = list(cast(Mapping[str, Any], keys).values()) if keys else []
    return any(isinstance(k, Mapping) and bool(k.get("shape")) for k in given)
