"""Measuring again and again, each time when it is due; knows no devices, no files."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import bluesky.plan_stubs as bps
from bluesky.utils import MsgGenerator

from ..errors import PlanError
from .checking import is_number
from .clock import now

__all__ = ["check_pace", "paced"]


def check_pace(
    plan: str,
    num: int | None = None,
    duration: float | None = None,
    period: float = 0.0,
) -> None:
    """Refuse numbers that no measuring can follow, before anything moves.

    Parameters
    ----------
    plan
        Its name, for the error.
    num
        Points; None: no end by number.
    duration
        Seconds; None: no end by time.
    period
        Seconds from the beginning of one point to that of the next.

    Raises
    ------
    PlanError
        For a number of points below 1, or times that are negative or no numbers.

    Examples
    --------
    >>> check_pace("timelapse", num=0)
    Traceback (most recent call last):
    ...
    pymo_bluesky.errors.PlanError: timelapse is refused, nothing has moved: num is 0,
    expected 1 or more
    """
    problems: list[str] = []
    if num is not None and not (_is_finite(num) and num == int(num) and num >= 1):
        problems.append(f"num is {num!r}, expected 1 or more")
    if duration is not None and not (_is_finite(duration) and duration > 0):
        problems.append(f"duration is {duration!r}, expected a positive number of s")
    if not (_is_finite(period) and period >= 0):
        problems.append(f"period is {period!r}, expected 0 s or more")
    if problems:
        raise PlanError.of(plan, problems)


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


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
    began = due = now()
    for n in itertools.count():
        if n == num or (duration is not None and n and due - began >= duration):
            return n
        yield from bps.checkpoint()
        if (early := due - now()) > 0:
            yield from bps.sleep(early)
        yield from shot()
        due = max(due + period, now())
    raise AssertionError("the count has no end")
