"""Points of PyMoDAQ's scan types, as arrays; knows no plan, no device, no document.

The points and their order are those of PyMoDAQ 5.3's scanners. Where its sums of
floats lose the last point, or it takes a direction for an error, these do not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import PlanError

__all__ = [
    "MAX_POINTS",
    "axis",
    "back_to_start",
    "check_distance",
    "check_one_given",
    "product",
    "segments",
    "shuffle",
    "sparse",
    "spiral",
]

MAX_POINTS = 1_000_000
"""A scan of more points is a slip of the keyboard: refused before it fills memory."""

# Of a step: where the sum of steps meets the stop but for what floats lose.
_MEETS = 1e-6


def axis(
    start: float,
    stop: float,
    *,
    step: float | None = None,
    num: int | None = None,
    name: str = "the scan",
) -> np.ndarray:
    """Even points from `start` to `stop`, or to the last step that does not pass it.

    Parameters
    ----------
    start, stop
        In the actuator's units. `stop` is a point when steps meet it.
    step
        From point to point, with the sign of ``stop - start``.
    num
        How many points; exactly one of `step` and `num` is given.
    name
        What the points are of, for the error.

    Returns
    -------
    numpy.ndarray
        Shape (n,), float64, in the order of visiting.

    Raises
    ------
    PlanError
        When there are no such points, or more than `MAX_POINTS`.

    Examples
    --------
    >>> axis(0, 1, step=0.3)
    array([0. , 0.3, 0.6, 0.9])
    >>> axis(0, 0.3, step=0.1).size, axis(1, -1, num=3)
    (4, array([ 1.,  0., -1.]))
    """
    check_one_given(step, num, name)
    if not (_is_finite(start) and _is_finite(stop)):
        raise _refused(f"{name}: start {start!r} and stop {stop!r} are to be finite")
    if num is not None:
        return np.linspace(start, stop, _checked_number(num, name))
    assert step is not None
    if not _is_finite(step) or step == 0:
        raise _refused(
            f"{name}: the step is {step!r}, expected a finite one other than 0"
        )
    steps = (stop - start) / step
    if steps < 0:
        raise _refused(
            f"{name}: the step {step:g} does not lead from {start:g} to {stop:g}; "
            f"give {-step:g}"
        )
    if steps >= MAX_POINTS:
        raise _refused(_too_many(name, steps + 1))
    whole = int(np.floor(steps + _MEETS))
    # Where steps meet the stop it is the stop, not a rounding beyond its limits.
    last = stop if abs(steps - whole) <= _MEETS else start + whole * step
    return np.linspace(start, last, whole + 1)


def _is_finite(value: Any) -> bool:
    """Whether it is a finite number; text of one, and True, are none."""
    if isinstance(value, (str, bytes, bool)):
        return False
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


def check_one_given(step: Any, num: Any, name: str) -> None:
    """Refuse both or neither of `step` and `num`.

    Raises
    ------
    PlanError
        When not exactly one of them is given.

    Examples
    --------
    >>> check_one_given(0.1, None, "x")
    """
    if (step is None) == (num is None):
        given = "neither" if step is None else f"step={step} and num={num}"
        raise _refused(f"{name}: give exactly one of step and num, not {given}")


def _checked_number(num: int, name: str) -> int:
    if isinstance(num, bool) or not isinstance(num, (int, np.integer)) or num < 1:
        raise _refused(f"{name}: num is {num!r}, expected a whole number from 1")
    if num > MAX_POINTS:
        raise _refused(_too_many(name, num))
    return int(num)


def _too_many(name: str, number: float) -> str:
    return f"{name}: {number:.0f} points are more than {MAX_POINTS}; take larger steps"


def _refused(problem: str) -> PlanError:
    return PlanError.of("the scan", [problem])


def sparse(text: str, *, name: str = "the scan") -> np.ndarray:
    """Points of PyMoDAQ's sparse text: ``start:step:stop`` and single numbers.

    Parameters
    ----------
    text
        Entries between commas, blanks or new lines.
    name
        What the points are of, for the error.

    Returns
    -------
    numpy.ndarray
        Shape (n,), float64, in the order of the text.

    Raises
    ------
    PlanError
        When an entry is neither form; PyMoDAQ 5.3 leaves those out silently.

    Examples
    --------
    >>> sparse("0:0.2:1,5")
    array([0. , 0.2, 0.4, 0.6, 0.8, 1. , 5. ])
    """
    if not isinstance(text, str):  # from a prompt: no type checker has seen it
        raise _refused(
            f"{name}: points is a {type(text).__name__}, expected text as "
            "'0:0.2:1,5'; a list or an array of positions is a table, see `tabular`"
        )
    problems: list[str] = []
    found: list[np.ndarray] = []
    for entry in re.findall(r"[^,\s]+", text):
        try:
            numbers = [float(number) for number in entry.split(":")]
        except ValueError:
            numbers = []
        try:
            found.append(_entry(numbers, entry, name))
        except PlanError as error:
            problems.extend(error.problems)
    if not found and not problems:
        problems.append(f"{name}: the text {text!r} holds no points")
    number = sum(len(points) for points in found)
    if number > MAX_POINTS:
        problems.append(_too_many(name, number))
    if problems:
        raise PlanError.of("the scan", problems)
    return np.concatenate(found)


def _entry(numbers: Sequence[float], entry: str, name: str) -> np.ndarray:
    if len(numbers) == 1:
        return np.asarray(numbers)
    if len(numbers) == 3:
        start, step, stop = numbers
        return axis(start, stop, step=step, name=f"{name}, {entry!r}")
    raise _refused(f"{name}: {entry!r} is neither a number nor start:step:stop")


def back_to_start(points: np.ndarray) -> np.ndarray:
    """The points, with the first one again after each (PyMoDAQ 3's reference scan).

    Examples
    --------
    >>> back_to_start(np.array([0.0, 1.0, 2.0]))
    array([0., 0., 1., 0., 2., 0.])
    """
    return np.insert(points, range(1, len(points) + 1), points[0])


def product(axes: Sequence[np.ndarray], *, snake: bool = False) -> np.ndarray:
    """Indexes of a grid in the order of visiting, the last axis fastest.

    Parameters
    ----------
    axes
        Points of each axis, slow to fast.
    snake
        Whether each axis but the first turns at each pass.

    Returns
    -------
    numpy.ndarray
        Shape (points, axes), int64.

    Raises
    ------
    PlanError
        When there are more than `MAX_POINTS`.

    Examples
    --------
    >>> product([np.arange(2), np.arange(2)], snake=True).tolist()
    [[0, 0], [0, 1], [1, 1], [1, 0]]
    """
    shape = [len(points) for points in axes]
    number = float(np.prod(shape, dtype=float))
    if number > MAX_POINTS:
        raise _refused(_too_many(f"the grid {' x '.join(map(str, shape))}", number))
    places = np.indices(shape).reshape(len(shape), -1)
    if snake:
        for n in range(1, len(shape)):
            passes = np.arange(places.shape[1]) // int(np.prod(shape[n:]))
            back = passes % 2 == 1
            places[n, back] = shape[n] - 1 - places[n, back]
    return places.T


def spiral(num: int) -> np.ndarray:
    """Indexes of PyMoDAQ's square spiral, from the middle outwards.

    Parameters
    ----------
    num
        Points on each axis, PyMoDAQ's ``Npts/axis`` plus one. The middle of an even
        number is the one before: the spiral ends one step beyond on the other side.

    Returns
    -------
    numpy.ndarray
        Shape (num ** 2, 2), int64, from 0. The middle is ``(num - 1) // 2``.

    Examples
    --------
    >>> (spiral(3) - 1).tolist()
    [[0, 0], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]]
    """
    # Legs of length 1, 1, 2, 2, 3, 3...: along the first axis, along the second.
    lengths = np.repeat(np.arange(1, num + 1), 2)
    legs = np.arange(len(lengths))
    moves = np.zeros((len(lengths), 2), np.int64)
    moves[legs, legs % 2] = np.where(legs // 2 % 2 == 0, 1, -1)
    steps = np.repeat(moves, lengths, axis=0)[: num**2 - 1]
    places = np.vstack([np.zeros((1, 2), np.int64), np.cumsum(steps, axis=0)])
    return places + (num - 1) // 2


def segments(vertices: np.ndarray, step: float) -> np.ndarray:
    """Points along straight lines between vertices, each line begun anew.

    Parameters
    ----------
    vertices
        Shape (vertices, actuators).
    step
        Distance from point to point, in the actuators' common units.

    Returns
    -------
    numpy.ndarray
        Shape (points, actuators); every vertex is a point.

    Raises
    ------
    PlanError
        When the step is not above 0, or leads to too many points.

    Examples
    --------
    >>> segments(np.array([[0, 0], [0, 1], [1, 1]]), 0.75).tolist()
    [[0.0, 0.0], [0.0, 0.75], [0.0, 1.0], [0.75, 1.0], [1.0, 1.0]]
    """
    vertices = np.asarray(vertices, float)
    check_distance(step)
    ways = np.diff(vertices, axis=0)
    lengths = np.linalg.norm(ways, axis=1)
    if lengths.sum() / step > MAX_POINTS:
        raise _refused(_too_many("the table", lengths.sum() / step))
    # As many as lie before the next vertex; one that meets it would be it twice.
    counts = np.ceil(lengths / step - _MEETS).astype(int)
    parts = [
        begin + way * (np.arange(count) * step / length)[:, None]
        for begin, way, length, count in zip(
            vertices[:-1], ways, lengths, counts, strict=True
        )
        if length > 0
    ]
    return np.vstack([*parts, vertices[-1:]])


def check_distance(step: Any) -> None:
    """Refuse a step of `segments` that is no distance above 0.

    Raises
    ------
    PlanError
        When it is none.

    Examples
    --------
    >>> check_distance(0.5)
    """
    if not _is_finite(step) or step <= 0:
        raise _refused(f"the table: the step is {step!r}, expected a distance above 0")


def shuffle(number: int, seed: int) -> np.ndarray:
    """A permutation of `number` points, the same for the same seed everywhere.

    Examples
    --------
    >>> sorted(shuffle(4, 1).tolist())
    [0, 1, 2, 3]
    """
    return np.random.Generator(np.random.PCG64(seed)).permutation(number)
