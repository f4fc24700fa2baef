"""Arrays whose rows lie in order in the file that they go to; knows no layout."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..blocks import ColumnKey
from ..columns import ColumnPlan, fill_of
from ..navigation.points import Navigation, stretches
from ..operations import InPlace
from .survey import StreamSurvey

__all__ = ["arrays_in_place", "in_place"]

_MOST_OTHERWISE = 8 * 2**20
"""Bytes of a run: an append keeps what it writes over in memory, 16 MiB of it."""


def arrays_in_place(
    survey: StreamSurvey,
    navigation: Navigation,
    plans: Mapping[ColumnKey, ColumnPlan],
) -> dict[str, InPlace]:
    """The arrays of a stream whose values may stay where they lie, by data key."""
    found: dict[str, InPlace] = {}
    otherwise = 0
    for key, places in survey.places.items():
        plan = plans[ColumnKey("data", key)]
        if plan.dtype is None or plan.coded or not plan.shows:
            continue
        here = in_place(places, navigation, plan.shape, np.dtype(plan.dtype))
        if here is not None:
            found[key] = here
            otherwise += here.otherwise * here.row_bytes
    return found if otherwise <= _MOST_OTHERWISE else {}


def in_place(
    places: Sequence[int] | array[int],
    navigation: Navigation,
    signal: tuple[int, ...],
    dtype: np.dtype[Any],
) -> InPlace | None:
    """The array that has its rows where they lie; None when they lie otherwise.

    A few may: of a point that was measured again the first row lies there, and the last
    is to be shown. They are written over when the scan enters the dataset.

    Parameters
    ----------
    places
        Where each row lies, in bytes; -1, or nothing, for those that lie nowhere.
    navigation
        Which point each row has.
    signal, dtype
        Shape and dtype of a row.

    Examples
    --------
    >>> points = Navigation(
    ...     shape=(3,), axes=(), distribution="uniform", index=np.array([2, 1])
    ... )
    >>> found = in_place([4096 + 16, 4096 + 8], points, (2,), np.dtype("<i4"))
    >>> found.place, found.shape, found.unused
    (4096, (3, 2), [[0, 1]])
    >>> in_place([-1, -1], points, (2,), np.dtype("<i4"))
    """
    size, index = math.prod(signal) * dtype.itemsize, navigation.index
    if len(places) > len(index) or navigation.growing:
        return None
    rows = np.full(len(index), -1, np.int64)
    rows[: len(places)] = places
    lie, inside = rows >= 0, index < navigation.size
    begins = rows - index * size
    found, counts = np.unique(begins[lie & inside], return_counts=True)
    if not len(found):
        return None
    begin = int(found[counts.argmax()])
    otherwise = ~lie | (begins != begin)
    unused = np.flatnonzero(~navigation.visited().reshape(-1))
    # What is cleared must not be what a row says lies there.
    if np.isin((rows[lie & otherwise] - begin) // size, unused).any():
        return None
    return InPlace(
        place=begin,
        shape=(*navigation.shape, *signal),
        dtype=dtype,
        unused=stretches(unused),
        row_bytes=size,
        otherwise=int(np.count_nonzero(otherwise & inside)),
        fill=fill_of(dtype),
    )
