"""Descriptors to actuators and detectors: which data key is what; knows no layout.

Roles are declared in the data keys (``"pymodaq": {"role": ...}``). Where they are not,
one table of rules holds, written down in the documentation: what the plan moves is an
actuator; a configuration array as long as a dimension of its detector is an axis;
everything else that is configuration is a setting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from .columns import ColumnPlan
from .model import Array, Axis, Channel, Module
from .settings import Roi, SettingEntry, module_settings
from .survey import StreamSurvey, dimension_fields

__all__ = ["ColumnRef", "gather_modules", "object_of", "units_of"]

_MAX_SIGNAL = 3


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """Stands for the array of a data key before its values are written.

    Attributes
    ----------
    stream, key
        Number of the stream, and the data key.
    shape, dtype
        Of the whole array: navigation, then signal.
    """

    stream: int
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, key: Any) -> Any:
        """Refuse: there are no values yet."""
        raise TypeError(f"the values of {self.key!r} are not written yet")


@dataclass(slots=True)
class _Object:
    """What the descriptors of a stream say of one object (device)."""

    name: str
    keys: dict[str, Mapping[str, Any]] = field(
        default_factory=dict[str, Mapping[str, Any]]
    )
    configurations: list[tuple[float, Mapping[str, Any]]] = field(
        default_factory=list[tuple[float, Mapping[str, Any]]]
    )


def gather_modules(
    start: Mapping[str, Any],
    stream: StreamSurvey,
    number: int,
    plans: Mapping[str, ColumnPlan],
    shape: tuple[int, ...],
    dialect: str,
) -> tuple[Module, ...]:
    """The actuators and detectors of a stream, with their channels.

    Parameters
    ----------
    start
        Start document of the run.
    stream, number
        The stream, and its number in the run.
    plans
        How each data key's values are stored.
    shape
        Navigation shape.
    dialect
        Of the settings.
    """
    objects = _objects(stream, plans)
    moved = _moved(start, objects)
    modules: list[Module] = []
    for item in sorted(objects, key=lambda o: moved.get(o.name, len(moved))):
        kind = "actuator" if item.name in moved else "detector"
        history = [
            (time, _settings(kind, item, configuration, dialect))
            for time, configuration in _distinct(item.configurations)
        ]
        modules.append(
            Module(
                kind=kind,
                title=item.name,
                settings=history[-1][1]
                if history
                else _settings(kind, item, {}, dialect),
                history=tuple(history[:-1]),
                channels=_channels(item, number, plans, shape),
            )
        )
    return tuple(modules)


def _objects(
    stream: StreamSurvey, plans: Mapping[str, ColumnPlan]
) -> list[_Object]:
    objects: dict[str, _Object] = {}
    homes: dict[str, str] = {}
    for descriptor in stream.descriptors:
        data_keys = _mapping(descriptor.get("data_keys"))
        for name, keys in _mapping(descriptor.get("object_keys")).items():
            item = objects.setdefault(name, _Object(name))
            for key in keys if isinstance(keys, (list, tuple)) else ():
                if isinstance(key, str) and key in data_keys:
                    homes.setdefault(key, name)
                    item.keys.setdefault(key, _mapping(data_keys[key]))
        for key, about in data_keys.items():
            if key not in homes:
                name = str(_mapping(about).get("object_name") or key)
                homes[key] = name
                objects.setdefault(name, _Object(name)).keys[key] = _mapping(about)
        time = descriptor.get("time")
        for name, configuration in _mapping(descriptor.get("configuration")).items():
            item = objects.setdefault(name, _Object(name))
            when = float(time) if isinstance(time, (int, float)) else 0.0
            item.configurations.append((when, _mapping(configuration)))
    # Devices send keys that they did not announce; they are shown all the same.
    for key in plans:
        if key not in homes:
            objects.setdefault(key, _Object(key)).keys[key] = {}
    return list(objects.values())


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def _moved(start: Mapping[str, Any], objects: Sequence[_Object]) -> dict[str, int]:
    """Objects that the plan moves, in its order."""
    order: dict[str, int] = {}
    homes = {key: item.name for item in objects for key in item.keys}
    names = {item.name for item in objects}
    motors = start.get("motors")
    wanted = [f for fields in dimension_fields(start) for f in fields]
    wanted = [homes[f] for f in wanted if f in homes]
    if isinstance(motors, (list, tuple)):
        wanted.extend(
            m if m in names else homes.get(m, "")
            for m in cast(Sequence[Any], motors)
            if isinstance(m, str)
        )
    for name in wanted:
        if name:
            order.setdefault(name, len(order))
    return order


def object_of(stream: StreamSurvey, key: str) -> str | None:
    """The object that a data key belongs to."""
    for descriptor in stream.descriptors:
        for name, keys in _mapping(descriptor.get("object_keys")).items():
            if isinstance(keys, (list, tuple)) and key in keys:
                return name
    return None


def units_of(about: Mapping[str, Any]) -> str:
    """Units that a data key declares, as text."""
    units = about.get("units")
    return "" if units is None else str(units)


def _role(about: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(about.get("pymodaq"))


def _distinct(
    configurations: Sequence[tuple[float, Mapping[str, Any]]],
) -> list[tuple[float, Mapping[str, Any]]]:
    """Configurations without those that changed nothing."""
    kept: list[tuple[float, Mapping[str, Any]]] = []
    for time, configuration in configurations:
        data = repr(configuration.get("data"))
        if kept and repr(kept[-1][1].get("data")) == data:
            continue
        kept.append((time, configuration))
    return kept


# -------------------------------------------------------------------------- channels


def _channels(
    item: _Object,
    stream: int,
    plans: Mapping[str, ColumnPlan],
    shape: tuple[int, ...],
) -> tuple[Channel, ...]:
    configuration = item.configurations[-1][1] if item.configurations else {}
    groups: dict[Any, list[str]] = {}
    axes: dict[str, tuple[Axis, ...]] = {}
    for key, about in item.keys.items():
        plan = plans.get(key)
        if plan is None or not plan.shows or _role(about).get("role") in _ATTACHED:
            continue
        axes[key] = _signal_axes(key, about, plan.shape, configuration)
        labels = tuple((a.label, a.units, a.index, len(a.values)) for a in axes[key])
        origin = _origin(about)
        groups.setdefault((plan.shape, labels, origin), []).append(key)
    channels: list[Channel] = []
    for (signal, _, origin), keys in groups.items():
        channels.append(
            Channel(
                title=keys[0] if len(keys) == 1 else item.name,
                dimension=_dimension(signal),
                arrays=tuple(_array(k, item, stream, plans, shape) for k in keys),
                axes=axes[keys[0]],
                source="calculated" if origin else "raw",
                origin=origin or item.name,
                errors=_attached("error", keys, item, stream, plans, shape),
                backgrounds=_attached("background", keys, item, stream, plans, shape),
            )
        )
    return tuple(channels)


_ATTACHED = ("error", "background")


def _attached(
    role: str,
    keys: Sequence[str],
    item: _Object,
    stream: int,
    plans: Mapping[str, ColumnPlan],
    shape: tuple[int, ...],
) -> tuple[Array, ...]:
    """Error bars or backgrounds of some data keys, in their order."""
    owner = {
        _role(about).get("of"): key
        for key, about in item.keys.items()
        if _role(about).get("role") == role
    }
    found = [owner[key] for key in keys if key in owner]
    return tuple(
        _array(key, item, stream, plans, shape)
        for key in found
        if key in plans and plans[key].shows
    )


def _array(
    key: str,
    item: _Object,
    stream: int,
    plans: Mapping[str, ColumnPlan],
    shape: tuple[int, ...],
) -> Array:
    plan = plans[key]
    about = item.keys[key]
    ref = ColumnRef(stream, key, (*shape, *plan.shape), np.dtype(plan.dtype))
    return Array(label=key, data=ref, units=units_of(about))


def _origin(about: Mapping[str, Any]) -> str:
    role = _role(about)
    return str(role.get("roi", "")) if role.get("role") == "roi_data" else ""


def _dimension(signal: tuple[int, ...]) -> str:
    return f"Data{len(signal)}D" if len(signal) < _MAX_SIGNAL else "DataND"


def _signal_axes(
    key: str,
    about: Mapping[str, Any],
    signal: tuple[int, ...],
    configuration: Mapping[str, Any],
) -> tuple[Axis, ...]:
    declared = _declared_axes(key, signal, configuration)
    left = {d for d in range(len(signal))} - declared.keys()
    inferred = _inferred_axes(signal, left, configuration) if not declared else {}
    names = about.get("dims")
    found: list[Axis] = []
    for d in range(len(signal)):
        axis = declared.get(d) or inferred.get(d)
        if axis is None:
            continue
        label = axis.label
        if d in inferred and isinstance(names, (list, tuple)) and len(names) > d:
            label = str(names[d])
        found.append(Axis(label=label, units=axis.units, values=axis.values, index=d))
    return tuple(found)


def _declared_axes(
    key: str, signal: tuple[int, ...], configuration: Mapping[str, Any]
) -> dict[int, Axis]:
    axes: dict[int, Axis] = {}
    data_keys = _mapping(configuration.get("data_keys"))
    for name, values in _mapping(configuration.get("data")).items():
        about = _mapping(data_keys.get(name))
        role = _role(about)
        if role.get("role") != "axis":
            continue
        owners = role.get("of")
        owners = [owners] if isinstance(owners, str) else owners
        index = role.get("index", 0)
        if key not in (owners or [key]) or type(index) is not int:
            continue
        points = _line_of(values)
        if points is not None and index < len(signal) and len(points) == signal[index]:
            label = str(role.get("label") or name)
            axes[index] = Axis(label=label, units=units_of(about), values=points)
    return axes


def _inferred_axes(
    signal: tuple[int, ...], left: set[int], configuration: Mapping[str, Any]
) -> dict[int, Axis]:
    """Configuration arrays as long as a dimension; named axes first, each used once."""
    data_keys = _mapping(configuration.get("data_keys"))
    lines: dict[str, np.ndarray] = {}
    for name, values in _mapping(configuration.get("data")).items():
        points = _line_of(values)
        undeclared = not _role(_mapping(data_keys.get(name)))
        if points is not None and undeclared and len(points) > 1:
            lines[name] = points
    axes: dict[int, Axis] = {}
    for d in sorted(left, reverse=True):
        letter = "xyz"[len(signal) - 1 - d] if len(signal) - 1 - d < _MAX_SIGNAL else ""
        fitting = [n for n, points in lines.items() if len(points) == signal[d]]
        fitting.sort(key=lambda n: (f"{letter}_axis" not in n, "axis" not in n))
        if fitting:
            name = fitting[0]
            units = units_of(_mapping(data_keys.get(name)))
            axes[d] = Axis(label=name, units=units, values=lines.pop(name))
    return axes


def _line_of(values: Any) -> np.ndarray | None:
    """A one-dimensional array of real numbers; None for anything else."""
    if not isinstance(values, (list, tuple, np.ndarray)):
        return None
    try:
        points = np.asarray(values)
    except ValueError:
        return None
    if points.ndim != 1 or points.dtype.kind not in "iuf":
        return None
    return points.astype(float)


# -------------------------------------------------------------------------- settings


def _settings(
    kind: str, item: _Object, configuration: Mapping[str, Any], dialect: str
) -> bytes:
    data_keys = _mapping(configuration.get("data_keys"))
    entries: list[SettingEntry] = []
    rois: dict[tuple[str, str], dict[str, Any]] = {}
    for name, value in _mapping(configuration.get("data")).items():
        about = _mapping(data_keys.get(name))
        role = _role(about)
        if role.get("role") == "roi":
            place = (str(role.get("of")), str(role.get("roi")))
            rois.setdefault(place, {})[str(role.get("parameter"))] = value
        elif role.get("role") != "axis":
            entries.append(_entry(item.name, name, value, about))
    viewers = {of: n for n, of in enumerate(dict.fromkeys(of for of, _ in rois))}
    found = [
        _roi(roi, viewers[of], parameters) for (of, roi), parameters in rois.items()
    ]
    return module_settings(
        cast(Any, kind), item.name, entries, found, cast(Any, dialect)
    )


def _entry(
    device: str, name: str, value: Any, about: Mapping[str, Any]
) -> SettingEntry:
    role = _role(about)
    short = name.removeprefix(f"{device}_") or name
    limits = role.get("limits")
    choices = about.get("choices") or about.get("enum_strs")
    if limits is None and isinstance(choices, (list, tuple)):
        limits = list(cast(Sequence[Any], choices))
    return SettingEntry(
        path=str(role.get("path") or short),
        value=value,
        type=str(role["type"]) if role.get("type") else None,
        title=str(role.get("title") or short),
        units=units_of(about),
        limits=limits,
        readonly=bool(role.get("readonly", False)),
    )


def _roi(name: str, viewer: int, parameters: Mapping[str, Any]) -> Roi:
    """The ROI that a device declared; what it left out has PyMoDAQ's default."""
    kind = str(parameters.get("roi_type", "RectROI"))
    channels = parameters.get("use_channel", ())
    color = parameters.get("color", ())
    return Roi(
        name=name,
        viewer=viewer,
        roi_type=kind,
        use_channel=(channels,) if isinstance(channels, str) else tuple(channels),
        math_function=str(parameters.get("math_function", "mean")),
        position=_pair(parameters, "position/x", "position/y"),
        size=None
        if kind == "LinearROI"
        else _pair(parameters, "size/width", "size/height"),
        angle=float(parameters.get("angle", 0.0)),
        color=tuple(int(c) for c in color) if len(color) else (255, 255, 255, 255),
        enabled=bool(parameters.get("enabled", True)),
    )


def _pair(
    parameters: Mapping[str, Any], first: str, second: str
) -> tuple[float, float]:
    return float(parameters.get(first, 0.0)), float(parameters.get(second, 0.0))
