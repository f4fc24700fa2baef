"""Readings that nobody measured, for a plan that is only looked at; knows no plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["Guess", "value_of"]


class Guess(dict[str, Any]):
    """A reading that nobody measured, and that tells when the plan goes by it.

    Parameters
    ----------
    value
        What it reads.
    told
        Called when someone looks.

    Examples
    --------
    >>> Guess(1.0, lambda: print("looked at"))["value"]
    looked at
    1.0
    """

    def __init__(self, value: Any, told: Callable[[], None]) -> None:
        super().__init__(value=value, timestamp=0.0)
        self._told = told

    def __getitem__(self, key: str) -> Any:
        self._told()
        return super().__getitem__(key)

    def __repr__(self) -> str:
        return "<nothing>"  # the simulator formats all that it sends, arrays, too


def value_of(about: Mapping[str, Any], number: float) -> Any:
    """A value as its data key describes it, `number` all over.

    Examples
    --------
    >>> value_of({"dtype": "array", "shape": [2]}, 3.0).tolist()
    [3.0, 3.0]
    """
    if about.get("dtype") == "array":
        shape = [n if isinstance(n, int) else 1 for n in about.get("shape") or ()]
        return np.broadcast_to(np.float64(number), shape)
    return {"string": "", "boolean": False}.get(str(about.get("dtype")), number)
