"""What DAQ_Viewer does, as plans: one save, saving on and on; knows no files' layout.

A time without an actuator is the navigation axis of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky.protocols import Movable, Readable
from bluesky.utils import CustomPlanMetadata, MsgGenerator, plan

from ..errors import PlanError
from .checking import Problems, check_devices, check_saving
from .pacing import check_pace, paced
from .reasons import why_decorator
from .signatures import readable

__all__ = ["continuous", "drop_background", "snapshot", "take_background", "timelapse"]

Saving = Callable[[str, Mapping[str, Any]], Any]
Detectors = Sequence[Readable]


@readable
@plan
def snapshot(
    detectors: Detectors,
    *,
    background: bool = False,
    saving: Saving | None = None,
    md: CustomPlanMetadata | None = None,
) -> MsgGenerator[str]:
    """Measure once and save, as DAQ_Viewer's *Save current data*.

    Parameters
    ----------
    detectors
        At least one.
    background
        Take a background first; one that was taken before is saved either way.
    saving
        Hears the documents of this run only: a `SnapshotSaving` puts it into a file of
        its own with a picture beside it. Without, it goes where the RunEngine's other
        subscribers put it.
    md
        Metadata for the start document.

    Returns
    -------
    str
        The uid of the run.

    Raises
    ------
    PlanError
        Before anything is measured: without a detector, for one that takes no
        background, or when the saving cannot begin, as its file is there already.

    Examples
    --------
    >>> from ophyd.sim import det
    >>> [m.command for m in snapshot([det]) if m.command in ("trigger", "save")]
    ['trigger', 'save']
    """
    problems = Problems(list(check_saving(saving)))
    if background:
        with problems.noted():
            _switches("snapshot", detectors)
    devices = _checked("snapshot", detectors, problems)
    about = _about("snapshot", devices, md, num_points=1, num_intervals=0)
    if background:
        yield from take_background(devices)
    shot = partial(bps.trigger_and_read, devices)
    return (yield from _saved(devices, shot, about, saving, num=1))


@readable
@plan
def continuous(
    detectors: Detectors,
    *,
    num: int | None = None,
    duration: float | None = None,
    period: float = 0.0,
    saving: Saving | None = None,
    md: CustomPlanMetadata | None = None,
) -> MsgGenerator[str]:
    """Measure and save on and on, as DAQ_Viewer's *Continuous saving*.

    It ends by number, by time, or by Ctrl-C and ``RE.stop()``; ``RE.resume()`` goes on
    after a pause. The arrays grow with each point.

    Parameters
    ----------
    detectors
        At least one.
    num
        Points; None: until it is stopped.
    duration
        Seconds, pauses counted; None: until it is stopped.
    period
        Seconds from one point to the next, at least; 0: as fast as the detectors.
    saving
        Hears the documents of this run only, e.g. a `ContinuousSaving`, which begins
        a new file for each.
    md
        Metadata for the start document.

    Returns
    -------
    str
        The uid of the run.

    Raises
    ------
    PlanError
        Before anything is measured: without a detector, for numbers that cannot be, or
        when the saving cannot begin.

    Examples
    --------
    >>> from ophyd.sim import det
    >>> [m.command for m in continuous([det], num=3)].count("save")
    3
    """
    problems = Problems(list(check_saving(saving)))
    with problems.noted():
        check_pace("continuous", num, duration, period)
    devices = _checked("continuous", detectors, problems)
    # No `num_points`: it may be ended before, and the arrays are to grow.
    arguments = {"num": num, "duration": duration, "period": period}
    about = _about("continuous", devices, md, plan_args=arguments)
    shot = partial(bps.trigger_and_read, devices)
    return (yield from _saved(devices, shot, about, saving, **arguments))


@readable
@plan
def timelapse(
    detectors: Detectors,
    num: int,
    period: float,
    *,
    saving: Saving | None = None,
    md: CustomPlanMetadata | None = None,
) -> MsgGenerator[str]:
    """Measure a given number of times, at a fixed period.

    Unlike with ``bp.count(delay=…)``, the time that a point takes does not add up.

    Parameters
    ----------
    detectors
        At least one.
    num
        Points.
    period
        Seconds from the beginning of one point to that of the next.
    saving, md
        As for `continuous`.

    Returns
    -------
    str
        The uid of the run.

    Examples
    --------
    >>> from ophyd.sim import det
    >>> [m.command for m in timelapse([det], 3, 0.0)].count("save")
    3
    """
    problems = Problems(list(check_saving(saving)))
    with problems.noted():
        check_pace("timelapse", num, None, period)
    devices = _checked("timelapse", detectors, problems)
    arguments = {"num": num, "period": period}
    counted = {"num_points": num, "num_intervals": num - 1}
    about = _about("timelapse", devices, md, plan_args=arguments, **counted)
    shot = partial(bps.trigger_and_read, devices)
    return (yield from _saved(devices, shot, about, saving, num=num, period=period))


@readable
@plan
def take_background(
    detectors: Detectors, *, shutter: Movable | None = None, closed: Any = 0
) -> MsgGenerator[None]:
    """Take the backgrounds that belong to all that is measured from now on.

    Parameters
    ----------
    detectors
        Of this package's `Detector`, or any with a signal ``background`` that takes
        one when it is set to True.
    shutter
        Moved to `closed` before, and back to where it was after, also when it fails.
    closed
        Where the shutter is closed.

    Raises
    ------
    PlanError
        For a detector that takes no background.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> *_, camera = simulated_lab()
    >>> [(m.command, m.obj.name) for m in take_background([camera]) if m.obj]
    [('set', 'camera_background')]
    """
    switches = _switches("take_background", detectors)
    if shutter is None:
        yield from _set_all(switches, True)
        return

    def in_the_dark() -> MsgGenerator[None]:
        yield from bps.mv(shutter, closed)
        yield from _set_all(switches, True)

    yield from bpp.reset_positions_wrapper(in_the_dark(), [shutter])


@readable
@plan
def drop_background(detectors: Detectors) -> MsgGenerator[None]:
    """Measure without the backgrounds that were taken.

    Parameters
    ----------
    detectors
        As for `take_background`.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> *_, camera = simulated_lab()
    >>> [m.args for m in drop_background([camera]) if m.obj]
    [(False,)]
    """
    yield from _set_all(_switches("drop_background", detectors), False)


def _set_all(switches: Sequence[Any], value: bool) -> MsgGenerator[None]:
    yield from bps.mv(*(item for switch in switches for item in (switch, value)))


def _switches(plan: str, detectors: Detectors) -> list[Any]:
    devices = _checked(plan, detectors)
    without = [d.name for d in devices if not hasattr(d, "background")]
    if without:
        told = "no background can be taken, because there is no signal `background`"
        raise PlanError.of(plan, [f"{name}: {told}" for name in without])
    return [device.background for device in devices]


def _checked(
    plan: str, detectors: Detectors, noted: Problems | None = None
) -> list[Any]:
    """The detectors as a list; refused with all that was noted, too."""
    problems = list(check_devices(detectors, ()))
    problems.extend(noted.found if noted is not None else ())
    if problems:
        raise PlanError.of(plan, dict.fromkeys(problems))
    return list(detectors)


def _about(
    name: str,
    devices: Sequence[Any],
    md: CustomPlanMetadata | None,
    *,
    plan_args: Mapping[str, Any] | None = None,
    **counted: Any,
) -> dict[str, Any]:
    """The start document's metadata of a plan without an actuator."""
    given = dict(md or {})
    scan_type = {"scan_type": "Scan1D", "scan_sub_type": "Time"}
    return {
        "plan_name": name,
        "detectors": [device.name for device in devices],
        "plan_args": {
            "detectors": [repr(device) for device in devices],
            **(plan_args or {}),
        },
        **counted,
        "hints": {"dimensions": [(("time",), "primary")]},
        **given,
        "pymodaq": {**scan_type, **given.get("pymodaq", {})},
    }


def _saved(
    devices: Sequence[Any],
    shot: Callable[[], MsgGenerator[Any]],
    about: dict[str, Any],
    saving: Saving | None,
    **pace: Any,
) -> MsgGenerator[str]:
    """One run of shots, heard by `saving` when there is one."""

    @why_decorator()
    @bpp.stage_decorator(devices)
    @bpp.run_decorator(md=about)
    def inner() -> MsgGenerator[Any]:
        yield from paced(shot, **pace)

    if saving is None:
        return (yield from inner())
    return (yield from bpp.subs_wrapper(inner(), saving))
