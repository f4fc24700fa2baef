"""The next number of a dataset, for one writer alone; knows no layouts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from ..errors import AppendError, DatasetBusyError, WriteError

__all__ = ["claim"]


def claim(
    directory: Path, prefix: str, make: Callable[[Path], None], *, most: int = 10_000
) -> Path:
    """Make the next ``<prefix>_NNN.h5`` of a folder; no other writer gets its number.

    The next is the one behind the last, as PyMoDAQ counts: gaps are not filled.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        names = [path.name for path in directory.iterdir()]
    except OSError as error:
        raise WriteError(
            error.errno,
            f"the folder {directory} cannot be used: {error.strerror}. Nothing was "
            "recorded; give the writer a folder that can be made and written",
        ) from error
    numbered = re.compile(re.escape(prefix) + r"_([0-9]{3,6})\.h5")
    found = [int(match[1]) for match in map(numbered.fullmatch, names) if match]
    first = 1 + max(found, default=-1)
    for number in range(first, first + most):
        path = directory / f"{prefix}_{number:03d}.h5"
        try:
            make(path)
        except AppendError as error:
            # Another writer was faster: the next number is ours.
            if isinstance(error, DatasetBusyError) or os.path.lexists(path):
                continue
            raise
        return path
    raise WriteError(
        f"{directory}: other writers took {most} names from {prefix}_{first:03d}.h5 "
        "on; use another folder"
    )
