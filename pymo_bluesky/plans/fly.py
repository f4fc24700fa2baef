"""Scans on the fly, by software flyers and by ophyd-async; knows no files."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, cast

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.protocols import Flyable, Movable, Readable
from bluesky.utils import CustomPlanMetadata, IllegalMessageSequence, MsgGenerator, plan

from ..devices.errors import DeviceError
from ..devices.flyer import Flyer, FlyPath
from ..errors import PlanError
from .checking import check_devices, check_limits
from .clock import is_rehearsed
from .reasons import why_decorator
from .signatures import readable

__all__ = ["fly_1d", "fly_async"]

Event = Mapping[str, Any]

_LANDING = 30.0  # s that a flight may take to end, once it was told to
_FLUSH = 0.2  # s between two looks for data that have come


@readable
@plan
def fly_1d(
    flyer: Flyable,
    start: float,
    stop: float,
    *,
    num: int,
    period: float = 0.1,
    md: CustomPlanMetadata | None = None,
) -> MsgGenerator[Any]:
    """Scan without stopping at the points: a `Flyer` measures on its way.

    Parameters
    ----------
    flyer
        Of an actuator and a detector.
    start, stop
        The first and the last place.
    num
        Points, 2 or more.
    period
        Seconds from one to the next.
    md
        Metadata for the start document.

    Raises
    ------
    PlanError
        Before anything moves, for a way that cannot be flown.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> x, *_, camera = simulated_lab()
    >>> flyer = Flyer(name="flyer", actuator=x, detector=camera)
    >>> [m.command for m in fly_1d(flyer, 0, 1, num=5) if m.obj is flyer][:4]
    ['stage', 'prepare', 'kickoff', 'complete']
    """
    if not isinstance(flyer, Flyer):
        raise PlanError.of("fly_1d", [f"{flyer!r} is no Flyer"])
    actuator = flyer.actuator
    path = yield from _checked("fly_1d", actuator, start, stop, num, period)
    about = _about("fly_1d", [flyer.detector.name], actuator, path, md)
    measured: deque[Event] = deque()  # and not recorded yet

    @why_decorator()
    @bpp.stage_decorator([flyer, flyer.detector])
    @bpp.run_decorator(md=about)
    @bpp.finalize_decorator(lambda: _land(flyer, measured))
    def inner() -> MsgGenerator[Any]:
        yield from bps.prepare(cast(Any, flyer), path, wait=True)
        yield from bps.kickoff(cast(Any, flyer), wait=True)
        status = yield from bps.complete(cast(Any, flyer), group="fly_1d")
        while status is not None and not status.done:
            yield from bps.sleep(_FLUSH)
            yield from _record(flyer, measured)
        yield from bps.wait("fly_1d")

    # A flight that was paused cannot be flown again from the last checkpoint.
    return (yield from bpp.rewindable_wrapper(inner(), False))


def _land(flyer: Flyer, measured: deque[Event]) -> MsgGenerator[None]:
    """End the flight, however it went, and record what has been measured."""
    if is_rehearsed():  # a flight that someone else has under way is not ours
        return
    # Ctrl-C may have come amid an event, which is recorded again then; nothing tells
    # but that a drop is refused.
    with contextlib.suppress(IllegalMessageSequence):
        yield from bps.drop()
    flyer.land()
    until = time.monotonic() + _LANDING
    while flyer.is_flying:
        if time.monotonic() > until:
            flyer.detector.stop()
            raise DeviceError(
                f"{flyer.name} does not land: {flyer.detector.name} or "
                f"{flyer.actuator.name} has not stopped within {_LANDING:g} s"
            )
        yield from bps.sleep(0.01)
    yield from _record(flyer, measured)


def _record(flyer: Flyer, measured: deque[Event]) -> MsgGenerator[None]:
    """Make events of what has come, each device with its own configuration."""
    if is_rehearsed():
        return
    measured.extend(flyer.collect())
    while measured:
        event = measured[0]
        yield from bps.create("primary")
        for flown in flyer.flown:
            flown.take(event["data"], event["timestamps"])
            yield from bps.read(cast(Any, flown))
        # Whoever interrupts from here on does so when it has been saved.
        measured.popleft()
        yield from bps.save()


@readable
@plan
def fly_async(
    detectors: Sequence[Readable],
    actuator: Movable,
    start: float,
    stop: float,
    *,
    num: int,
    period: float = 0.1,
    deadtime: float = 0.0,
    md: CustomPlanMetadata | None = None,
) -> MsgGenerator[Any]:
    """Scan on the fly with devices of ophyd-async.

    Parameters
    ----------
    detectors
        ophyd-async detectors; each takes `num` frames by itself.
    actuator
        A motor of ophyd-async that can fly (``prepare``, ``kickoff``, ``complete``).
    start, stop, num, period, md
        As for `fly_1d`.
    deadtime
        Seconds of each period in which a detector is not exposed.

    Raises
    ------
    PlanError
        Before anything moves, for a way that cannot be flown.
    """
    _check_async(detectors, actuator, period, deadtime)
    path = yield from _checked("fly_async", actuator, start, stop, num, period)
    about = _about("fly_async", [d.name for d in detectors], actuator, path, md)
    frames, way = _async_flight(path, deadtime)

    @why_decorator()
    @bpp.stage_decorator([*detectors, actuator])
    @bpp.run_decorator(md=about)
    def inner() -> MsgGenerator[Any]:
        for detector in detectors:
            yield from bps.prepare(cast(Any, detector), frames, group="prepare")
        yield from bps.prepare(cast(Any, actuator), way, group="prepare")
        yield from bps.wait("prepare")
        yield from bps.declare_stream(*detectors, name="primary", collect=True)
        yield from bps.kickoff_all(actuator, *detectors, wait=True)
        yield from bps.collect_while_completing(
            [actuator, *detectors],
            detectors,
            flush_period=_FLUSH,
            stream_name="primary",
        )

    return (yield from bpp.rewindable_wrapper(inner(), False))


def _check_async(
    detectors: Sequence[Any], actuator: Any, period: float, deadtime: float
) -> None:
    problems = list(check_devices(detectors, [actuator]))
    if not 0 <= deadtime < period:
        problems.append(f"deadtime is {deadtime} s, expected less than {period} s")
    if problems:
        raise PlanError.of("fly_async", problems)


def _async_flight(path: FlyPath, deadtime: float) -> tuple[Any, Any]:
    """What detectors and motor of ophyd-async are to prepare for."""
    from ophyd_async.core import FlyMotorInfo, TriggerInfo

    frames = TriggerInfo(
        number_of_events=path.num, livetime=path.period - deadtime, deadtime=deadtime
    )
    # Half a step more at both ends: the middle of each frame is at its point.
    half = (path.stop - path.start) / (path.num - 1) / 2
    way = FlyMotorInfo(
        start_position=path.start - half,
        end_position=path.stop + half,
        time_for_move=path.num * path.period,
    )
    return frames, way


def _checked(
    name: str, actuator: Any, start: float, stop: float, num: int, period: float
) -> MsgGenerator[FlyPath]:
    try:
        path = FlyPath(float(start), float(stop), num, float(period))
    except (ValueError, TypeError) as error:
        raise PlanError.of(name, [str(error)]) from error
    ends = np.array([[path.start], [path.stop]])
    problems = yield from check_limits([actuator], ends, [0.0])
    if problems:
        raise PlanError.of(name, problems)
    return path


def _about(
    name: str,
    detectors: Sequence[str],
    actuator: Any,
    path: FlyPath,
    md: CustomPlanMetadata | None,
) -> dict[str, Any]:
    """Start metadata: the points lie evenly between the ends, as in a step scan."""
    args = [repr(actuator), path.start, path.stop]
    given = dict(md or {})
    return {
        "plan_name": name,
        "detectors": list(detectors),
        "motors": [actuator.name],
        "num_points": path.num,
        "num_intervals": path.num - 1,
        "shape": [path.num],
        "extents": [[path.start, path.stop]],
        "plan_args": {"args": args, "num": path.num, "period": path.period},
        "plan_pattern": "inner_product",
        "plan_pattern_args": {"num": path.num, "args": args},
        "hints": {
            "dimensions": [([actuator.name], "primary")],
            "gridding": "rectilinear",
        },
        **given,
        "pymodaq": {
            **{"scan_type": "Scan1D", "scan_sub_type": "Linear"},
            **given.get("pymodaq", {}),
        },
    }
