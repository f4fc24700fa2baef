"""Measuring again and again, each time when it is due; knows no devices, no files."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from ..errors import PymoError

__all__ = ["check_pace", "paced"]


def check_pace(
    num: int | None = None, duration: float | None = None, period: float = 0.0
) -> None:
    """Refuse numbers that no measuring can follow, before anything moves.

    Parameters
    ----------
    num
        Points; None: no end by number.
    duration
        Seconds; None: no end by time.
    period
        Seconds from the beginning of one point to that of the next.

    Raises
    ------
    PymoError
        For a number of points below 1, or times that are negative or no numbers.

    Examples
    --------
    >>> check_pace(num=0)
    Traceback (most recent call last):
    ...
    pymo_bluesky.errors.PymoError: num=0: at least 1 point is expected
    """
    if num is not None and (isinstance(num, bool) or num != int(num) or num < 1):
        raise PymoError(f"num={num}: at least 1 point is expected")
    if duration is not None and not 0 < duration < float("inf"):
        raise PymoError(f"duration={duration}: a positive number of s is expected")
    if not 0 <= period < float("inf"):
        raise PymoError(f"period={period}: a number of s, 0 or more, is expected")


def paced(
    shot: Callable[[], MsgGenerator[Any]],
    *,
    num: int | None = None,
    duration: float | None = None,
    period: float = 0.0,
) -> MsgGenerator[int]:
    """Run a plan stub again and again.

    What comes late, by a pause or because one shot took longer than the period, is
    taken at once, and the next ones a period later: nothing is hurried to catch up.

    Parameters
    ----------
    shot
        Makes the messages of one point.
    num, duration, period
        As for `check_pace`; a pause counts as time. The first point is always taken.

    Returns
    -------
    int
        The number of points.

    Examples
    --------
    >>> [msg.command for msg in paced(bps.null, num=2)]
    ['checkpoint', 'null', 'checkpoint', 'null']
    """
    began = due = time.monotonic()
    for n in itertools.count():
        if n == num or (duration is not None and n and due - began >= duration):
            return n
        yield from bps.checkpoint()
        if (early := due - time.monotonic()) > 0:
            yield from bps.sleep(early)
        yield from shot()
        due = max(due + period, time.monotonic())
    raise AssertionError("the count has no end")
