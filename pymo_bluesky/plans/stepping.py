"""DAQ_Scan's Scan1D, Scan2D and Sequential as plans; knows no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from bluesky.protocols import Movable, Readable

from ..errors import PlanError
from . import points as of
from .checking import Problems, name_of
from .running import Scan, relative, scan_plan, stepwise
from .trajectory import Trajectory, grid, line, spread

__all__ = [
    "rel_scan_1d",
    "rel_scan_2d",
    "rel_sequential",
    "scan_1d",
    "scan_2d",
    "sequential",
]

Metadata = Mapping[str, Any]

_ORDERS_1D = ("linear", "random", "back_to_start")
_ORDERS_2D = ("linear", "back_and_forth", "spiral", "random", "random_spread")


@scan_plan
def scan_1d(
    detectors: Sequence[Readable],
    actuator: Movable,
    start: float | None = None,
    stop: float | None = None,
    *,
    step: float | None = None,
    num: int | None = None,
    points: str | None = None,
    order: Literal["linear", "random", "back_to_start"] = "linear",
    averaging: int = 1,
    seed: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> Scan:
    """Scan one actuator, as PyMoDAQ's Scan1D.

    Parameters
    ----------
    detectors
        What is read at each point.
    actuator
        What moves.
    start, stop
        Of an even axis, in the actuator's units.
    step, num
        From point to point, with its sign, or how many points: exactly one of them.
    points
        PyMoDAQ's sparse text, in place of start and stop: ``"0:0.2:1,5"``.
    order
        ``"random"`` shuffles; ``"back_to_start"`` measures the first point again after
        each, as a reference (PyMoDAQ 3).
    averaging
        How often all is measured, along a first dimension ``Average``.
    seed
        Of the shuffling; a new one by default. It is in the start document.
    md
        Metadata of the run.

    Raises
    ------
    PlanError
        Before anything moves, with all that is wrong.

    Examples
    --------
    >>> from ophyd.sim import det, motor
    >>> messages = list(scan_1d([det], motor, 0, 1, step=0.25))
    >>> [float(m.args[0]) for m in messages if m.command == "set"]
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    problems, trajectory = Problems(), None
    way = _known_order(order, _ORDERS_1D, problems)
    seed = _seeded(seed, problems)
    with problems.noted():
        axis = _axis(actuator, start, stop, step, num, points)
        trajectory = _ordered_line(axis, way, seed, sparse=points is not None)
    return stepwise(
        detectors, [actuator], trajectory, problems, averaging=averaging, md=md
    )


def _axis(
    actuator: Movable,
    start: float | None,
    stop: float | None,
    step: float | None,
    num: int | None,
    points: str | None,
) -> np.ndarray:
    name = name_of(actuator)
    ranged = [value for value in (start, stop, step, num) if value is not None]
    if points is not None:
        if ranged:
            raise _wrong(f"{name}: points are given, and start, stop, step or num too")
        return of.sparse(points, name=name)
    if start is None or stop is None:
        raise _wrong(f"{name}: start and stop are to be given, or points as text")
    return of.axis(start, stop, step=step, num=num, name=name)


def _ordered_line(
    axis: np.ndarray, order: str, seed: int, *, sparse: bool
) -> Trajectory:
    name = "Sparse" if sparse else "Linear"
    if order == "linear":
        return line(axis, name, even=not sparse)
    if order == "random":
        return line(axis[of.shuffle(len(axis), seed)], "Random", seed=seed)
    # The start comes again and again: not an axis, which has each point once.
    return spread(line(of.back_to_start(axis), ""), "Linear back to start")


@scan_plan
def scan_2d(
    detectors: Sequence[Readable],
    slow: Movable,
    slow_start: float,
    slow_stop: float,
    fast: Movable,
    fast_start: float,
    fast_stop: float,
    *,
    step: float | Sequence[float] | None = None,
    num: int | Sequence[int] | None = None,
    order: Literal[
        "linear", "back_and_forth", "spiral", "random", "random_spread"
    ] = "linear",
    averaging: int = 1,
    seed: int | None = None,
    md: Mapping[str, Any] | None = None,
) -> Scan:
    """Scan two actuators, as PyMoDAQ's Scan2D.

    Parameters
    ----------
    detectors
        What is read at each point.
    slow, slow_start, slow_stop, fast, fast_start, fast_stop
        The actuators, and where their axes begin and end. PyMoDAQ's first axis is the
        slow one.
    step, num
        Of both axes, or one for each: exactly one of the two is given.
    order
        ``"back_and_forth"`` turns at each line. ``"spiral"`` begins in the middle, as
        PyMoDAQ does: with an odd `num` (the same for both axes) it ends in a corner,
        with an even one it ends one step beyond the stop. ``"random"`` is a grid whose
        points are visited in any order, ``"random_spread"`` the same points, kept in
        the order of visiting.
    averaging
        How often all is measured, along a first dimension ``Average``.
    seed
        Of the shuffling; a new one by default. It is in the start document.
    md
        Metadata of the run.

    Raises
    ------
    PlanError
        Before anything moves, with all that is wrong.

    Examples
    --------
    >>> from ophyd.sim import det, motor1, motor2
    >>> plan = scan_2d([det], motor1, 0, 1, motor2, 0, 1, num=2, order="back_and_forth")
    >>> [float(m.args[0]) for m in plan if m.command == "set" and m.obj is motor2]
    [0.0, 1.0, 0.0]
    """
    problems, trajectory = Problems(), None
    way = _known_order(order, _ORDERS_2D, problems)
    seed = _seeded(seed, problems)
    ranges = [(slow, slow_start, slow_stop), (fast, fast_start, fast_stop)]
    axes = _axes(ranges, step, num, problems)
    with problems.noted():
        if len(axes) == len(ranges):
            trajectory = _ordered_grid(axes, way, seed)
    return stepwise(
        detectors, [slow, fast], trajectory, problems, averaging=averaging, md=md
    )


def _axes(
    ranges: Sequence[tuple[Any, float, float]],
    step: float | Sequence[float] | None,
    num: int | Sequence[int] | None,
    problems: Problems,
) -> list[np.ndarray]:
    """Axes of a grid; fewer than ranges when some could not be made."""
    axes: list[np.ndarray] = []
    with problems.noted():
        of.check_one_given(step, num, "the axes")
        steps = _each(step, len(ranges), "step")
        nums = _each(num, len(ranges), "num")
        for (actuator, start, stop), s, n in zip(ranges, steps, nums, strict=True):
            with problems.noted():
                name = name_of(actuator)
                axes.append(of.axis(start, stop, step=s, num=n, name=name))
    return axes


def _each(given: Any, number: int, what: str) -> list[Any]:
    """One value for each actuator, of one for all of them or of a list."""
    if not isinstance(given, (list, tuple, np.ndarray)):
        return [given] * number
    if len(given) != number:
        raise _wrong(f"{what} has {len(given)} values for {number} actuators")
    return [value.item() if isinstance(value, np.generic) else value for value in given]


def _ordered_grid(axes: Sequence[np.ndarray], order: str, seed: int) -> Trajectory:
    if order == "linear":
        return grid(axes, "Scan2D", "Linear")
    if order == "back_and_forth":
        return grid(axes, "Scan2D", "LinearBackForce", snake=True)
    if order == "spiral":
        return _spiral(axes)
    linear = of.product(axes)
    places = linear[of.shuffle(len(linear), seed)]
    random = grid(axes, "Scan2D", "Random", indexes=places, seed=seed)
    return random if order == "random" else spread(random, "RandomSpread")


def _spiral(axes: Sequence[np.ndarray]) -> Trajectory:
    slow, fast = map(len, axes)
    if slow != fast or slow < 2:
        raise _wrong(
            f"the spiral has {slow} and {fast} points on its axes, expected the same "
            "number on both, from 2"
        )
    # PyMoDAQ begins in the middle, also of an even number of points.
    middles = [(axis[0] + axis[-1]) / 2 for axis in axes]
    steps = [(axis[-1] - axis[0]) / (slow - 1) for axis in axes]
    numbers = np.arange(slow) - (slow - 1) // 2
    moved = [m + numbers * s for m, s in zip(middles, steps, strict=True)]
    return grid(moved, "Scan2D", "Spiral", indexes=of.spiral(slow))


@scan_plan
def sequential(
    detectors: Sequence[Readable],
    *args: Movable | Any,
    step: Sequence[float] | None = None,
    num: Sequence[int] | None = None,
    averaging: int = 1,
    md: Mapping[str, Any] | None = None,
) -> Scan:
    """Scan a grid of any number of actuators, as PyMoDAQ's Sequential.

    Parameters
    ----------
    detectors
        What is read at each point.
    *args
        ``actuator, start, stop`` for each, the slowest first.
    step, num
        One for each actuator: exactly one of the two is given.
    averaging
        How often all is measured, along a first dimension ``Average``.
    md
        Metadata of the run.

    Raises
    ------
    PlanError
        Before anything moves, with all that is wrong.

    Examples
    --------
    >>> from ophyd.sim import det, motor1, motor2
    >>> plan = sequential([det], motor1, 0, 1, motor2, 0, 0.3, step=[1, 0.1])
    >>> sum(message.command == "save" for message in plan)
    8
    """
    problems, trajectory = Problems(), None
    ranges: list[Any] = []
    with problems.noted():
        ranges = triples(args)
    axes = _axes(ranges, step, num, problems) if ranges else []
    with problems.noted():
        if ranges and len(axes) == len(ranges):
            trajectory = grid(axes, "Sequential", "Linear")
    actuators = [actuator for actuator, _, _ in ranges]
    return stepwise(
        detectors, actuators, trajectory, problems, averaging=averaging, md=md
    )


def triples(args: Sequence[Any]) -> list[tuple[Any, float, float]]:
    """Cut arguments into ``actuator, start, stop``.

    Raises
    ------
    PlanError
        When they are not such.
    """
    found = [tuple(args[n : n + 3]) for n in range(0, len(args), 3)]
    fits = all(
        len(t) == 3 and all(isinstance(v, (int, float, np.number)) for v in t[1:])
        for t in found
    )
    if not found or not fits:
        raise _wrong("actuator, start, stop are to be given for each actuator")
    return [(actuator, float(a), float(b)) for actuator, a, b in found]


def _seeded(seed: int | None, problems: Problems) -> int:
    """The given seed, or a new one that every document format can hold."""
    if isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0:
        return seed
    if seed is not None:
        problems.found.append(f"the seed is {seed!r}, expected a whole number from 0")
    return int(np.random.default_rng().integers(2**31))


def _known_order(order: str, known: Sequence[str], problems: Problems) -> str:
    """The order; the first one in place of one that there is not, to go on checking."""
    if order in known:
        return order
    problems.found.append(f"the order {order!r} is none of {', '.join(known)}")
    return known[0]


def _wrong(problem: str) -> PlanError:
    return PlanError.of("the scan", [problem])


rel_scan_1d = relative(scan_1d)
rel_scan_2d = relative(scan_2d)
rel_sequential = relative(sequential)
