"""Arrays of a dataset, read in parts; knows no layout and no digests.

An array of frames can have a checksum of each: they were taken of the frames in memory,
and they cost a tenth of what the CRC-32 of all bytes costs.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checksums import LARGE, checksum_of_parts
from ..store.nodes import Node

__all__ = ["check_of", "has_row_checks", "rows_check", "tiles"]

TILE_BYTES = 4 * 2**20


def rows_check(node: Node, axes: int) -> int:
    """CRC-32 of the checksums of an array's rows; 0 when it cannot have them.

    Parameters
    ----------
    node
        The array.
    axes
        So many leading axes count its rows.
    """
    if not has_row_checks(node.shape, node.dtype, axes):
        return 0
    row, itemsize = node.shape[axes:], node.dtype.itemsize
    checks = [
        checksum_of_parts(
            np.ascontiguousarray(node[(*place, *tile)]).reshape(-1).view(np.uint8).data
            for tile in tiles(row, itemsize)
        )
        for place in np.ndindex(*node.shape[:axes])
    ]
    return check_of(checks)


def check_of(checks: Any) -> int:
    """CRC-32 of checksums of rows.

    Examples
    --------
    >>> check_of([1, 2]) == check_of(np.array([1, 2]))
    True
    """
    return zlib.crc32(np.asarray(checks, "<u4").tobytes())


def has_row_checks(shape: tuple[int, ...], dtype: np.dtype[Any], axes: int) -> bool:
    """Whether rows behind some leading axes are large enough for sums of pages.

    Examples
    --------
    >>> has_row_checks((5, 1024, 1024), np.dtype("u2"), 1)
    True
    >>> has_row_checks((5, 1024, 1024), np.dtype("u2"), 2)
    False
    """
    size = math.prod(shape[axes:]) * dtype.itemsize
    return 0 < axes < len(shape) and size >= LARGE and not dtype.hasobject


def tiles(shape: tuple[int, ...], itemsize: int) -> Iterator[tuple[Any, ...]]:
    """Parts of an array that follow one another in memory, and fit in some of it.

    Examples
    --------
    >>> list(tiles((3, 2**20), 4))
    [(slice(0, 1, None),), (slice(1, 2, None),), (slice(2, 3, None),)]
    >>> list(tiles((), 8))
    [()]
    """
    if math.prod(shape) == 0:
        return
    first = shape[0] if shape else 1
    row = math.prod(shape[1:]) * itemsize
    if first == 1 and row <= TILE_BYTES:
        yield ()
        return
    if row > TILE_BYTES and len(shape) > 1:
        for at in range(first):
            for tile in tiles(shape[1:], itemsize):
                yield (slice(at, at + 1), *tile)
        return
    rows = max(1, TILE_BYTES // max(1, row))
    for at in range(0, first, rows):
        yield (slice(at, min(at + rows, first)),)
