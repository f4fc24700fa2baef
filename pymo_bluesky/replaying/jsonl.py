"""Documents as lines of JSON, for any program; knows neither files nor layouts."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from ..values import to_json

__all__ = ["plain", "to_line"]


def to_line(name: str, doc: Mapping[str, Any], *, exact: bool = False) -> str:
    r"""One document as one line of JSON.

    Parameters
    ----------
    name, doc
        The document.
    exact
        Tag what JSON cannot say, so that `pymo_bluesky.values.from_json` gives back
        the very values. By default arrays become lists, bytes base64 text, complex
        numbers pairs, and what is not finite null.

    Returns
    -------
    str
        ``{"name": ..., "doc": ...}`` in ASCII, without the line break.

    Examples
    --------
    >>> to_line("event", {"data": {"image": np.eye(2), "dark": float("nan")}})
    '{"name":"event","doc":{"data":{"image":[[1.0,0.0],[0.0,1.0]],"dark":null}}}'
    """
    document = {"name": name, "doc": dict(doc)}
    if exact:
        return to_json(document)
    return json.dumps(plain(document), allow_nan=False, separators=(",", ":"))


def plain(value: Any) -> Any:
    """A value as JSON has it; what JSON cannot say as `to_line` tells.

    Examples
    --------
    >>> plain({"image": np.zeros((1, 2)), "dark": float("nan")})
    {'image': [[0.0, 0.0]], 'dark': None}
    """
    if isinstance(value, np.ndarray | np.generic):
        value = cast(
            Any, value
        ).tolist()  # a scalar becomes Python's; masked values None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        members = cast(Mapping[Any, Any], value)
        return {str(key): plain(item) for key, item in members.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast(list[Any], value)]
    if isinstance(value, set | frozenset):
        return [plain(item) for item in sorted(cast(set[Any], value), key=repr)]
    return str(value)
