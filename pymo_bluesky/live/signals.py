"""What a descriptor says of its arrays and numbers; knows no plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

__all__ = ["Shown", "ShownAxis", "hinted", "mapped_fields", "signals_of"]

_BESIDE = ("background", "error", "setpoint")


@dataclass(frozen=True, slots=True)
class ShownAxis:
    """An axis of an array.

    Attributes
    ----------
    label, units
        Of the axis.
    values
        Shape ``(n,)``; None: the pixel number.
    """

    label: str = ""
    units: str = ""
    values: np.ndarray | None = None

    def of_length(self, length: int) -> np.ndarray:
        """Return values, or pixel numbers where there are none that fit."""
        if self.values is not None and self.values.shape == (length,):
            return self.values
        return np.arange(length, dtype=float)


@dataclass(frozen=True, slots=True)
class Shown:
    """One data key that can be shown.

    Attributes
    ----------
    key
        The data key.
    dimension
        0: a number, 1: a spectrum, 2: an image.
    units
        Of the values.
    axes
        One for each dimension.
    """

    key: str
    dimension: int
    units: str
    axes: tuple[ShownAxis, ...]


def signals_of(descriptor: Mapping[str, Any]) -> list[Shown]:
    """Numbers, spectra and images that the events of a stream hold.

    Backgrounds, error bars, setpoints, and what lies in other files are left out.

    Parameters
    ----------
    descriptor
        Of the stream.

    Examples
    --------
    >>> keys = {"power": {"dtype": "number", "shape": [], "units": "mW"}}
    >>> signals_of({"data_keys": keys})
    [Shown(key='power', dimension=0, units='mW', axes=())]
    """
    axes = list(_axes(descriptor))
    found: list[Shown] = []
    for key, about in _mapping(descriptor.get("data_keys")).items():
        dimension = _dimension(about)
        role = _mapping(about.get("pymodaq")).get("role")
        if dimension is None or role in _BESIDE or about.get("external"):
            continue
        own = {index: axis for of, index, axis in axes if key in of}
        each = tuple(own.get(n, ShownAxis()) for n in range(dimension))
        found.append(Shown(key, dimension, str(about.get("units") or ""), each))
    return found


def hinted(descriptor: Mapping[str, Any]) -> list[str]:
    """The data keys that the devices of a stream say are worth a look."""
    each = _mapping(descriptor.get("hints")).values()
    return [key for hints in each for key in _mapping(hints).get("fields", ())]


def mapped_fields(start: Mapping[str, Any]) -> list[str]:
    """The data keys of the two actuators of a run, slow and fast; else nothing.

    Examples
    --------
    >>> dimensions = [[["y"], "primary"], [["x"], "primary"]]
    >>> mapped_fields({"hints": {"dimensions": dimensions}})
    ['y', 'x']
    """
    given = _mapping(start.get("hints")).get("dimensions") or ()
    dimensions: list[list[str]] = [list(fields) for fields, _ in given]
    if len(dimensions) == 1:  # moved together: a spiral, a list of places
        return dimensions[0] if len(dimensions[0]) == 2 else []
    return [fields[0] for fields in dimensions] if len(dimensions) == 2 else []


def _dimension(about: Mapping[str, Any]) -> int | None:
    shape = about.get("shape")
    if not isinstance(shape, (list, tuple)) or len(cast(Any, shape)) > 2:
        return None
    if about.get("dtype") in ("number", "integer"):
        return 0
    text = str(about.get("dtype_numpy") or "")[1:2] in ("U", "S", "O")
    ours = about.get("dtype") == "array" and not text
    return len(cast(Any, shape)) or None if ours else None


def _axes(
    descriptor: Mapping[str, Any],
) -> Iterator[tuple[Sequence[str], int, ShownAxis]]:
    """Axes that the configuration declares: data keys, dimension, and the axis."""
    for device in _mapping(descriptor.get("configuration")).values():
        values = _mapping(_mapping(device).get("data"))
        for key, about in _mapping(_mapping(device).get("data_keys")).items():
            role = _mapping(about.get("pymodaq"))
            if role.get("role") != "axis" or key not in values:
                continue
            of = role.get("of", ())
            label = str(role.get("label") or key)
            axis = ShownAxis(
                label, str(about.get("units") or ""), np.asarray(values[key], float)
            )
            yield (of,) if isinstance(of, str) else of, int(role.get("index", 0)), axis


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}
