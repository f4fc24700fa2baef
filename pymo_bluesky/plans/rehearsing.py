"""A plan gone through on bluesky's simulator; moves, triggers and writes nothing.

Each message is answered as a RunEngine would answer it, by a clock that runs ahead.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from bluesky.simulators import RunEngineSimulator, check_limits_async
from bluesky.utils import Msg, ensure_generator

from ..errors import PlanError
from .checking import is_number, name_of
from .clock import rehearsed
from .estimating import (
    Motion,
    answered,
    data_keys,
    flight_seconds,
    measuring_seconds,
    motion_of,
    position_of,
)
from .guesses import Guess, value_of
from .places import Places

__all__ = ["Point", "Rehearsal"]

Answer = Callable[[int], float]

_MOST = 20_000  # points that are looked at, where the plan says how many there are
_MOST_UNTOLD = 2_000  # and where it does not: it may never end
_MESSAGES = 20  # for each of them; a plan that waits for something may never end, too


class _EnoughError(Exception):
    """The plan is longer than anyone would look at."""


@dataclass(slots=True)
class _Status:
    """What a device would have returned."""

    rehearsal: Rehearsal
    ends: float
    success: bool = True

    @property
    def done(self) -> bool:
        return self.rehearsal.clock >= self.ends

    def exception(self, timeout: float | None = None) -> None:
        del timeout


@dataclass(frozen=True, slots=True)
class Point:
    """One event.

    Attributes
    ----------
    stream
        Its name.
    seconds
        From the beginning of the plan to its end.
    positions
        Of all that was moved until then, by the device's name.
    """

    stream: str
    seconds: float
    positions: Mapping[str, float]


class Rehearsal(RunEngineSimulator):
    """What a plan would do.

    Parameters
    ----------
    answer
        Gives the number that all detectors read, by how many were read before.

    Attributes
    ----------
    runs
        Metadata of each start document.
    points
        One for each event.
    moved, read
        Devices by name: those that were set; by stream, those that were read.
    began
        Where those that were set to numbers were before, by name.
    path
        The messages ``set`` and ``save``, which draw the way.
    clock
        Seconds that it takes, as far as devices tell.
    spent
        Seconds of it by what is waited for: moves, measurements, pauses.
    untold
        Names of devices that do not tell how long they take.
    adapts
        Whether the plan went by what is measured.
    is_cut
        Whether it is longer than what was looked at.
    problems
        What would refuse it or break it, with the numbers.

    Examples
    --------
    >>> from bluesky.plans import scan
    >>> from ophyd.sim import det, motor
    >>> rehearsal = Rehearsal()
    >>> rehearsal.follow(scan([det], motor, 0, 1, 3))
    >>> [point.positions["motor"] for point in rehearsal.points]
    [0.0, 0.5, 1.0]
    """

    def __init__(self, answer: Answer = lambda _: 0.0) -> None:
        super().__init__()
        self.answer = answer
        self.runs: list[Mapping[str, Any]] = []
        self.points: list[Point] = []
        self.moved: dict[str, Any] = {}
        self.began: dict[str, float | None] = {}
        self.read: dict[str, dict[str, Any]] = {}
        self.path: list[Msg] = []
        self.clock = 0.0
        self.spent: dict[str, float] = {}
        self.untold: dict[str, None] = {}
        self.adapts = False
        self.is_cut = False
        self.problems: list[str] = []
        self._positions: dict[str, float] = {}
        self._places = Places()
        self._here: dict[str, float | None] = {}
        self._keys: dict[str, dict[str, Any]] = {}
        self._waits: dict[Any, list[tuple[float, str]]] = {}
        self._flights: dict[str, float | None] = {}
        self._motions: dict[str, Motion] = {}
        self._exposures: dict[str, float | None] = {}
        self._reads = itertools.count()
        self._messages = 0
        self._stream = ""
        self._extremes: dict[tuple[str, str], tuple[float, Msg]] = {}
        self._handlers: dict[str, Callable[[Msg], Any]] = {
            name.removeprefix("_on_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("_on_")
        }
        self.add_handler(cast(Any, _Everything()), self._handle)

    def follow(self, plan: Iterable[Msg]) -> None:
        """Go through a plan once."""
        generator = ensure_generator(plan)
        try:
            with rehearsed(lambda: self.clock), self._places.told(), _no_stacks():
                self.simulate_plan(generator)
        except _EnoughError:
            self.is_cut = True
            with contextlib.suppress(RuntimeError):  # it yields when it is closed
                generator.close()
        except PlanError as error:
            self.problems.extend(error.problems)
        # Whatever a plan raises on readings that nobody measured is what is to be told.
        except Exception as error:  # noqa: BLE001
            where = f"after {len(self.points)} points" if self.points else "at once"
            words = " ".join(str(error).split())
            self.problems.append(
                f"the plan fails {where}: {type(error).__name__}: {words}"
            )
        self.problems.extend(self._outside())

    def _handle(self, msg: Msg) -> Any:
        self._messages += 1
        told = bool(self.runs) and self.runs[-1].get("num_points")
        most = _MOST if told else _MOST_UNTOLD
        if len(self.points) >= most or self._messages >= most * _MESSAGES:
            raise _EnoughError
        handler = self._handlers.get(msg.command)
        return handler(msg) if handler is not None else None

    # ---------------------------------------------------------------------- messages

    def _on_open_run(self, msg: Msg) -> str:
        self.runs.append(dict(msg.kwargs))
        return f"rehearsal-{len(self.runs)}"

    def _on_create(self, msg: Msg) -> None:
        self._stream = str(msg.kwargs.get("name") or "primary")

    def _on_drop(self, msg: Msg) -> None:
        self._stream = ""

    def _on_save(self, msg: Msg) -> None:
        self.points.append(Point(self._stream, self.clock, dict(self._positions)))
        self.path.append(msg)
        self._stream = ""

    def _on_set(self, msg: Msg) -> _Status:
        device, name = msg.obj, name_of(msg.obj)
        target: Any = msg.args[0] if msg.args else None
        here = self._position(device)
        if name not in self._motions:
            self._motions[name] = motion_of(device)
        self.moved[name] = device
        if is_number(target):
            self.began.setdefault(name, here)
            self._here[name] = self._positions[name] = float(target)
            self._places.note(device, float(target))
            self._farther(name, float(target), msg)
        self.path.append(msg)
        return self._begins(msg, self._motions[name].seconds(here, target), "moves")

    def _on_trigger(self, msg: Msg) -> _Status:
        name = name_of(msg.obj)
        if name not in self._exposures:
            # A signal, or an axis, has nothing to expose.
            is_detector = not hasattr(msg.obj, "set")
            self._exposures[name] = measuring_seconds(msg.obj) if is_detector else 0.0
        return self._begins(msg, self._exposures[name], "measurements")

    def _on_prepare(self, msg: Msg) -> _Status:
        self._flights[name_of(msg.obj)] = flight_seconds(*msg.args[:1])
        # What a `Flyer` flies with.
        for role in ("actuator", "detector"):
            if (device := getattr(msg.obj, role, None)) is not None:
                self.read.setdefault("primary", {})[name_of(device)] = device
                if role == "actuator":
                    self.moved[name_of(device)] = device
        return self._begins(msg, 0.0, "moves")

    def _on_kickoff(self, msg: Msg) -> _Status:
        return self._begins(msg, 0.0, "moves")

    def _on_complete(self, msg: Msg) -> _Status:
        seconds = self._flights.get(name_of(msg.obj))
        return self._begins(msg, seconds, "flights")

    def _on_wait(self, msg: Msg) -> bool:
        group = msg.args[0] if msg.args else msg.kwargs.get("group")
        pending = self._waits.get(group, [])
        ends, kind = max(pending, default=(self.clock, ""))
        if not msg.kwargs.get("error_on_timeout", True):
            patience = float(msg.kwargs.get("timeout") or 0.0)
            if ends > self.clock + patience > self.clock:
                self._advance(self.clock + patience, kind)
                return False
        self._waits.pop(group, None)
        self._advance(ends, kind)
        return True

    def _on_sleep(self, msg: Msg) -> None:
        waits = itertools.chain.from_iterable(self._waits.values())
        flies = any(kind == "flights" and ends > self.clock for ends, kind in waits)
        seconds = float(msg.args[0])
        self._advance(self.clock + seconds, "flights" if flies else "pauses")

    def _on_locate(self, msg: Msg) -> dict[str, float] | None:
        here = self._position(msg.obj)
        return None if here is None else {"setpoint": here, "readback": here}

    def _on_read(self, msg: Msg) -> dict[str, Any]:
        if self._stream:
            self.read.setdefault(self._stream, {})[name_of(msg.obj)] = msg.obj
        elif name_of(msg.obj) not in self.moved and not hasattr(msg.obj, "expected"):
            return answered(msg.obj.read())  # a plan that looks where something is
        return self._reading(msg.obj)

    def _on_stage(self, msg: Msg) -> list[Any]:
        return [msg.obj]

    _on_unstage = _on_stage

    def _on_configure(self, msg: Msg) -> tuple[dict[str, Any], dict[str, Any]]:
        return {}, {}

    def _on_monitor(self, msg: Msg) -> None:
        self.read.setdefault(f"{name_of(msg.obj)}_monitor", {})[name_of(msg.obj)] = (
            msg.obj
        )

    # ------------------------------------------------------------------------- state

    def _begins(self, msg: Msg, seconds: float | None, kind: str) -> _Status:
        """Let something begin that ends after some seconds, if anyone knows."""
        if seconds is None:
            self.untold.setdefault(name_of(msg.obj))
        ends = self.clock + (seconds or 0.0)
        self._waits.setdefault(msg.kwargs.get("group"), []).append((ends, kind))
        return _Status(self, ends)

    def _advance(self, until: float, kind: str) -> None:
        if until > self.clock:
            self.spent[kind] = self.spent.get(kind, 0.0) + until - self.clock
            self.clock = until

    def _position(self, device: Any) -> float | None:
        name = name_of(device)
        if name not in self._here:
            self._here[name] = position_of(device)
        return self._here[name]

    def _farther(self, name: str, target: float, msg: Msg) -> None:
        """Keep the messages that lead farthest, to ask for limits once."""
        for which, sign in (("least", -1), ("most", 1)):
            kept = self._extremes.get((name, which))
            if kept is None or sign * target > sign * kept[0]:
                self._extremes[name, which] = (target, msg)

    def _adapt(self) -> None:
        self.adapts = True

    def _reading(self, device: Any) -> dict[str, Any]:
        name = name_of(device)
        if name not in self._keys:
            self._keys[name] = data_keys(device)
        if name in self._positions:
            at = {"value": self._positions[name], "timestamp": 0.0}
            return dict.fromkeys(self._keys[name], at)
        number = self.answer(next(self._reads))
        return {
            key: Guess(value_of(about, number), self._adapt)
            for key, about in self._keys[name].items()
        }

    def _outside(self) -> list[str]:
        """Ask each device for its limits, at the ends of where it would go."""
        problems: dict[str, None] = {}
        for target, msg in self._extremes.values():
            if not hasattr(msg.obj, "check_value"):
                continue
            try:
                answered(check_limits_async([msg]))
            # What devices say of a value that they do not take is of any kind.
            except Exception as error:  # noqa: BLE001
                words = " ".join(str(error).split()) or type(error).__name__
                told = f"{name_of(msg.obj)} cannot go to {target:g}: {words}"
                problems.setdefault(told)
        return list(problems)


class _Everything:
    """Contains each command."""

    def __contains__(self, command: object) -> bool:
        return True


@contextmanager
def _no_stacks() -> Iterator[None]:
    """Keep bluesky's plan stubs from noting the stack of who calls them.

    They do so for a warning that no rehearsal needs: 2.2 ms of CPU for a point of a
    grid over two detectors, against 0.25 ms without.
    """
    missing = object()
    before = getattr(sys, "tracebacklimit", missing)
    sys.tracebacklimit = 0
    try:
        yield
    finally:
        if before is missing:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = cast(int, before)
