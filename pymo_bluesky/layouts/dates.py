"""Dates as PyMoDAQ stores them, minutes and months mixed up; knows no files."""

from __future__ import annotations

import datetime
import re
from typing import Any

__all__ = ["dated", "read_date"]

_QT = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d{1,2}):(\d{1,2})")


def read_date(text: object) -> datetime.datetime | None:
    """When something happened, local time of the laboratory; None when not understood.

    PyMoDAQ formats with Qt's ``dd/mm/yyyy HH:MM:ss``, where ``mm`` are the minutes and
    ``MM`` is the month (seen in 1.4 to 5.3). Text that makes sense only the other way
    round is taken so.

    Examples
    --------
    >>> read_date("22/53/2026 15:11:33").isoformat()
    '2026-11-22T15:53:33'
    >>> read_date("2026-11-22 15:53:33").isoformat()
    '2026-11-22T15:53:33'
    """
    if not isinstance(text, str):
        return None
    found = _QT.fullmatch(text.strip())
    if found is None:
        return _plain(text)
    day, minute, year, hour, month, second = map(int, found.groups())
    return _date(year, month, day, hour, minute, second) or _date(
        year, minute, day, hour, month, second
    )


def dated(about: dict[str, Any]) -> dict[str, Any]:
    """Attributes of a node with its date put right, as ISO text.

    Examples
    --------
    >>> dated({"author": "me", "date_time": "22/53/2026 15:11:33"})
    {'author': 'me', 'date_time': '2026-11-22 15:53:33'}
    """
    date = read_date(about.get("date_time"))
    return about if date is None else {**about, "date_time": date.isoformat(" ")}


def _date(*parts: int) -> datetime.datetime | None:
    try:
        return datetime.datetime(*parts)  # pyright: ignore[reportArgumentType]
    except ValueError:
        return None


def _plain(text: str) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
