"""From the points of a scan to a bluesky plan; knows no scan type.

A scan is written as a function that says what is to be measured (`Scan`) and runs
nothing. `scan_plan` makes the plan of it, `relative` the plan relative to where the
actuators are: both check all that can be checked before they yield a move.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec

import bluesky.plans as bp
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.protocols import Movable
from bluesky.utils import MsgGenerator, plan

from ..errors import PlanError
from .checking import Problems, check_devices, check_limits, name_of, positions_now
from .reasons import why_wrapper
from .trajectory import Trajectory

__all__ = ["Scan", "hinted_fields", "relative", "scan_plan", "stepwise"]

P = ParamSpec("P")
Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What is to be measured, and what is wrong with it.

    Attributes
    ----------
    detectors, actuators
        Devices.
    points
        Where the actuators will go, shape (points, actuators); of a plan that adapts
        the corners of the region.
    metadata
        Of the start document, beside what stock plans tell.
    body
        Makes the plan, given the metadata.
    problems
        Found so far.
    md
        The user's metadata.
    """

    detectors: Sequence[Any]
    actuators: Sequence[Any]
    points: np.ndarray
    metadata: Metadata
    body: Callable[[Metadata], MsgGenerator[Any]]
    problems: Sequence[str] = ()
    md: Mapping[str, Any] | None = field(default=None)


def scan_plan(make: Callable[P, Scan]) -> Callable[P, MsgGenerator[Any]]:
    """Make a plan of a function that says what is to be measured."""
    return _planned(make, make.__name__, relative=False)


def relative(
    absolute: Callable[P, MsgGenerator[Any]],
) -> Callable[P, MsgGenerator[Any]]:
    """Make the plan whose positions are relative to where the actuators are.

    They go back there afterwards, also when the plan fails.

    Parameters
    ----------
    absolute
        What `scan_plan` made.
    """
    make: Callable[P, Scan] = absolute.__wrapped__  # type: ignore[attr-defined]
    rel = _planned(make, f"rel_{make.__name__}", relative=True)
    rel.__doc__ = (
        f"`{make.__name__}`, relative to where the actuators are; they go back after."
    )
    return rel


def _planned(
    make: Callable[P, Scan], name: str, *, relative: bool
) -> Callable[P, MsgGenerator[Any]]:
    # Evaluated: bluesky-queueserver reads annotations, and not those that are text.
    signature = inspect.signature(make, eval_str=True)

    def wrapper(*args: P.args, **kwargs: P.kwargs) -> MsgGenerator[Any]:
        scan = make(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        told = {k: _plain(v) for k, v in bound.arguments.items() if k != "md"}
        told = {**told, **told.pop("kwargs", {})}
        return (yield from _run(scan, name, told, relative=relative))

    functools.update_wrapper(wrapper, make)
    wrapper.__name__ = wrapper.__qualname__ = name
    made = plan(wrapper)
    made.__wrapped__ = make  # type: ignore[attr-defined]
    made.__signature__ = signature.replace(  # type: ignore[attr-defined]
        return_annotation=MsgGenerator
    )
    return made


def _run(
    scan: Scan, name: str, arguments: Metadata, *, relative: bool
) -> MsgGenerator[Any]:
    problems = Problems(list(scan.problems))
    problems.found.extend(check_devices(scan.detectors, scan.actuators))
    if len(scan.points) and all(isinstance(a, Movable) for a in scan.actuators):
        here = yield from positions_now(scan.actuators if relative else ())
        origins = here or [0.0] * len(scan.actuators)
        outside = yield from check_limits(scan.actuators, scan.points, origins)
        problems.found.extend(outside)
    if problems.found:
        raise PlanError.of(name, problems.found)
    body = scan.body(_metadata(scan, name, arguments))
    if relative:
        body = bpp.relative_set_wrapper(body, scan.actuators)
        body = bpp.reset_positions_wrapper(body, scan.actuators)
    return (yield from why_wrapper(body))


def _metadata(scan: Scan, name: str, arguments: Metadata) -> Metadata:
    """What the start document says; the user's members win, one by one."""
    told = {"plan_name": name, "plan_args": arguments, **scan.metadata}
    given = dict(scan.md or {})
    for key in ("hints", "pymodaq"):
        if isinstance(given.get(key), Mapping):
            given[key] = {**told.get(key, {}), **given[key]}
    return {**told, **given}


def _plain(value: Any) -> Any:
    """An argument as a document can hold it: devices by their repr, as bluesky does."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return repr(value)


def stepwise(
    detectors: Sequence[Any],
    actuators: Sequence[Any],
    trajectory: Trajectory | None,
    problems: Problems,
    *,
    averaging: int,
    md: Mapping[str, Any] | None,
) -> Scan:
    """A scan whose points are known: a stock plan of bluesky visits them.

    Parameters
    ----------
    detectors, actuators
        Devices.
    trajectory
        The points; None where they could not be made, which `problems` tells.
    problems
        Found so far.
    averaging
        How often all points are visited, as PyMoDAQ's ``Naverage``.
    md
        The user's metadata.
    """
    empty = np.empty((0, len(actuators)))
    with problems.noted():
        _check_averaging(averaging, trajectory)
    if trajectory is None:
        body = _nothing
        metadata: Metadata = {}
    else:
        trajectory = replace(trajectory, averaging=averaging)
        body = functools.partial(_visit, detectors, actuators, trajectory)
        metadata = {**trajectory.metadata(), "hints": _hints(actuators, trajectory)}
    return Scan(
        detectors=detectors,
        actuators=actuators,
        points=empty if trajectory is None else trajectory.points,
        metadata=metadata,
        body=body,
        problems=problems.found,
        md=md,
    )


def _nothing(_: Metadata) -> MsgGenerator[None]:
    yield from ()


def _check_averaging(averaging: int, trajectory: Trajectory | None) -> None:
    if isinstance(averaging, bool) or not isinstance(averaging, int) or averaging < 1:
        problem = f"averaging is {averaging!r}, expected a whole number from 1"
        raise PlanError.of("the scan", [problem])
    if averaging > 1 and trajectory is not None and not trajectory.axes:
        kind = f"{trajectory.scan_type}/{trajectory.sub_type}"
        problem = (
            f"averaging is {averaging}, but {kind} is no grid: nor has PyMoDAQ any"
        )
        raise PlanError.of("the scan", [problem])


def _hints(actuators: Sequence[Any], trajectory: Trajectory) -> Metadata:
    """Which data keys are the axes; a table and a plot follow them too."""
    fields = [hinted_fields(actuator) for actuator in actuators]
    if not trajectory.axes:
        flat = [name for names in fields for name in names]
        return {"dimensions": [[flat, "primary"]]}
    hints: Metadata = {"dimensions": [[names, "primary"] for names in fields]}
    # Only in this order can a live grid place what comes; not when it comes again.
    if len(trajectory.axes) > 1 and trajectory.even and trajectory.averaging == 1:
        hints["gridding"] = "rectilinear"
    return hints


def hinted_fields(actuator: Any) -> list[str]:
    """Data keys that an actuator's position is plotted by.

    Examples
    --------
    >>> from ophyd.sim import motor
    >>> hinted_fields(motor)
    ['motor']
    """
    hinted = getattr(actuator, "hints", None)
    names = hinted.get("fields") if isinstance(hinted, Mapping) else None
    return list(names) if isinstance(names, Iterable) else [name_of(actuator)]


def _visit(
    detectors: Sequence[Any],
    actuators: Sequence[Any],
    trajectory: Trajectory,
    md: Metadata,
) -> MsgGenerator[Any]:
    """The stock plan that gives these points."""
    if trajectory.even and trajectory.averaging == 1:
        ends = [(axis[0], axis[-1], len(axis)) for axis in trajectory.axes]
        if len(ends) == 1:
            ((start, stop, num),) = ends
            return bp.scan(detectors, *actuators, float(start), float(stop), num, md=md)
        grid = [
            value
            for actuator, (start, stop, num) in zip(actuators, ends, strict=True)
            for value in (actuator, float(start), float(stop), num)
        ]
        return bp.grid_scan(detectors, *grid, snake_axes=trajectory.snake, md=md)
    columns = [
        value
        for actuator, column in zip(actuators, trajectory.visited().T, strict=True)
        for value in (actuator, column.tolist())
    ]
    return bp.list_scan(detectors, *columns, md=md)
