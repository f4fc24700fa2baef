"""PyMoDAQ's adaptive scan as a plan: the signal says where to measure next.

The learners and loss functions are those of the package `adaptive`, as in PyMoDAQ;
this module knows none of its algorithms.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
import numpy as np
from bluesky.protocols import Movable, Readable
from bluesky.utils import MsgGenerator

from ..errors import MissingExtraError, PlanError, PymoError
from . import points as of
from .checking import Problems, name_of
from .clock import now
from .running import Scan, hinted_fields, relative, scan_plan
from .stepping import triples

__all__ = ["LOSSES", "adaptive", "rel_adaptive"]

LOSSES: dict[int, dict[str, tuple[str, bool]]] = {
    1: {
        "default": ("default_loss", False),
        "uniform": ("uniform_loss", False),
        "curvature": ("curvature_loss_function", True),
        "resolution": ("resolution_loss_function", True),
        "abs_min_log": ("abs_min_log_loss", False),
    },
    2: {
        "default": ("default_loss", False),
        "uniform": ("uniform_loss", False),
        "resolution": ("resolution_loss_function", True),
        "min_triangle": ("minimize_triangle_surface_loss", False),
        "threshold": ("thresholded_loss_function", True),
    },
    3: {
        "default": ("default_loss", False),
        "uniform": ("uniform_loss", False),
        "std": ("std_loss", False),
        "curvature": ("curvature_loss_function", True),
    },
}
"""By the number of actuators (3: or more): the functions of `adaptive`, and which of
them take options. Those of one and two are PyMoDAQ's, which has none for more."""

Limits = tuple[int, float | None, float | None]  # points, loss, seconds


@scan_plan
def adaptive(
    detectors: Sequence[Readable],
    *args: Movable | Any,
    signal: str,
    max_points: int = 100,
    min_loss: float | None = None,
    duration: float | None = None,
    loss: str = "default",
    options: Mapping[str, Any] | None = None,
    md: Mapping[str, Any] | None = None,
) -> Scan:
    """Measure where the signal changes most, as PyMoDAQ's adaptive scan.

    Parameters
    ----------
    detectors
        What is read at each point.
    *args
        ``actuator, start, stop`` for each: the corners are measured first.
    signal
        Data key of one number, e.g. ``"photodiode_signal"``.
    max_points
        Points to end after.
    min_loss
        Loss to end at before that, as the loss function reckons it.
    duration
        Seconds to end after.
    loss
        Which points are worth most; by the number of actuators, see `LOSSES`.
    options
        Of the loss function, by the names of the package `adaptive`.
    md
        Metadata of the run.

    Raises
    ------
    PlanError
        Before anything moves, with all that is wrong.
    MissingExtraError
        When the package `adaptive` is not installed.
    PymoError
        When the signal is no finite number at a point: the run ends there.

    Examples
    --------
    >>> from ophyd.sim import det, motor
    >>> RE(adaptive([det], motor, -5, 5, signal="det"))  # doctest: +SKIP
    """
    problems = Problems()
    ranges: list[Any] = []
    with problems.noted():
        ranges = triples(args)
    problems.found.extend(_wrong(detectors, ranges, signal, max_points))
    learner = None
    with problems.noted():
        if not problems.found:
            bounds = [(low, high) for _, low, high in ranges]
            learner = _learner(bounds, loss, options or {})
    actuators = [actuator for actuator, _, _ in ranges]
    limits = max_points, min_loss, duration
    body = functools.partial(_learn, detectors, actuators, learner, signal, limits)
    return Scan(
        detectors=detectors,
        actuators=actuators,
        points=np.array([r[1:] for r in ranges], float).reshape(-1, 2).T,
        metadata=_metadata(detectors, ranges, limits),
        body=body,
        problems=problems.found,
        md=md,
    )


def _wrong(
    detectors: Any, ranges: Sequence[Any], signal: str, max_points: Any
) -> Iterator[str]:
    for actuator, low, high in ranges:
        if not low < high:
            yield f"{name_of(actuator)}: start {low:g} is not below stop {high:g}"
    corners = 2 ** len(ranges)
    if type(max_points) is not int or not corners <= max_points <= of.MAX_POINTS:
        yield (
            f"max_points is {max_points!r}, expected a whole number from {corners} "
            f"(the corners) to {of.MAX_POINTS}"
        )
    known = list(_numbers(detectors))
    if detectors and None not in known and signal not in known:
        names = ", ".join(str(name) for name in known) or "none"
        yield f"the signal {signal!r} is no number that a detector gives: {names}"


def _numbers(detectors: Any) -> Iterator[str | None]:
    """Data keys of single numbers; None for a detector that only the engine can ask."""
    for detector in detectors if isinstance(detectors, (list, tuple)) else ():
        if not isinstance(detector, Readable):
            continue
        if inspect.iscoroutinefunction(detector.describe):
            yield None
            continue
        # A detector that has not measured yet would do so to describe itself.
        described: Any = getattr(detector, "expected", detector.describe)()
        for name, about in described.items():
            if about.get("dtype") in ("number", "integer"):
                yield name


def _learner(bounds: Sequence[tuple[float, float]], loss: str, options: Any) -> Any:
    try:
        from adaptive.learner import learner1D, learner2D, learnerND
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("adaptive", "adaptive") from error
    depth = min(len(bounds), 3)
    known = LOSSES[depth]
    if loss not in known:
        words = f"the loss {loss!r} is none of {', '.join(known)} of {depth} actuators"
        raise PlanError.of("the scan", [words])
    module: Any = {1: learner1D, 2: learner2D, 3: learnerND}[depth]
    name, is_factory = known[loss]
    function = getattr(module, name)
    if options and not is_factory:
        raise PlanError.of("the scan", [f"the loss {loss!r} takes no options"])
    if is_factory:
        try:
            function = function(**options)
        except TypeError as error:
            raise PlanError.of("the scan", [f"the loss {loss!r}: {error}"]) from error
    if depth == 1:
        return module.Learner1D(None, bounds[0], loss_per_interval=function)
    if depth == 2:
        return module.Learner2D(None, bounds, loss_per_triangle=function)
    return module.LearnerND(None, bounds, loss_per_simplex=function)


def _metadata(detectors: Any, ranges: Sequence[Any], limits: Limits) -> dict[str, Any]:
    kinds = {1: "Scan1D", 2: "Scan2D"}
    fields = [name for actuator, _, _ in ranges for name in hinted_fields(actuator)]
    return {
        "detectors": [name_of(detector) for detector in detectors],
        "motors": [name_of(actuator) for actuator, _, _ in ranges],
        "extents": [[low, high] for _, low, high in ranges],
        "hints": {"dimensions": [[fields, "primary"]]},
        "pymodaq": {
            "scan_type": kinds.get(len(ranges), "Tabular"),
            "scan_sub_type": "Adaptive",
            "distribution": "spread",
            "min_points": _fewest(len(ranges), limits),
            "max_points": limits[0],
        },
    }


def _fewest(actuators: int, limits: Limits) -> int:
    """After how many points it may have enough."""
    max_points, min_loss, duration = limits
    if duration is not None:
        return 1
    # Before the corners there is no loss to be below.
    return max_points if min_loss is None else 2**actuators


def _learn(
    detectors: Sequence[Any],
    actuators: Sequence[Any],
    learner: Any,
    signal: str,
    limits: Limits,
    md: Mapping[str, Any],
) -> MsgGenerator[Any]:
    max_points, min_loss, duration = limits

    @bpp.stage_decorator([*detectors, *actuators])
    @bpp.run_decorator(md=dict(md))
    def inner() -> MsgGenerator[None]:
        ends = math.inf if duration is None else now() + duration
        for _ in range(max_points):
            (asked,), _ = learner.ask(1)
            goal = np.atleast_1d(asked).astype(float).tolist()
            yield from bps.checkpoint()
            moves = [v for pair in zip(actuators, goal, strict=True) for v in pair]
            yield from bps.mv(*moves)
            reading = yield from bps.trigger_and_read([*detectors, *actuators])
            learner.tell(asked, _number(reading, signal, goal))
            if now() >= ends:
                break
            if min_loss is not None and learner.loss() <= min_loss:
                break

    return (yield from inner())


def _number(reading: Any, signal: str, goal: Sequence[float]) -> float:
    value = reading[signal]["value"] if signal in reading else None
    try:
        number = float(np.asarray(value).reshape(()))
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise PymoError(
            f"{signal} is {value!r} at {goal}; an adaptive scan needs a finite number "
            "to know where to go on"
        )
    return number


rel_adaptive = relative(adaptive)
