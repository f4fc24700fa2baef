"""Values in other files to the parts of a virtual array; opens no file.

HDF5 takes the values of a virtual array from regular selections of other arrays. Their
number counts, not their size: so lines that go the same way become one part, and a
snaked grid of many points needs few.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..operations import Slab, VirtualPart

__all__ = ["Origin", "virtual_parts"]


class Origin(NamedTuple):
    """An array in another file: its name from the dataset's folder, path and shape."""

    file: str
    dataset: str
    shape: tuple[int, ...]


class _Line(NamedTuple):
    """Consecutive points of the innermost axis, filled by consecutive values."""

    point: int
    start: int
    points: int
    origin: int


@dataclass(slots=True)
class _Part:
    """Lines that lie regularly, in the array and in its origin."""

    line: _Line
    repeats: int = 1
    points: int = 0
    frames: int = 0

    def takes(self, line: _Line, shape: Sequence[int], frames: int) -> bool:
        """Take one line more; False when it does not lie where it should."""
        first = self.line
        if not frames or line[2:] != first[2:]:
            return False
        points = line.point - first.point - self.points * (self.repeats - 1)
        step = line.start - first.start - self.frames * (self.repeats - 1)
        if self.repeats > 1 and (points, step) != (self.points, self.frames):
            return False
        if step < first.points * frames or not _on_axis(
            first.point, points, self.repeats, shape
        ):
            return False
        self.points, self.frames = points, step
        self.repeats += 1
        return True


def _axis_of(step: int, shape: Sequence[int]) -> tuple[int, int] | None:
    """The axis that a step between flat points is along, and how far on it."""
    for axis in range(len(shape)):
        stride = math.prod(shape[axis + 1 :])
        if step % stride == 0 and 0 < step // stride < shape[axis]:
            return axis, step // stride
    return None


def _on_axis(point: int, step: int, repeats: int, shape: Sequence[int]) -> bool:
    found = _axis_of(step, shape)
    if found is None:
        return False
    axis, far = found
    place = np.unravel_index(point, tuple(shape))[axis]
    return int(place) + far * repeats < shape[axis]


def virtual_parts(
    points: np.ndarray,
    starts: np.ndarray,
    origin: np.ndarray,
    origins: Sequence[Origin],
    *,
    shape: Sequence[int],
    signal: Sequence[int],
    frames: int,
) -> tuple[VirtualPart, ...]:
    """The parts of a virtual array.

    Parameters
    ----------
    points
        Flat point of each value, all different, shape (n,).
    starts
        Where each value begins along the first axis of its origin, shape (n,).
    origin, origins
        Number of each value's origin, shape (n,), and the origins.
    shape, signal
        Navigation and signal shape of the virtual array.
    frames
        How many along the origin's first axis make one value; 0: the whole of it.

    Examples
    --------
    A grid of 2 by 3 points, the second line backwards: one part forwards, three points.

    >>> image = Origin("a.h5", "/entry/data/data", (6, 4, 5))
    >>> parts = virtual_parts(
    ...     np.array([0, 1, 2, 5, 4, 3]), np.arange(6), np.zeros(6, int), [image],
    ...     shape=(2, 3), signal=(4, 5), frames=1)
    >>> [part.placed.start[:2] for part in parts]
    [(0, 0), (1, 0), (1, 1), (1, 2)]
    """
    lines = list(_lines(points, starts, origin, shape, frames))
    offset = {line: line.start - line.point * frames for line in lines}
    lines.sort(key=lambda s: (s.origin, s.points, offset[s], s.point))
    parts: list[_Part] = []
    single: list[_Line] = []
    for part in _joined(lines, shape, frames, offset):
        if part.repeats > 1:
            parts.append(part)
        else:
            single.append(part.line)
    parts.extend(_joined(sorted(single), shape, frames, None))
    parts.sort(key=lambda part: part.line.point)
    return tuple(
        _virtual(part, origins[part.line.origin], shape, signal, frames)
        for part in parts
    )


def _lines(
    points: np.ndarray,
    starts: np.ndarray,
    origin: np.ndarray,
    shape: Sequence[int],
    frames: int,
) -> Iterator[_Line]:
    if not len(points):
        return
    order = np.argsort(points)
    points, starts, origin = points[order], starts[order], origin[order]
    joins = (
        (np.diff(points) == 1)
        & (np.diff(starts) == frames)
        & (np.diff(origin) == 0)
        & (points[1:] % shape[-1] != 0)
        & (frames > 0)
    )
    firsts = np.flatnonzero(np.append(True, ~joins))
    counts = np.diff(np.append(firsts, len(points)))
    columns = (points[firsts], starts[firsts], counts, origin[firsts])
    yield from map(_Line._make, zip(*(c.tolist() for c in columns), strict=True))


def _joined(
    lines: Iterable[_Line],
    shape: Sequence[int],
    frames: int,
    offset: dict[_Line, int] | None,
) -> Iterator[_Part]:
    part: _Part | None = None
    for line in lines:
        fits = part is not None and (
            offset is None or offset[line] == offset[part.line]
        )
        if part is not None and fits and part.takes(line, shape, frames):
            continue
        if part is not None:
            yield part
        part = _Part(line)
    if part is not None:
        yield part


def _virtual(
    part: _Part,
    origin: Origin,
    shape: Sequence[int],
    signal: Sequence[int],
    frames: int,
) -> VirtualPart:
    line, inner = part.line, origin.shape[1:]
    if frames:
        block = line.points * frames
        taken = Slab(
            (line.start, *(0 for _ in inner)),
            (max(part.frames, block), *(max(1, n) for n in inner)),
            (part.repeats, *(1 for _ in inner)),
            (block, *inner),
        )
    else:
        taken = _whole(origin.shape)
    start = [int(i) for i in np.unravel_index(line.point, tuple(shape))]
    stride, count, block_of = [1] * len(shape), [1] * len(shape), [1] * len(shape)
    block_of[-1] = stride[-1] = line.points
    if part.repeats > 1:
        axis, far = _axis_of(part.points, shape) or (0, 1)
        stride[axis], count[axis] = far, part.repeats
    rest = _whole(signal)
    placed = Slab(
        (*start, *rest.start),
        (*stride, *rest.stride),
        (*count, *rest.blocks),
        (*block_of, *rest.block),
    )
    return VirtualPart(origin.file, origin.dataset, origin.shape, taken, placed)


def _whole(shape: Sequence[int]) -> Slab:
    n = len(shape)
    return Slab((0,) * n, tuple(max(1, s) for s in shape), (1,) * n, tuple(shape))
