"""Where actuators are in a rehearsal, told by their own ``position``; moves nothing.

Bluesky's relative plans, and many of users, do not ask the RunEngine where an actuator
is but its attribute ``position``, which is where the hardware stands. In a rehearsal it
tells where the plan has sent it before; to all others, at the same time, what it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["Places"]

# By `id` of the actuator. Only who goes through the plan has it: see `clock`.
_PLACES: ContextVar[Mapping[int, float] | None] = ContextVar("places", default=None)
_LOCK = threading.Lock()
_USERS: dict[type, int] = {}  # classes whose `position` is ours now, by rehearsals


class _Position:
    """A property ``position``, asked in place of the one that a class has."""

    def __init__(self, own: Any) -> None:
        self.own = own

    def __get__(self, device: Any, kind: type | None = None) -> Any:
        there = _PLACES.get()
        if device is not None and there is not None and id(device) in there:
            return there[id(device)]
        return self.own.__get__(device, kind)

    def __set__(self, device: Any, value: Any) -> None:
        self.own.__set__(device, value)

    def __delete__(self, device: Any) -> None:
        self.own.__delete__(device)


class Places:
    """Where actuators were sent to in one rehearsal.

    Examples
    --------
    >>> from ophyd.sim import SynAxis
    >>> motor, places = SynAxis(name="motor"), Places()
    >>> with places.told():
    ...     places.note(motor, 5.0)
    ...     motor.position
    5.0
    >>> motor.position
    0
    """

    def __init__(self) -> None:
        self._there: dict[int, float] = {}
        self._kinds: set[type] = set()

    def note(self, device: Any, place: float) -> None:
        """An actuator was sent somewhere."""
        kind = _owner(device)
        if kind is not None and kind not in self._kinds:
            self._kinds.add(kind)
            _hold(kind)
        self._there[id(device)] = place

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let ``position`` tell it, to whom runs within the block."""
        token = _PLACES.set(self._there)
        try:
            yield
        finally:
            _PLACES.reset(token)
            for kind in self._kinds:
                _release(kind)
            self._kinds.clear()


def _owner(device: Any) -> type | None:
    """The class that has the property ``position``; None where it is none."""
    for kind in type(device).__mro__:
        if "position" in vars(kind):
            own = vars(kind)["position"]
            return kind if isinstance(own, (property, _Position)) else None
    return None


def _hold(kind: type) -> None:
    with _LOCK:
        _USERS[kind] = _USERS.get(kind, 0) + 1
        if _USERS[kind] == 1:
            setattr(kind, "position", _Position(vars(kind)["position"]))  # noqa: B010


def _release(kind: type) -> None:
    with _LOCK:
        _USERS[kind] -= 1
        if not _USERS[kind]:
            del _USERS[kind]
            setattr(kind, "position", vars(kind)["position"].own)  # noqa: B010
