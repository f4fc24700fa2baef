"""What a start document says of the positions of its scan; knows no layout."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from ..navigation import navigate
from ..navigation.grids import snake_index
from ..navigation.patterns import planned_positions
from ..navigation.points import MAX_POINTS, Navigation, Positions
from .configuring import as_mapping, units_of
from .gathering import object_of
from .survey import StreamSurvey, dimension_fields

__all__ = ["expected_order", "navigate_stream", "scan_types"]

_SCAN_TYPES = {
    "scan": ("Scan1D", "Linear"),
    "rel_scan": ("Scan1D", "Linear"),
    "log_scan": ("Scan1D", "Sparse"),
    "rel_log_scan": ("Scan1D", "Sparse"),
    "grid_scan": ("Scan2D", "Linear"),
    "rel_grid_scan": ("Scan2D", "Linear"),
    "list_grid_scan": ("Scan2D", "Linear"),
    "rel_list_grid_scan": ("Scan2D", "Linear"),
    "list_scan": ("Tabular", "Linear"),
    "rel_list_scan": ("Tabular", "Linear"),
    "spiral": ("Scan2D", "Spiral"),
    "rel_spiral": ("Scan2D", "Spiral"),
    "spiral_fermat": ("Scan2D", "Spiral"),
    "rel_spiral_fermat": ("Scan2D", "Spiral"),
    "spiral_square": ("Scan2D", "Spiral"),
    "rel_spiral_square": ("Scan2D", "Spiral"),
    "adaptive_scan": ("Scan1D", "Adaptive"),
    "rel_adaptive_scan": ("Scan1D", "Adaptive"),
    "tune_centroid": ("Scan1D", "Adaptive"),
    "count": ("Scan1D", "Time"),
}


def scan_types(start: Mapping[str, Any]) -> tuple[str, str]:
    """PyMoDAQ's scan type and subtype of a plan.

    Declared in ``start["pymodaq"]``, else known for bluesky's stock plans, else told
    from the number of dimensions.

    Examples
    --------
    >>> start = {"plan_name": "grid_scan", "shape": (3, 4), "snaking": (False, True)}
    >>> scan_types(start)
    ('Scan2D', 'LinearBackForce')
    """
    declared = as_mapping(start.get("pymodaq"))
    if declared.get("scan_type"):
        return str(declared["scan_type"]), str(declared.get("scan_sub_type", ""))
    dimensions = len(dimension_fields(start))
    shape = start.get("shape")
    grid = isinstance(shape, (list, tuple)) and len(cast(Sequence[Any], shape)) > 1
    if grid and dimensions > 2:
        return "Sequential", "Linear"
    name = start.get("plan_name")
    kind, sub_kind = _SCAN_TYPES.get(name if isinstance(name, str) else "", ("", ""))
    if not kind:
        kind = "Scan2D" if grid else ("Tabular" if dimensions > 1 else "Scan1D")
        sub_kind = "Linear"
    motors = start.get("motors")
    several = isinstance(motors, (list, tuple)) and len(cast(Any, motors)) > 1
    if kind == "Scan1D" and several:
        kind = "Tabular"
    snaking = start.get("snaking")
    if grid and isinstance(snaking, (list, tuple)) and any(cast(Any, snaking)):
        sub_kind = "LinearBackForce"
    return kind, sub_kind


def navigate_stream(
    start: Mapping[str, Any],
    stream: StreamSurvey,
    trunk: bool,
    streamed: np.ndarray | None = None,
) -> Navigation:
    """Where the rows of a stream lie: on the plan's axes, or along time.

    Parameters
    ----------
    start
        Start document of the run.
    stream
        The stream, surveyed.
    trunk
        Whether it is the stream that the plan scans.
    streamed
        What stream datums count in a stream without events, shape (n,).
    """
    if streamed is not None and len(streamed) and not stream.rows:
        return _navigate_frames(start, streamed, trunk)
    seq_nums = np.asarray(stream.seq_nums)
    positions = _plan_positions(start, stream) if trunk else []
    if not positions:
        return navigate(
            seq_nums,
            [_time(start, stream)],
            num_points=_count(start) if trunk else None,
            spread=False if trunk else None,
        )
    declared = as_mapping(start.get("pymodaq"))
    spread = {"spread": True, "uniform": False}.get(str(declared.get("distribution")))
    shape, snaking = _list(start.get("shape")), _list(start.get("snaking"))
    indexes = _list(declared.get("indexes"))
    times = declared.get("average")
    if type(times) is int and times > 1 and shape and not spread:
        positions = _averaged(positions, times)
        indexes = _repeated(shape, snaking, indexes, times)
        shape, snaking = [times, *shape], None
    return navigate(
        seq_nums,
        positions,
        shape=shape,
        snaking=snaking,
        num_points=_count(start),
        indexes=indexes,
        spread=spread,
    )


def expected_order(
    start: Mapping[str, Any],
    descriptor: Mapping[str, Any],
    points: int,
    *,
    ascending: bool = False,
) -> np.ndarray | None:
    """Which point of its scan each event will be, if all goes as announced.

    Parameters
    ----------
    start, descriptor
        Of the run, and of the stream that its plan scans.
    points
        How many are announced.
    ascending
        Whether all axes of a grid are to ascend (PyMoDAQ 3).

    Returns
    -------
    np.ndarray
        Shape (points,), int64; -1 for an event whose point comes once more; None when
        the scan will be one that grows.

    Examples
    --------
    >>> start = {"num_points": 6, "shape": [2, 3], "snaking": [False, True]}
    >>> start["hints"] = {"dimensions": [[["y"], "primary"], [["x"], "primary"]]}
    >>> expected_order(start, {"name": "primary", "data_keys": {}}, 6).tolist()
    [0, 1, 2, 5, 4, 3]
    """
    shape = _list(start.get("shape"))
    even = np.arange(points, dtype=float)
    # Of a line any that ascends; of a grid none, so that what was announced holds.
    values = np.full(points, np.nan) if shape and len(shape) > 1 else even
    names = [name for fields in dimension_fields(start) for name in fields]
    stream = StreamSurvey(name=str(descriptor.get("name")), rows=points)
    stream.descriptors.append(descriptor)
    stream.seq_nums.extend(range(1, points + 1))
    stream.times.frombytes(even.tobytes())
    for name in names:
        stream.positions[name] = array("d", values.tobytes())
    found = navigate_stream(start, stream, trunk=True)
    found = found.ascending() if ascending else found
    if found.growing:
        return None
    return np.where(found.index < found.size, found.index, -1)


def _averaged(positions: Sequence[Positions], times: int) -> list[Positions]:
    """PyMoDAQ's averaging: all points again and again, along a first dimension."""
    average = Positions(
        field="Average", label="Average", planned=np.arange(float(times))
    )
    return [average, *(replace(p, dimension=p.dimension + 1) for p in positions)]


def _repeated(
    shape: Sequence[Any],
    snaking: Sequence[Any] | None,
    indexes: Sequence[Any] | None,
    times: int,
) -> list[Any] | None:
    """Index of each point of a grid that is visited some times; None if it is none."""
    if not all(type(n) is int and n > 0 for n in shape):
        return None
    size = math.prod(shape)
    if size * times > MAX_POINTS:
        return None
    if indexes is None:
        turns = snaking if snaking is not None and len(snaking) == len(shape) else ()
        places = snake_index(np.arange(size), shape, turns)
        once = np.stack(places, axis=1)
    else:
        once = np.asarray(indexes)
        if once.shape != (size, len(shape)):
            return None
    passes = np.repeat(np.arange(times), size)[:, None]
    return list(np.hstack([passes, np.tile(once, (times, 1))]))


def _navigate_frames(
    start: Mapping[str, Any], seq_nums: np.ndarray, trunk: bool
) -> Navigation:
    """Frames of a flying detector: counted, on the plan's grid if it announces one."""
    flat = [field for fields in dimension_fields(start) for field in fields]
    planned = planned_positions(start)
    points = [
        planned[n] if len(planned) == len(flat) else _between(start, n, len(flat))
        for n in range(len(flat))
    ]
    shape = _list(start.get("shape"))
    if trunk and flat and shape and all(p is not None for p in points):
        positions = [
            Positions(field=name, label=name, planned=p, dimension=d)
            for d, (name, p) in enumerate(zip(flat, points, strict=True))
        ]
        snaking = _list(start.get("snaking"))
        return navigate(
            seq_nums, positions, shape=shape, snaking=snaking, num_points=_count(start)
        )
    counted = Positions(
        field="seq_num", label="seq_num", values=seq_nums.astype(float), exact=True
    )
    number = _count(start) if trunk else None
    return navigate(seq_nums, [counted], num_points=number, spread=False)


def _list(value: Any) -> list[Any] | None:
    return list(cast(Any, value)) if isinstance(value, (list, tuple)) else None


def _count(start: Mapping[str, Any]) -> int | None:
    number = start.get("num_points")
    return number if type(number) is int else None


def _time(start: Mapping[str, Any], stream: StreamSurvey) -> Positions:
    began = start.get("time")
    times = np.array(stream.times)
    if isinstance(began, (int, float)):
        times -= float(began)
    return Positions(field="time", label="time", units="s", values=times)


def _plan_positions(start: Mapping[str, Any], stream: StreamSurvey) -> list[Positions]:
    dimensions = dimension_fields(start)
    planned = _declared_axes(start) or planned_positions(start)
    flat = [(d, name) for d, fields in enumerate(dimensions) for name in fields]
    if not flat or any(name not in stream.positions for _, name in flat):
        return []
    positions: list[Positions] = []
    for n, (dimension, name) in enumerate(flat):
        setpoint = _setpoint(stream, name)
        points = planned[n] if len(planned) == len(flat) else None
        if points is None:
            points = _between(start, n, len(flat))
        positions.append(
            Positions(
                field=name,
                label=name,
                units=_units(stream, name),
                values=np.array(stream.positions[setpoint or name]),
                planned=points,
                exact=setpoint is not None,
                dimension=dimension,
            )
        )
    return positions


def _declared_axes(start: Mapping[str, Any]) -> list[np.ndarray]:
    """Points of each axis of a grid that is visited in an order of its own."""
    axes = _list(as_mapping(start.get("pymodaq")).get("axes"))
    try:
        return [np.asarray(axis, float).reshape(-1) for axis in axes or ()]
    except (TypeError, ValueError):
        return []


def _setpoint(stream: StreamSurvey, name: str) -> str | None:
    """The data key that holds where an axis was sent."""
    owner = object_of(stream, name)
    candidates = [
        key
        for key in stream.positions
        if key != name and object_of(stream, key) == owner
    ]
    for descriptor in stream.descriptors:
        data_keys = as_mapping(descriptor.get("data_keys"))
        for key in candidates:
            role = as_mapping(as_mapping(data_keys.get(key)).get("pymodaq")).get("role")
            if role == "setpoint":
                return key
    for key in (f"{name}_setpoint", f"{name}_user_setpoint"):
        if key in candidates:
            return key
    others = [key for key in candidates if key.endswith("setpoint")]
    return others[0] if len(others) == 1 else None


def _units(stream: StreamSurvey, name: str) -> str:
    for descriptor in stream.descriptors:
        about = as_mapping(as_mapping(descriptor.get("data_keys")).get(name))
        if about:
            return units_of(about)
    return ""


def _between(start: Mapping[str, Any], n: int, axes: int) -> np.ndarray | None:
    """Even points between the announced extents of a rectilinear grid."""
    hints = as_mapping(start.get("hints"))
    shape, extents = _list(start.get("shape")), _list(start.get("extents"))
    if hints.get("gridding") != "rectilinear" or not shape or not extents:
        return None
    if len(shape) != axes or len(extents) != axes or type(shape[n]) is not int:
        return None
    try:
        low, high = (float(x) for x in extents[n])
    except (TypeError, ValueError):
        return None
    return np.linspace(low, high, shape[n])
