"""Moves that are told and recorded, as DAQ_Move's; knows no detectors, no files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.protocols import Movable
from bluesky.utils import CustomPlanMetadata, MsgGenerator, plan

from ..errors import PlanError
from .checking import (
    check_devices,
    check_limits,
    is_number,
    name_of,
    positions_now,
)
from .clock import is_rehearsed
from .reasons import why_decorator
from .signatures import readable

__all__ = ["move", "rel_move"]


@readable
@plan
def move(
    *args: Movable | Any, md: CustomPlanMetadata | None = None
) -> MsgGenerator[str]:
    """Move actuators together, print where they were and are, and record it.

    The run has two points along time: before, and after.

    Parameters
    ----------
    *args
        Actuator, position, actuator, position, …
    md
        Metadata for the start document.

    Returns
    -------
    str
        The uid of the run.

    Raises
    ------
    PlanError
        Before anything moves: for positions outside of the limits, an actuator that is
        there twice, what is no actuator, what is no number.

    Examples
    --------
    >>> from bluesky import RunEngine
    >>> from ophyd.sim import SynAxis
    >>> RE = RunEngine({}, context_managers=[])
    >>> uids = RE(move(SynAxis(name="x"), 2.0))
    x: 0.000 -> 2.000 mm
    """
    return (yield from _move("move", args, md, relative=False))


@readable
@plan
def rel_move(
    *args: Movable | Any, md: CustomPlanMetadata | None = None
) -> MsgGenerator[str]:
    """Move as `move` does, by distances from where the actuators are.

    Parameters
    ----------
    *args
        Actuator, distance, actuator, distance, …
    md
        Metadata for the start document.

    Returns
    -------
    str
        The uid of the run.
    """
    return (yield from _move("rel_move", args, md, relative=True))


def _move(
    name: str, args: Sequence[Any], md: CustomPlanMetadata | None, *, relative: bool
) -> MsgGenerator[str]:
    actuators, values = _pairs(name, args)
    here = yield from positions_now(actuators)
    origins = here if relative else [0.0] * len(here)
    problems = yield from check_limits(actuators, np.array([values]), origins)
    if problems:
        raise PlanError.of(name, problems)
    targets = [value + origin for value, origin in zip(values, origins, strict=True)]
    about = _about(name, args, actuators, md)

    @why_decorator()
    @bpp.stage_decorator(actuators)
    @bpp.run_decorator(md=about)
    def inner() -> MsgGenerator[Any]:
        yield from bps.trigger_and_read(actuators)
        # After a pause on the way, where it came from is not read again.
        yield from bps.checkpoint()
        pairs = zip(actuators, targets, strict=True)
        yield from bps.mv(*(item for pair in pairs for item in pair))
        yield from bps.trigger_and_read(actuators)

    uid = yield from inner()
    if is_rehearsed():
        return uid
    there = yield from positions_now(actuators)
    for actuator, before, after in zip(actuators, here, there, strict=True):
        sys.stdout.write(_told(actuator, before, after))
    return uid


def _about(
    name: str,
    args: Sequence[Any],
    actuators: Sequence[Any],
    md: CustomPlanMetadata | None,
) -> dict[str, Any]:
    given = dict(md or {})
    return {
        "plan_name": name,
        "plan_args": {"args": [_plain(arg) for arg in args]},
        "motors": [actuator.name for actuator in actuators],
        "num_points": 2,
        "num_intervals": 1,
        "hints": {"dimensions": [(("time",), "primary")]},
        **given,
        "pymodaq": {
            **{"scan_type": "Scan1D", "scan_sub_type": "Time"},
            **given.get("pymodaq", {}),
        },
    }


def _pairs(name: str, args: Sequence[Any]) -> tuple[list[Any], list[float]]:
    """Actuators and numbers, or all that is wrong with them."""
    if not args or len(args) % 2:
        told = f"expected pairs of an actuator and a number, got {len(args)} arguments"
        raise PlanError.of(name, [told])
    actuators, values = list(args[::2]), list(args[1::2])
    problems = list(check_devices([], actuators, measures=False))
    for actuator, value in zip(actuators, values, strict=True):
        if not is_number(value):
            problems.append(f"{name_of(actuator)}: {value!r} is no position")
    if problems:
        raise PlanError.of(name, problems)
    return actuators, [float(value) for value in values]


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float)) else repr(value)


def _told(actuator: Any, before: float, after: float) -> str:
    digits = getattr(actuator, "precision", 3)
    digits = digits if isinstance(digits, int) and digits >= 0 else 3
    units = getattr(actuator, "egu", "")
    ends = f"{before:.{digits}f} -> {after:.{digits}f}"
    return (
        f"{actuator.name}: {ends} {units if isinstance(units, str) else ''}".rstrip()
        + "\n"
    )
