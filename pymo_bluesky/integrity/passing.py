"""Checksums of rows that pass by on their way into an array; knows no file, no layout.

Rows that come from a file (frames, from the journal) bear the checksums that were taken
of them in memory. So the digest of their array vouches for what was measured, and
nothing has to be read for it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..checksums import checksum
from ..filed import Filed
from .tiling import check_of, has_row_checks

__all__ = ["PassedRows"]


class PassedRows:
    """What is known of the rows of an array.

    Parameters
    ----------
    shape, dtype, fill
        Of the array.

    Attributes
    ----------
    axes
        So many leading axes count its rows; 0: none has passed.

    Examples
    --------
    >>> rows = PassedRows((2, 9), np.dtype("f8"), None)
    >>> rows.axes, rows.digest()
    (0, None)
    """

    __slots__ = ("_checks", "_dtype", "_fill", "_known", "_shape", "axes")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], fill: Any) -> None:
        self.axes = 0
        self._shape, self._dtype, self._fill = shape, dtype, fill

    def take(self, start: tuple[int, ...], rows: Filed) -> bool:
        """Note the checksums of rows; False when they are none of this array."""
        axes = len(self._shape) - rows.ndim + 1
        if self._shape[axes:] != rows.shape[1:] or self._dtype != rows.dtype:
            return False
        if not has_row_checks(self._shape, self._dtype, axes):
            return False
        if not self.axes:
            self.axes, count = axes, math.prod(self._shape[:axes])
            self._checks = np.zeros(count, np.uint32)
            self._known = np.zeros(count, bool)
        first = int(np.ravel_multi_index(start[:axes], self._shape[:axes]))
        self._checks[first : first + len(rows)] = rows.checks
        self._known[first : first + len(rows)] = True
        return True

    def digest(self) -> tuple[int, int] | None:
        """`values` and `rows` of its digest; None when not all is known."""
        if not self.axes:
            return None
        if not self._known.all():
            if self._fill is None:
                return None
            row = np.full(self._shape[self.axes :], self._fill, self._dtype)
            self._checks[~self._known] = checksum(row.reshape(-1).view(np.uint8).data)
        return check_of(self._checks), self.axes
