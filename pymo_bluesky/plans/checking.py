"""What is wrong with a scan, all of it, before anything moves; knows no scan type."""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import bluesky.plan_stubs as bps
import numpy as np
from bluesky.protocols import Locatable, Movable, Readable
from bluesky.utils import Msg, MsgGenerator

from ..errors import PlanError

__all__ = [
    "Problems",
    "check_devices",
    "check_limits",
    "check_saving",
    "is_number",
    "positions_now",
]


@dataclass(slots=True)
class Problems:
    """Collects what is wrong, so that all of it is told at once.

    Examples
    --------
    >>> problems = Problems()
    >>> with problems.noted():
    ...     raise PlanError.of("scan_1d", ["num is 0"])
    >>> problems.found
    ['num is 0']
    """

    found: list[str] = field(default_factory=list[str])

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the problems of a `PlanError`, and go on behind the block."""
        try:
            yield
        except PlanError as error:
            self.found.extend(error.problems)


def name_of(device: Any) -> str:
    """How a device is called in messages, also when it is none."""
    return str(getattr(device, "name", "") or repr(device))


def is_number(value: Any) -> bool:
    """Whether a value is a number; True and False are none.

    Examples
    --------
    >>> is_number(1), is_number(np.float32(1)), is_number(True), is_number("1")
    (True, True, False, False)
    """
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def check_devices(
    detectors: Any, actuators: Sequence[Any], *, measures: bool = True
) -> Iterator[str]:
    """Tell what cannot be read, or moved, or is there twice.

    Parameters
    ----------
    detectors, actuators
        What a plan was given.
    measures
        Whether it wants a detector. Bluesky's own plans do not; PyMoDAQ's scans do.

    Examples
    --------
    >>> list(check_devices([], [3]))
    ['no detector is given, expected at least one, e.g. [camera]',
     '3 is no actuator: it cannot be set']
    """
    if not isinstance(detectors, (list, tuple)):
        yield f"the detectors are to be a list, not {name_of(detectors)}"
        detectors = []
    elif measures and not detectors:
        yield "no detector is given, expected at least one, e.g. [camera]"
    for actuator in actuators:
        if not isinstance(actuator, Movable):
            yield f"{name_of(actuator)} is no actuator: it cannot be set"
    for detector in detectors:
        if not isinstance(detector, Readable):
            yield f"{name_of(detector)} is no detector: it cannot be read"
        elif not _has_data(detector):
            yield f"{name_of(detector)} has no data: nothing of it would be recorded"
    for what, devices in (("actuator", actuators), ("detector", detectors)):
        for name, times in Counter(map(name_of, devices)).items():
            if times > 1:
                yield f"the {what} {name} is there {times} times"


def _has_data(detector: Any) -> bool:
    """Whether it says that something of it is read; asks no hardware."""
    attributes = getattr(detector, "read_attrs", None)
    if attributes is not None:  # an ophyd device; a signal has none and is data
        return bool(attributes)
    if inspect.iscoroutinefunction(detector.describe):
        return True  # only the RunEngine can ask, at the first point
    return bool(detector.describe())


def check_saving(saving: Any) -> Iterator[str]:
    """Tell why a saving would refuse a run that began now; makes and writes nothing.

    Examples
    --------
    >>> list(check_saving(3))
    ['the saving is 3, expected a SnapshotSaving, say, or a callback']
    """
    if saving is None:
        return
    if not callable(saving):
        yield f"the saving is {saving!r}, expected a SnapshotSaving, say, or a callback"
    elif callable(obstacles := getattr(saving, "obstacles", None)):
        yield from cast("Iterable[str]", obstacles())


def positions_now(actuators: Sequence[Any]) -> MsgGenerator[list[float]]:
    """Where actuators are, or are sent to: what a relative scan begins from."""
    found: list[float] = []
    for actuator in actuators:
        if isinstance(actuator, Locatable):
            location = yield Msg("locate", actuator)
            found.append(float(location["setpoint"]) if location else 0.0)
        elif hasattr(actuator, "position"):
            found.append(float(actuator.position))
        else:
            found.append(float((yield from bps.rd(actuator, default_value=0.0))))
    return found


def check_limits(
    actuators: Sequence[Any], points: np.ndarray, origins: Sequence[float]
) -> MsgGenerator[list[str]]:
    """Tell which points lie where an actuator must not go.

    Parameters
    ----------
    actuators
        Of the columns of `points`.
    points
        Shape (points, actuators).
    origins
        What a relative scan adds to them.
    """
    problems: list[str] = []
    for actuator, column, origin in zip(actuators, points.T, origins, strict=True):
        values = column + origin
        if not np.isfinite(values).all():
            number = np.count_nonzero(~np.isfinite(values))
            problems.append(f"{actuator.name}: {number} of its points are no numbers")
            continue
        outside = _outside(actuator, values)
        if outside:
            problems.append(outside)
        elif hasattr(actuator, "check_value"):
            ends: Iterable[float] = np.unique([values.min(), values.max()]).tolist()
            for value in ends:
                problems.extend((yield from _asked(actuator, value)))
    return problems


def _outside(actuator: Any, values: np.ndarray) -> str | None:
    """Compare with the limits that the device tells; equal ones mean none."""
    try:
        low, high = (float(limit) for limit in actuator.limits)
    except (AttributeError, TypeError, ValueError):
        return None
    if not low < high:
        return None
    beyond = values[(values < low) | (values > high)]
    if not beyond.size:
        return None
    return (
        f"{actuator.name}: {beyond.size} of {values.size} points lie outside of its "
        f"limits {low:g} to {high:g}: from {beyond.min():g} to {beyond.max():g}"
    )


def _asked(actuator: Any, value: float) -> MsgGenerator[list[str]]:
    """Ask the device itself, which may need the RunEngine's loop to answer."""
    if inspect.iscoroutinefunction(actuator.check_value):
        check = functools.partial(actuator.check_value, value)
        answers = yield from bps.wait_for([check])
        errors = [answer.exception() for answer in answers or ()]
        return [_told(actuator, error) for error in errors if error is not None]
    try:
        actuator.check_value(value)
    # What devices say of a value that they do not take: ophyd's LimitError is a
    # ValueError, its DisabledError and others are a RuntimeError.
    except (ValueError, RuntimeError) as error:
        return [_told(actuator, error)]
    return []


def _told(actuator: Any, error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{actuator.name}: {words or type(error).__name__}"
