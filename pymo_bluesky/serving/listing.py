"""Scans of a folder as lines of a table that can be searched and sorted.

Knows no web, and opens no file: what the index and the start documents tell.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from ..catalog.entries import Entry, date_of
from .finding import order, texts
from .runs import Runs

__all__ = ["SORTED_BY", "Listing", "Wanted", "line_of"]

SORTED_BY = ("started", "scan_id", "plan", "sample", "points", "status", "file")

Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines are asked for.

    Attributes
    ----------
    words
        All of them are in what is known of the scan (in any part of a word).
    since, until
        Days, as ``2026-11-22``, both included; empty for no limit.
    sort, descending
        One of `SORTED_BY`.
    offset, limit
        Which part of what was found.
    """

    words: str = ""
    since: str = ""
    until: str = ""
    sort: str = "started"
    descending: bool = True
    offset: int = 0
    limit: int = 50


class Listing:
    """Lines of a folder.

    Parameters
    ----------
    runs
        Of the folder.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._known: WeakKeyDictionary[Entry, tuple[Line, str]] = WeakKeyDictionary()

    def find(self, wanted: Wanted) -> dict[str, Any]:
        """Some lines, and how many there are.

        Returns
        -------
        dict
            ``total``, ``found``, ``scans`` and how many ``problems`` the folder has.
        """
        entries = list(self._runs.all().values())
        words = wanted.words.lower().split()
        known = (self._line(*pair) for pair in self._runs.starts(entries))
        lines = [
            line
            for line, text in known
            if all(word in text for word in words) and _between(line["day"], wanted)
        ]
        key = wanted.sort if wanted.sort in SORTED_BY else "started"
        lines.sort(key=lambda line: order(line[key]), reverse=wanted.descending)
        return {
            "directory": self._runs.directory.name,
            "total": len(entries),
            "found": len(lines),
            "problems": len(self._runs.problems),
            "scans": lines[wanted.offset : wanted.offset + wanted.limit],
        }

    def _line(self, entry: Entry, start: Mapping[str, Any]) -> tuple[Line, str]:
        if entry not in self._known:
            line = line_of(self._runs, entry, start)
            known = [*texts(start), *map(str, (line["scan_id"], line["file"]))]
            known += [entry.uid, entry.scan, line["date"], entry.status, entry.plan]
            self._known[entry] = line, "\n".join(known).lower()
        return self._known[entry]


def line_of(runs: Runs, entry: Entry, start: Mapping[str, Any]) -> Line:
    """What a table shows of one scan."""
    date = date_of(entry.started)
    return {
        "uid": entry.uid,
        "started": entry.started,
        "date": date,
        "day": date.partition(" ")[0],
        "scan_id": entry.scan_id,
        "plan": entry.plan,
        "sample": _named(start.get("sample")),
        "author": _named(start.get("author") or start.get("operator")),
        "shape": list(entry.shape),
        "points": math.prod(entry.shape) if entry.shape else 0,
        "detectors": list(entry.detectors),
        "status": entry.status,
        "file": str(entry.path.relative_to(runs.directory)),
        "scan": entry.scan,
    }


def _named(value: Any) -> str:
    """A text, or the name in what describes a sample or a person."""
    if isinstance(value, Mapping):
        value = value.get("name") or next(texts(value), "")
    return "" if value is None else str(value)


def _between(day: str, wanted: Wanted) -> bool:
    return (not wanted.since or day >= _day(wanted.since)) and (
        not wanted.until or (bool(day) and day <= _day(wanted.until))
    )


def _day(text: str) -> str:
    """A day as dates are compared; ValueError when it is none."""
    return datetime.date.fromisoformat(text).isoformat()
