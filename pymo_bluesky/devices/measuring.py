"""The mean of what a detector grabbed, as it comes; knows nothing of ophyd."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Average"]

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(slots=True)
class Average:
    """The mean of frames, and its standard error; the frames are not kept.

    One frame is given back as it came, with its dtype; a mean is of float64.

    Examples
    --------
    >>> average = Average()
    >>> for counts in (1, 2, 3):
    ...     average.add({"counts": np.array([counts], "uint16")})
    >>> average.mean("counts"), average.error_bars("", "counts").round(3)
    (array([2.]), array([0.577]))
    """

    count: int = 0
    _last: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    _mean: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    _spread: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def add(self, frames: Arrays) -> None:
        """Take one measurement: name to array, of one shape each time."""
        self.count += 1
        self._last = dict(frames)
        for name, frame in frames.items():
            values = np.asarray(frame, dtype=float)
            if self.count == 1:
                self._mean[name] = values
                self._spread[name] = np.zeros_like(values)
                continue
            # Welford: exact for frames that are much alike, which these are.
            step = values - self._mean[name]
            self._mean[name] = self._mean[name] + step / self.count
            self._spread[name] = self._spread[name] + step * (values - self._mean[name])

    def mean(self, name: str) -> npt.NDArray[Any]:
        """Return the mean of a channel."""
        return self._last[name] if self.count == 1 else self._mean[name]

    def error_bars(self, name: str, of: str) -> npt.NDArray[Any]:
        """Return the error of the mean of a channel.

        Parameters
        ----------
        name
            Of the error bars: those that came with the frames, where they did.
        of
            Of the channel; else the standard error of its mean counts, which is NaN
            for a single frame.
        """
        if name in self._mean:
            squares = self._mean[name] ** 2 + self._spread[name] / self.count
            return np.asarray(np.sqrt(squares / self.count))
        if self.count == 1:
            return np.full_like(self._mean[of], math.nan)
        variance = self._spread[of] / (self.count - 1)
        return np.asarray(np.sqrt(variance / self.count))
