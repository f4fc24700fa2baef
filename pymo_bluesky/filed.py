"""Rows of an array that lie in a file, until somebody wants them; knows no format.

Frames of a run go from its journal to the dataset one by one. Who only passes them on
never has them in memory, and who writes them reads each into the same buffer.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from .checksums import checksum
from .errors import JournalError
from .transfer import read_at

__all__ = ["Filed", "Handle"]


class Handle:
    """An open file that is closed when nobody needs it any more.

    Parameters
    ----------
    fd
        Of it; another one is opened for the same file.
    """

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = -1
        self.fd = os.dup(fd)

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return os.fstat(self.fd).st_size

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class Filed:
    """An array whose rows are read, and compared with their checksums, when asked for.

    Behaves like a numpy array as far as blocks of a column need it.

    Parameters
    ----------
    file
        Where they are.
    places, checks
        Offset in bytes, and checksum, of each row; shapes (rows,).
    shape, dtype
        Of one row.
    name
        Of the file, for errors.
    stay
        Whether they may stay there for good: an array of that file can have them.

    Attributes
    ----------
    shape, dtype, ndim, size
        Of the array: rows first.
    places, checks, stay
        As they were given; int64, uint32 and bool.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     data = np.arange(4, dtype="<i2")
    ...     _ = file.write(data), file.flush()
    ...     checks = [checksum(data[:2].tobytes()), checksum(data[2:].tobytes())]
    ...     rows = Filed(Handle(file.fileno()), [0, 4], checks, (2,), data.dtype)
    ...     rows.shape, rows[1].tolist(), np.asarray(rows[::-1]).tolist()
    ((2, 2), [2, 3], [[2, 3], [0, 1]])
    """

    __slots__ = (
        "_file",
        "_name",
        "checks",
        "dtype",
        "places",
        "row_bytes",
        "shape",
        "stay",
    )

    def __init__(
        self,
        file: Handle,
        places: Any,
        checks: Any,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        name: str = "a file",
        *,
        stay: bool = False,
    ) -> None:
        self._file = file
        self.stay = stay
        self._name = name
        self.places = np.asarray(places, np.int64)
        self.checks = np.asarray(checks, np.uint32)
        self.dtype = dtype
        self.shape = (len(self.places), *shape)
        self.row_bytes = math.prod(shape) * dtype.itemsize

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, key: Any) -> Any:
        """One row, read; or some rows, still in their file."""
        if isinstance(key, tuple):
            return self[key[0]][key[1:]]
        if isinstance(key, (int, np.integer)):
            return self[[key]].__array__()[0]
        return self._part(self.places[key], self.checks[key], self.dtype)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[n] for n in range(len(self)))

    def view(self, dtype: Any) -> Filed:
        """The same bytes as values of another dtype of the same size."""
        return self._part(self.places, self.checks, np.dtype(dtype))

    def _part(self, places: Any, checks: Any, dtype: np.dtype[Any]) -> Filed:
        kind = self.shape[1:], dtype, self._name
        return Filed(self._file, places, checks, *kind, stay=self.stay)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows, read.

        Raises
        ------
        JournalError
            When they are not what was written.
        """
        found = np.empty(self.shape, self.dtype)
        if found.size:
            rows = found.reshape(len(self), -1).view(np.uint8)
            for number in range(len(self)):
                self.read_into(rows[number].data, number)
        return found if dtype is None else found.astype(dtype, copy=False)

    def damaged(self) -> list[int]:
        """Places of the rows that are not what was written."""
        view, found = memoryview(bytearray(self.row_bytes)), list[int]()
        for number in range(len(self)):
            try:
                self.read_into(view, number)
            except (JournalError, OSError):
                found.append(int(self.places[number]))
        return found

    def read_into(self, buffer: memoryview, number: int) -> None:
        """Read one row.

        Parameters
        ----------
        buffer
            Bytes, as many as a row has.
        number
            Which row.

        Raises
        ------
        JournalError
            When it is not what was written.
        """
        place = int(self.places[number])
        done = read_at(self._file.fd, buffer, place)
        if done < len(buffer) or checksum(buffer) != self.checks[number]:
            raise JournalError(
                f"the {len(buffer)} bytes at {place} of {self._name} are not what "
                "was written to it (a failing disk?); nothing was added to the dataset"
            )
