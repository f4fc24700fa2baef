"""What a plan would do, before it does it: points, way, time, size; knows no files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from bluesky.utils import Msg

from ..errors import MissingExtraError, PlanError
from .estimating import bytes_of, data_keys, units_of
from .rehearsing import Point, Rehearsal
from .telling import text_of

__all__ = ["Preview", "preview"]

_EVENT = 40  # bytes of an event beside its values, as measured in our datasets
_RUN = 70_000  # bytes of a dataset that holds one run of one point


@dataclass(frozen=True, slots=True)
class Preview:
    """What a plan would do; its text is what a prompt shows.

    Attributes
    ----------
    plan_name
        Of its runs.
    runs
        Metadata that the start documents would have.
    actuators
        Names of what moves.
    units
        Of their positions.
    points
        Where they will be, shape (points, actuators), float64; NaN where that is not
        known. Of a plan that adapts: where they would be if the signal were even.
    streams
        Number of events of each stream.
    least, most
        Points. Of a plan that adapts they are its own bounds, else what it does with
        an even, a rising and a jumping signal; most is None where it has no end of its
        own, or ends by time and nobody tells how long a point takes. Equal when they
        are known.
    seconds
        The time it takes, as far as devices tell, at least and at most; most is None
        where there is no bound.
    spent
        Seconds of moves, measurements, pauses and flights in that.
    untold
        Devices that do not tell how long they take.
    size
        Bytes of the runs in a dataset, about, for the most points; where those are not
        known, for the `points`.
    sizes
        Bytes of each data key in that.
    seed
        Of a random order; None without.
    is_cut
        Whether there are more points than were looked at: 20000 of a plan that says
        how many there are, 2000 of another. Time and size are those of all.
    problems
        What would refuse the plan or make it fail, with the numbers.
    """

    plan_name: str
    runs: tuple[Mapping[str, Any], ...]
    actuators: tuple[str, ...]
    units: tuple[str, ...]
    points: np.ndarray
    streams: Mapping[str, int]
    least: int
    most: int | None
    seconds: tuple[float, float | None]
    spent: Mapping[str, float]
    untold: tuple[str, ...]
    size: int
    sizes: Mapping[str, int]
    seed: int | None
    is_cut: bool
    problems: tuple[str, ...]
    path: Sequence[Msg] = field(repr=False)

    def __str__(self) -> str:
        """Return the points, the time and the size as text."""
        return text_of(self)

    __repr__ = __str__

    def plot(self, ax: Any = None) -> Any:
        """Draw the way of the actuators.

        Two of them are drawn by bluesky's `plot_raster_path`, the second to the right;
        any other number point by point.

        Parameters
        ----------
        ax
            matplotlib's axes to draw on; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            Where it was drawn.

        Raises
        ------
        PlanError
            When nothing is measured at a place.
        MissingExtraError
            When matplotlib is not installed.
        """
        if not len(self.points) or not self.actuators:
            raise PlanError.of(self.plan_name, ["there are no points to draw"])
        try:
            import matplotlib.pyplot as plt
        except ModuleNotFoundError as error:
            raise MissingExtraError.of("matplotlib", "session") from error
        plot = plt.subplots(layout="constrained")[1] if ax is None else ax
        names = [
            f"{name} ({units})" if units else name
            for name, units in zip(self.actuators, self.units, strict=True)
        ]
        if len(names) == 2:
            self._draw_map(plot, names)
        else:
            self._draw_lines(plot, names)
        plot.set_title(f"{self.plan_name}, {len(self.points)} points")
        return plot

    def _draw_map(self, plot: Any, names: Sequence[str]) -> None:
        if len(self.path):
            from bluesky.simulators import plot_raster_path

            slow, fast = self.actuators
            plot_raster_path(self.path, fast, slow, ax=plot, lw=1)
        else:  # a flight: no messages tell where it measures
            plot.plot(self.points[:, 1], self.points[:, 0], marker="o", lw=1)
        # Bluesky makes units equally long; a map of nm over K would be a line.
        plot.set_aspect("auto")
        plot.set_xlabel(names[1])
        plot.set_ylabel(names[0])

    def _draw_lines(self, plot: Any, names: Sequence[str]) -> None:
        marker = "." if len(self.points) <= 500 else ""
        numbers = np.arange(1, len(self.points) + 1)
        for name, column in zip(names, self.points.T, strict=True):
            plot.plot(numbers, column, marker=marker, lw=1, label=name)
        plot.set_xlabel("point")
        if len(names) == 1:
            plot.set_ylabel(names[0])
        else:
            plot.legend()


def preview(
    plan: Callable[..., Iterable[Msg]] | Iterable[Msg], *args: Any, **kwargs: Any
) -> Preview:
    """Show what a plan would do; nothing moves, nothing measures, nothing is written.

    The plan is gone through on bluesky's simulator. Actuators are asked where they are
    and for their limits, devices for their settings.

    Parameters
    ----------
    plan
        Makes the plan: one of ours, of bluesky's, your own. Or the plan itself, which
        is used up by that, as by a RunEngine.
    *args, **kwargs
        What it takes.

    Returns
    -------
    Preview
        Print it, or plot it. What would refuse the plan is among its `problems`.

    Examples
    --------
    >>> from pymo_bluesky.devices.simulated_lab import simulated_lab
    >>> from pymo_bluesky.plans import scan_1d, scan_2d
    >>> x, y, _, photodiode, *_ = simulated_lab()
    >>> seen = preview(scan_2d, [photodiode], y, -1, 1, x, 0, 4, num=[3, 5])
    >>> len(seen.points), round(seen.seconds[0], 2)
    (15, 2.25)
    >>> print(preview(scan_1d, [photodiode], x, 0, 11, num=5))
    scan_1d would be refused:
      ! x: 1 of 5 points lie outside of its limits -10 to 10: from 11 to 11
    """
    name = str(getattr(plan, "__name__", "the plan"))
    rehearsals = [Rehearsal()]
    rehearsals[0].follow(_made(plan, args, kwargs))
    if rehearsals[0].adapts and callable(plan):
        for answer in (_rising, _jumping):
            rehearsals.append(Rehearsal(answer))
            rehearsals[-1].follow(_made(plan, args, kwargs))
    return _seen(rehearsals, name)


def _rising(n: int) -> float:
    """A signal so nearly even that a plan that adapts hurries on."""
    return 1e-9 * (n + 1)


def _jumping(n: int) -> float:
    """As far from even as a signal can be: the plan looks closely everywhere."""
    return 1e6 * (n % 2)


def _made(plan: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    if callable(plan):
        return plan(*args, **kwargs)
    if args or kwargs:
        raise TypeError("give the plan's arguments to what makes it, not to a plan")
    return plan


def _seen(rehearsals: Sequence[Rehearsal], name: str) -> Preview:
    """Make one preview of a plan that was gone through, the first time evenly."""
    calm, problems = rehearsals[0], [p for r in rehearsals for p in r.problems]
    about = calm.runs[0] if calm.runs else {}
    declared = about.get("pymodaq") or {}
    names = _actuators(calm, about)
    points = _main(calm, about)
    places = _places(calm, points, about)
    least, most, seconds = _bounds(rehearsals, about, len(places))
    streams = {name: _count(calm.points, name) for name in calm.read}
    if not points and len(places):  # a flight
        streams["primary"] = len(places)
    longest = most if most is not None else len(places)
    sizes = _sizes(calm, streams, longest / max(len(places), 1))
    return Preview(
        plan_name=str(about.get("plan_name", name)),
        runs=tuple(calm.runs),
        actuators=tuple(names),
        units=tuple(units_of(calm.moved.get(name)) for name in names),
        points=places,
        streams=streams,
        least=least,
        most=most,
        seconds=seconds,
        spent=_scaled(calm, seconds[1]),
        untold=tuple(calm.untold),
        size=sum(sizes.values()) + _EVENT * longest + _RUN if calm.runs else 0,
        sizes=sizes,
        seed=declared.get("seed"),
        is_cut=calm.is_cut,
        problems=tuple(dict.fromkeys(problems)),
        path=calm.path if points else (),
    )


def _actuators(rehearsal: Rehearsal, about: Mapping[str, Any]) -> list[str]:
    """Names of what is moved between points: as the plan says, else what it moved."""
    motors = [str(name) for name in about.get("motors") or ()]
    return motors or list(rehearsal.points[-1].positions if rehearsal.points else ())


def _main(rehearsal: Rehearsal, about: Mapping[str, Any]) -> list[Point]:
    """The points of the stream that the plan calls its main one."""
    dimensions = (about.get("hints") or {}).get("dimensions") or ()
    stream = dimensions[0][1] if dimensions else "primary"
    found = [point for point in rehearsal.points if point.stream == stream]
    return found or rehearsal.points


def _places(
    rehearsal: Rehearsal, points: Sequence[Point], about: Mapping[str, Any]
) -> np.ndarray:
    """Positions, shape (points, actuators)."""
    names = _actuators(rehearsal, about)
    if points:
        began = {name: rehearsal.began.get(name) for name in names}
        rows = [[p.positions.get(n, began[n]) for n in names] for p in points]
        return np.array(rows, float).reshape(len(points), len(names))
    number, extents = about.get("num_points"), about.get("extents") or ()
    if not isinstance(number, int) or len(extents) != len(names):
        return np.empty((0, len(names)))
    ends = np.array(extents, float).reshape(-1, 2)
    return np.linspace(ends[:, 0], ends[:, 1], number)


def _count(points: Sequence[Point], stream: str) -> int:
    return sum(point.stream == stream for point in points)


def _bounds(
    rehearsals: Sequence[Rehearsal], about: Mapping[str, Any], number: int
) -> tuple[int, int | None, tuple[float, float | None]]:
    """Points and seconds, at least and at most."""
    calm, *others = rehearsals
    told, duration = _told(about)
    if calm.is_cut:
        return _reckoned(calm.clock, number, told, duration)
    declared = about.get("pymodaq") or {}
    counts = [number, *(len(_main(other, about)) or number for other in others)]
    times = [rehearsal.clock for rehearsal in rehearsals]
    if (most := declared.get("max_points")) is not None:
        # It may have enough as soon as it has the corners, or at its time.
        fewest = declared.get("min_points", 1)
        counts += [fewest, most]
        first = calm.points[:fewest]
        times.append(first[-1].seconds if first else 0.0)
    if calm.untold and duration is not None and len(calm.runs) == 1:
        # What they take is not in the times, but the plan ends by then.
        times.append(max(*times, duration))
    return min(counts), max(counts), (min(times), max(times))


def _reckoned(
    clock: float, number: int, told: int | None, duration: float | None
) -> tuple[int, int | None, tuple[float, float | None]]:
    """Points and seconds of a plan of which `number` points took `clock` seconds."""
    if duration is not None and clock <= 0:  # nobody tells how long a point takes
        return 1, told, (duration if told is None else 0.0, duration)
    if duration is not None:
        points = round(number * duration / clock)
        if told is None or points < told:
            return points, points, (duration, duration)
    if told is not None and number:
        whole = clock * told / number
        return told, told, (whole, whole)
    return number, None, (clock, None)


def _scaled(rehearsal: Rehearsal, seconds: float | None) -> dict[str, float]:
    """What the time is spent with, of the whole plan when only a part was seen."""
    is_part = rehearsal.is_cut and seconds and rehearsal.clock
    factor = (seconds or 0.0) / rehearsal.clock if is_part else 1.0
    return {kind: spent * factor for kind, spent in rehearsal.spent.items()}


def _told(about: Mapping[str, Any]) -> tuple[int | None, float | None]:
    """How many points there will be, and how long it will go on, if it is told."""
    arguments = about.get("plan_args") or {}
    number, duration = about.get("num_points"), arguments.get("duration")
    # They may end before by time, and do not declare it; what `num` is of others?
    if about.get("plan_name") in ("continuous", "log"):
        each, modules = arguments.get("num"), arguments.get("modules", (None,))
        number = each * len(modules) if isinstance(each, int) else None
    return (
        number if isinstance(number, int) and number > 0 else None,
        float(duration) if isinstance(duration, (int, float)) else None,
    )


def _sizes(
    rehearsal: Rehearsal, streams: Mapping[str, int], factor: float
) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for stream, devices in rehearsal.read.items():
        for device in devices.values():
            for key, about in data_keys(device).items():
                values = streams.get(stream, 0) * factor
                sizes[key] = sizes.get(key, 0) + round(values * bytes_of(about))
    return sizes
