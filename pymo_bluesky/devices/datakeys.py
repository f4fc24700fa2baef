"""The data key of a value, and the role it declares; knows nothing of ophyd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["describe_value"]

_SCALARS: dict[type, tuple[str, str | None]] = {
    bool: ("boolean", "|b1"),
    int: ("integer", "<i8"),
    float: ("number", "<f8"),
    str: ("string", None),  # its length may change from one event to the next
}


def describe_value(
    value: Any,
    *,
    source: str,
    units: str = "",
    role: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the data key of `value`.

    Parameters
    ----------
    value
        A bool, int, float, str, or anything that numpy makes an array of.
    source
        Where the value comes from, e.g. ``"SIM:camera_image"``.
    units
        The unit, or an empty text; a data key without unit has no such member.
    role
        The member ``"pymodaq"``, by which a recorder knows what the value is.

    Returns
    -------
    dict
        ``dtype``, ``shape``, ``dtype_numpy`` as the events will carry them.

    Examples
    --------
    >>> describe_value(0.5, source="SIM:exposure", units="s")
    {'source': 'SIM:exposure', 'dtype': 'number', 'shape': [],
     'dtype_numpy': '<f8', 'units': 's'}
    """
    if type(value) in _SCALARS:
        dtype, dtype_numpy = _SCALARS[type(value)]
        shape: list[int] = []
    else:
        array = np.asarray(value)
        dtype, dtype_numpy, shape = "array", array.dtype.str, list(array.shape)
    key: dict[str, Any] = {"source": source, "dtype": dtype, "shape": shape}
    if dtype_numpy:
        key["dtype_numpy"] = dtype_numpy
    if units:
        key["units"] = units
    if role:
        key["pymodaq"] = dict(role)
    return key
