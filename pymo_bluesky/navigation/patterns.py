"""Points that bluesky's stock plans announce in their start document; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

__all__ = ["planned_positions"]

_MAX_POINTS = 2**31


def planned_positions(start: Mapping[str, Any]) -> list[np.ndarray]:
    """Points that a stock plan announces for each of its motors, in its order.

    Read from ``plan_pattern`` and ``plan_pattern_args`` of the start document; empty
    where the pattern is not known (spirals, per-step hooks, own plans).
    """
    arguments = start.get("plan_pattern_args")
    if not isinstance(arguments, Mapping):
        return []
    arguments = cast(Mapping[str, Any], arguments)
    groups = _motor_groups(arguments.get("args"))
    try:
        return _announced(start.get("plan_pattern"), groups, arguments.get("num"))
    except (TypeError, ValueError, IndexError, OverflowError):
        return []


def _announced(pattern: Any, groups: list[list[Any]], num: Any) -> list[np.ndarray]:
    if pattern == "outer_product":
        return [_linspace(g[0], g[1], g[2]) for g in groups]
    if pattern == "inner_product":
        return [_linspace(g[0], g[1], num) for g in groups]
    if pattern in ("outer_list_product", "inner_list_product"):
        return [np.asarray(g[0], float) for g in groups]
    return []


def _linspace(start: Any, stop: Any, num: Any) -> np.ndarray:
    if type(num) is not int or not 0 < num <= _MAX_POINTS:
        raise ValueError(num)
    return np.linspace(float(start), float(stop), num)


def _motor_groups(args: Any) -> list[list[Any]]:
    """Arguments of a pattern, cut at each motor (bluesky stores its repr)."""
    groups: list[list[Any]] = []
    if not isinstance(args, (list, tuple)):
        return groups
    for item in cast(Sequence[Any], args):
        if isinstance(item, str):
            groups.append([])
        elif groups:
            groups[-1].append(item)
    return groups
