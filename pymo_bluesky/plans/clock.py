"""The clock that plans go by, which runs ahead in a rehearsal; knows no plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["is_rehearsed", "now", "rehearsed"]

# A generator runs in the context of who asks it for its next message, so that a
# rehearsal at the prompt leaves a plan alone that a RunEngine runs in its own thread.
_CLOCK: ContextVar[Callable[[], float] | None] = ContextVar("clock", default=None)


def now() -> float:
    """Return seconds from some beginning, for durations.

    Examples
    --------
    >>> with rehearsed(lambda: 7.0):
    ...     now()
    7.0
    """
    clock = _CLOCK.get()
    return time.monotonic() if clock is None else clock()


def is_rehearsed() -> bool:
    """Whether nothing moves and nothing measures, because a plan is only looked at.

    Examples
    --------
    >>> is_rehearsed()
    False
    """
    return _CLOCK.get() is not None


@contextmanager
def rehearsed(clock: Callable[[], float]) -> Iterator[None]:
    """Let plans that are looked at go by `clock`.

    Parameters
    ----------
    clock
        Tells the seconds.
    """
    token = _CLOCK.set(clock)
    try:
        yield
    finally:
        _CLOCK.reset(token)
