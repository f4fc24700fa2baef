"""What a catalog knows of a file and of each run in it; knows no way to find it out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from ..errors import Problem
from ..folders import changed

__all__ = ["RETRY_SECONDS", "Entry", "File", "Stamp", "date_of"]

RETRY_SECONDS = 10.0
"""After which a file that could not be opened is tried again."""

_UNSETTLED = 2_000_000_000  # ns: the coarsest clock of a file system, that of FAT


class Stamp(NamedTuple):
    """What tells that a file changed: when (ns), its bytes, and which file it is."""

    modified: int
    size: int
    inode: int

    @classmethod
    def of(cls, path: Path, about: os.stat_result) -> Stamp:
        """From what the file system says."""
        return cls(changed(path, about), about.st_size, about.st_ino)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True, kw_only=True)
class Entry:
    """A run in a file, in the words of a listing.

    Attributes
    ----------
    path, node, scan
        The dataset, the path of the scan in it, and the scan's name.
    uid, started, scan_id, plan
        Of the run: `started` in seconds since 1970, 0 when that is not told.
    shape
        Points along each navigation dimension, as the plan meant them.
    detectors
        Their names.
    status
        ``"success"``, ``"abort"``, ``"fail"``; empty when the run never stopped.
    """

    path: Path
    node: str
    scan: str
    uid: str
    started: float = 0.0
    scan_id: int | None = None
    plan: str = ""
    shape: tuple[int, ...] = ()
    detectors: tuple[str, ...] = ()
    status: str = ""

    @classmethod
    def of(
        cls, path: Path, node: str, scan: str, start: Mapping[str, Any], status: str
    ) -> Entry:
        """From the start document."""
        began, number = start.get("time"), start.get("scan_id")
        return cls(
            path=path,
            node=node,
            scan=scan,
            uid=str(start["uid"]),
            started=float(began) if isinstance(began, int | float) else 0.0,
            scan_id=number if isinstance(number, int) else None,
            plan=str(start.get("plan_name") or ""),
            shape=_shape(start),
            detectors=tuple(map(str, _items(start.get("detectors")))),
            status=status,
        )

    @property
    def age(self) -> tuple[float, str, str]:
        """To sort by, the oldest first."""
        return (self.started, str(self.path), self.node)

    def packed(self) -> list[Any]:
        """All but the path, as JSON can hold it."""
        return [
            *(self.node, self.scan, self.uid, self.started, self.scan_id, self.plan),
            *(list(self.shape), list(self.detectors), self.status),
        ]

    @classmethod
    def unpacked(cls, path: Path, parts: Sequence[Any]) -> Entry:
        """What `packed` gave."""
        node, scan, uid, started, scan_id, plan, shape, detectors, status = parts
        return cls(
            path=path,
            node=node,
            scan=scan,
            uid=uid,
            started=started,
            scan_id=scan_id,
            plan=plan,
            shape=tuple(shape),
            detectors=tuple(detectors),
            status=status,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What was found in one file.

    Attributes
    ----------
    stamp
        Of the file before it was looked into.
    entries, problems
        Its runs, and what is none or cannot be read.
    try_again
        When to look again though the stamp is the same (of `time.monotonic`): another
        program may have held the file.
    """

    stamp: Stamp
    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    try_again: float | None = None

    def holds(self, stamp: Stamp) -> bool:
        """Whether that is still so."""
        patient = self.try_again is None or time.monotonic() < self.try_again
        return stamp == self.stamp and patient

    def settled(self, now: int) -> bool:
        """Whether a later change would change the stamp; `now` in ns since 1970."""
        return self.try_again is None and self.stamp.modified + _UNSETTLED < now


def date_of(seconds: float) -> str:
    """Local date and time to the minute; empty when it is not known.

    Examples
    --------
    >>> date_of(0.0), date_of(float("nan"))
    ('', '')
    """
    try:
        found = datetime.fromtimestamp(seconds) if seconds else None
    except (ValueError, OverflowError, OSError):
        return ""
    return found.isoformat(" ", "minutes") if found else ""


def _shape(start: Mapping[str, Any]) -> tuple[int, ...]:
    shape = _items(start.get("shape"))
    if shape and all(isinstance(n, int) for n in shape):
        return tuple(shape)
    points = start.get("num_points")
    return (points,) if isinstance(points, int) else ()


def _items(value: Any) -> list[Any]:
    return list(cast(list[Any], value)) if isinstance(value, list | tuple) else []
