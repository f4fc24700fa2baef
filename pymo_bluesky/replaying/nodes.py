"""What a replay asks of a file: groups and arrays; knows no file library."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

__all__ = ["ScanNode"]


class ScanNode(Protocol):
    """A group or array of a file, as the store gives it."""

    @property
    def path(self) -> str:
        """Where it is."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an array."""
        ...

    def get(self, path: str, /) -> ScanNode | None:
        """A node below, or None."""
        ...

    def __getitem__(self, key: Any, /) -> Any:
        """Part of an array."""
        ...
