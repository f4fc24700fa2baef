"""The text of a preview; knows no plan and no device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .previewing import Preview

__all__ = ["seconds_text", "size_text", "text_of"]

_FIRST, _LAST = 4, 1  # points that are printed
_LARGEST = 4  # data keys


def text_of(seen: Preview) -> str:
    """Write what a plan would do, for a prompt.

    Parameters
    ----------
    seen
        The preview.
    """
    return "\n".join(_lines(seen))


def _lines(seen: Preview) -> Iterator[str]:
    if seen.problems:
        how = "would fail" if len(seen.points) else "would be refused"
        yield f"{seen.plan_name} {how}:"
        yield from (f"  ! {problem}" for problem in seen.problems)
    if not seen.runs:
        if not seen.problems:
            yield f"{seen.plan_name} records nothing"
            yield f"  time     {_time(seen)}"
        return
    yield _headline(seen)
    yield from _axes(seen)
    if len(seen.points) and seen.actuators:
        yield f"  points   {_points(seen.points)}"
    yield f"  time     {_time(seen)}"
    yield f"  size     {_size(seen)}"
    if seen.seed is not None:
        yield f"  order    random; give seed={seen.seed} for this one"


def _headline(seen: Preview) -> str:
    about = seen.runs[0]
    declared = about.get("pymodaq") or {}
    words = [_number(seen)]
    shape = about.get("shape") or ()
    if len(shape) > 1:
        words.append(" x ".join(map(str, shape)))
    if declared.get("average", 1) > 1:
        words.append(f"each {declared['average']} times")
    kind = [declared.get(name) for name in ("scan_type", "scan_sub_type")]
    if all(kind):
        words.append("/".join(map(str, kind)))
    if len(seen.runs) > 1:
        words.append(f"{len(seen.runs)} runs")
    if seen.problems:
        return f"  else     {', '.join(words)}"
    return f"{seen.plan_name}: {', '.join(words)}"


def _number(seen: Preview) -> str:
    end = seen.seconds[1]
    if seen.most is None and end is not None:
        return f"as many points as there are in {seconds_text(end)}"
    if seen.most is None:
        return "points until it is stopped"
    if seen.is_cut and seen.least < seen.most:
        return f"{seen.least} to {seen.most} points, as long as each takes"
    if seen.is_cut:
        return f"about {seen.most} points, of which {len(seen.points)} are seen"
    if seen.least == seen.most:
        streams = {name: count for name, count in seen.streams.items() if count}
        if len(streams) > 1:
            each = ", ".join(f"{count} of {name}" for name, count in streams.items())
            return f"{sum(streams.values())} points ({each})"
        return "1 point" if seen.most == 1 else f"{seen.most} points"
    return f"{seen.least} to {seen.most} points, as the signal is"


def _axes(seen: Preview) -> Iterator[str]:
    extents = seen.runs[0].get("extents") or ()
    for n, name in enumerate(seen.actuators):
        column = seen.points[:, n] if len(seen.points) else np.empty(0)
        if seen.is_cut and len(extents) == len(seen.actuators):
            column = np.array(extents[n], float)
        known = column[np.isfinite(column)]
        if known.size:
            units = f" {seen.units[n]}" if seen.units[n] else ""
            yield f"  {name:<8} {known.min():.6g} to {known.max():.6g}{units}"


def _points(points: np.ndarray) -> str:
    numbers = range(1, len(points) + 1)
    if len(points) > _FIRST + _LAST + 1:
        first, last = list(numbers[:_FIRST]), list(numbers[-_LAST:])
        return f"{_places(points, first)}, ..., {_places(points, last)}"
    return _places(points, list(numbers))


def _places(points: np.ndarray, numbers: Sequence[int]) -> str:
    return ", ".join(_place(points[n - 1]) for n in numbers)


def _place(position: Any) -> str:
    values = ", ".join("?" if np.isnan(v) else f"{v:.6g}" for v in position)
    return values if len(position) == 1 else f"({values})"


def _time(seen: Preview) -> str:
    least, most = seen.seconds
    if most is None:
        words = "until it is stopped"
    elif abs(most - least) > 1e-9:
        words = f"{seconds_text(least)} to {seconds_text(most)}"
    else:
        words = f"at least {seconds_text(most)}"
    spent = [f"{k} {seconds_text(s)}" for k, s in seen.spent.items() if s > 0]
    if spent and most is not None:
        words += f" ({', '.join(spent)})"
    if seen.untold:
        words += f"; not told by {', '.join(seen.untold)}"
    return words


def _size(seen: Preview) -> str:
    words = f"about {size_text(seen.size)}"
    largest = sorted(seen.sizes.items(), key=lambda item: -item[1])[:_LARGEST]
    told = [f"{key} {size_text(size)}" for key, size in largest if size > 100_000]
    per_points = f" for {len(seen.points)} points" if seen.most is None else ""
    return words + per_points + (f" ({', '.join(told)})" if told else "")


def seconds_text(seconds: float) -> str:
    """Write a time as people do.

    Examples
    --------
    >>> seconds_text(0.25), seconds_text(125.0), seconds_text(7325.0)
    ('0.25 s', '2 min 05 s', '2 h 02 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def size_text(size: float) -> str:
    """Write a number of bytes as people do.

    Examples
    --------
    >>> size_text(950), size_text(2_500_000)
    ('950 B', '2.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
