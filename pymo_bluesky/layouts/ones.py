"""Arrays that bear dimensions of one which PyMoDAQ keeps; knows no file library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..model import ArrayLike

__all__ = ["WithoutOnes"]


@dataclass(frozen=True, slots=True, eq=False)
class WithoutOnes:
    """An array without the dimensions of one that follow its navigation."""

    _base: ArrayLike
    _kept: int

    @property
    def path(self) -> str:
        """Of the array in its file."""
        return str(getattr(self._base, "path", ""))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the navigation, and of what is not one."""
        rest = self._base.shape[self._kept :]
        return (*self._base.shape[: self._kept], *(n for n in rest if n != 1))

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored."""
        return self._base.dtype

    def __getitem__(self, key: Any) -> Any:
        """Part of it."""
        keys: list[Any] = list(cast(Any, key)) if isinstance(key, tuple) else [key]
        if not any(part is Ellipsis for part in keys):
            keys.append(Ellipsis)
        ones = [0 if n == 1 else slice(None) for n in self._base.shape[self._kept :]]
        at = next(n for n, part in enumerate(keys) if part is Ellipsis)
        after = len(keys) - at - 1
        free = len(self.shape) - at - after
        keys[at : at + 1] = [slice(None)] * free
        nav, rest = keys[: self._kept], iter(keys[self._kept :])
        signal = [0 if one == 0 else next(rest) for one in ones]
        return self._base[(*nav, *signal)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of it."""
        values = np.asarray(self[()])
        return values if dtype is None else values.astype(dtype, copy=False)
