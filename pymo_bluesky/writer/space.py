"""Whether a disk has room for a run; knows shapes and counts, no file format."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..errors import Problem

__all__ = ["Space"]

LEAST = 64 * 2**20
"""Bytes that are to stay free whatever a run takes."""

_EACH = 512  # bytes of a document beside its values
_TWICE = 2  # once in the journal, once in the dataset, until the journal goes


class Space:
    """The room that a run needs, and has.

    Parameters
    ----------
    start
        Its start document: how many points it announces.
    folder
        Where it goes.

    Attributes
    ----------
    points
        How many points it announces; None when it does not.
    """

    def __init__(self, start: Mapping[str, Any], folder: Path) -> None:
        self._run = str(start.get("uid", ""))
        self._folder = folder
        self.points = _points(start)
        self._per_point = 0
        self._told = False

    def before(
        self, descriptor: Mapping[str, Any], *, once: bool = False
    ) -> Iterator[Problem]:
        """What to say before the events of a stream come, written once or twice."""
        if self.points is None or descriptor.get("name") != "primary":
            return
        self._per_point = _bytes_of(descriptor.get("data_keys"))
        need = (1 if once else _TWICE) * self.points * self._per_point
        yield from self._low(
            need,
            f"it announces {self.points} points of {_shown(self._per_point)} each, "
            f"which want about {_shown(need)}",
        )

    def during(self, written: int) -> Iterator[Problem]:
        """What to say while it goes on; `written` is the size of its journal."""
        yield from self._low(
            written, f"its scan will want about {_shown(written)} when it stops"
        )

    def _low(self, need: int, why: str) -> Iterator[Problem]:
        free = _free(self._folder)
        if self._told or free is None or free >= need + LEAST:
            return
        self._told = True
        message = (
            f"the disk of {self._folder} has {_shown(free)} free for the run "
            f"{self._run}; {why}. Free space now: nothing that was recorded is lost "
            "when the disk is full, but the run is cut short"
        )
        yield Problem(f"run {self._run}", "warning", "low-disk-space", message)


def _free(folder: Path) -> int | None:
    try:
        there = os.statvfs(folder)
    except OSError:  # the folder is gone: that is told where it is written to
        return None
    return there.f_bavail * there.f_frsize


def _points(start: Mapping[str, Any]) -> int | None:
    points = start.get("num_points")
    if isinstance(points, int):
        return points
    shape = start.get("shape")
    if isinstance(shape, (list, tuple)) and shape:
        sizes = cast(list[Any], shape)
        if all(isinstance(n, int) for n in sizes):
            return math.prod(sizes)
    return None


def _bytes_of(keys: Any) -> int:
    """Bytes of an event, as its descriptor promises it; external data do not count."""
    total = _EACH
    if not isinstance(keys, Mapping):
        return total
    for key in cast(Mapping[str, Any], keys).values():
        if isinstance(key, Mapping) and "external" not in key:
            total += _bytes_of_key(cast(Mapping[str, Any], key))
    return total


def _bytes_of_key(key: Mapping[str, Any]) -> int:
    shape = cast(list[Any], key.get("shape") or [])
    sizes = [n if isinstance(n, int) and n > 0 else 1 for n in shape]
    try:
        item = np.dtype(cast(str, key.get("dtype_numpy") or "<f8")).itemsize
    except TypeError:
        item = 8
    return math.prod(sizes) * max(1, item)


def _shown(size: int) -> str:
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
