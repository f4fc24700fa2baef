"""Signatures that a queue of plans can read; knows no plan."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["readable"]

F = TypeVar("F", bound=Callable[..., Any])


def readable(plan: F) -> F:
    """Give a plan a signature whose annotations are types.

    In our modules they are text, as in all with ``from __future__ import annotations``;
    bluesky-queueserver takes text for the name of a type that there is not, and refuses
    each call of the plan.

    Examples
    --------
    >>> def wait(seconds: float): ...
    >>> inspect.signature(wait).parameters["seconds"].annotation
    'float'
    >>> inspect.signature(readable(wait)).parameters["seconds"].annotation
    <class 'float'>
    """
    plan.__signature__ = inspect.signature(plan, eval_str=True)  # type: ignore[attr-defined]
    return plan
