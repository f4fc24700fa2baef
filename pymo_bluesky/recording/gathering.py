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

from ..columns import ColumnPlan
from ..model import Array, Axis, Channel, Module, ModuleKind
from ..settings import Dialect
from .configuring import as_list, as_mapping, distinct, role_of, settings_of, units_of
from .survey import StreamSurvey, dimension_fields

__all__ = ["ColumnRef", "gather_modules", "object_of"]

_MAX_SIGNAL = 3
_SETTINGS = 1000
"""Settings of a module that are shown, the latest; documents hold all of them."""


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
    dialect: Dialect,
) -> tuple[Module, ...]:
    """The actuators and detectors of a stream, with their channels.

    Parameters
    ----------
    start
        Start document of the run. Of what it declares as ``pymodaq``, `actuators` are
        such though they were not moved, and `titles` are those of modules whose names
        documents do not allow.
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
    declared = as_mapping(start.get("pymodaq"))
    still = as_list(declared.get("actuators"))
    titles = as_mapping(declared.get("titles"))
    modules: list[Module] = []
    for item in sorted(objects, key=lambda o: moved.get(o.name, len(moved))):
        moves = item.name in moved or item.name in still
        kind: ModuleKind = "actuator" if moves else "detector"
        history = [
            (time, settings_of(kind, item.name, configuration, dialect))
            for time, configuration in distinct(item.configurations)[-_SETTINGS:]
        ]
        modules.append(
            Module(
                kind=kind,
                title=str(titles.get(item.name) or item.name),
                settings=history[-1][1]
                if history
                else settings_of(kind, item.name, {}, dialect),
                history=tuple(history[:-1]),
                channels=_channels(item, number, plans, shape),
            )
        )
    return tuple(modules)


def _objects(stream: StreamSurvey, plans: Mapping[str, ColumnPlan]) -> list[_Object]:
    objects: dict[str, _Object] = {}
    homes: dict[str, str] = {}
    for descriptor in stream.descriptors:
        data_keys = as_mapping(descriptor.get("data_keys"))
        for name, keys in as_mapping(descriptor.get("object_keys")).items():
            item = objects.setdefault(name, _Object(name))
            for key in as_list(keys):
                if isinstance(key, str) and key in data_keys:
                    homes.setdefault(key, name)
                    item.keys.setdefault(key, as_mapping(data_keys[key]))
        for key, about in data_keys.items():
            if key not in homes:
                name = str(as_mapping(about).get("object_name") or key)
                homes[key] = name
                objects.setdefault(name, _Object(name)).keys[key] = as_mapping(about)
        time = descriptor.get("time")
        for name, configuration in as_mapping(descriptor.get("configuration")).items():
            item = objects.setdefault(name, _Object(name))
            when = float(time) if isinstance(time, (int, float)) else 0.0
            item.configurations.append((when, as_mapping(configuration)))
    # Devices send keys that they did not announce; they are shown all the same.
    for key in plans:
        if key not in homes:
            objects.setdefault(key, _Object(key)).keys[key] = {}
    return list(objects.values())


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
        for name, keys in as_mapping(descriptor.get("object_keys")).items():
            if isinstance(keys, (list, tuple)) and key in keys:
                return name
    return None


# -------------------------------------------------------------------------- channels


def _channels(
    item: _Object,
    stream: int,
    plans: Mapping[str, ColumnPlan],
    shape: tuple[int, ...],
) -> tuple[Channel, ...]:
    configuration = as_mapping(
        item.configurations[-1][1] if item.configurations else {}
    )
    groups: dict[Any, list[str]] = {}
    axes: dict[str, tuple[Axis, ...]] = {}
    for key, about in item.keys.items():
        plan = plans.get(key)
        if plan is None or not plan.shows or role_of(about).get("role") in _ATTACHED:
            continue
        axes[key] = _signal_axes(key, about, plan.shape, configuration)
        labels = tuple((a.label, a.units, a.index, len(a.values)) for a in axes[key])
        told = (_origin(about), _is_calculated(about), _channel_title(about))
        groups.setdefault((plan.shape, labels, *told), []).append(key)
    channels: list[Channel] = []
    for (signal, _, origin, calculated, title), keys in groups.items():
        channels.append(
            Channel(
                title=title or (keys[0] if len(keys) == 1 else item.name),
                dimension=_dimension(signal),
                arrays=tuple(_array(k, item, stream, plans, shape) for k in keys),
                axes=axes[keys[0]],
                source="calculated" if calculated else "raw",
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
        role_of(about).get("of"): key
        for key, about in item.keys.items()
        if role_of(about).get("role") == role
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
    # Every plan of a column has signatures; only external data have none.
    elsewhere = not plan.signatures
    return Array(label=key, data=ref, units=units_of(about), elsewhere=elsewhere)


def _origin(about: Mapping[str, Any]) -> str:
    role = role_of(about)
    return str(role.get("roi", "")) if role.get("role") == "roi_data" else ""


def _is_calculated(about: Mapping[str, Any]) -> bool:
    role = role_of(about)
    return role.get("role") == "roi_data" or role.get("source") == "calculated"


def _channel_title(about: Mapping[str, Any]) -> str:
    """Of the channel that it came from, in a file that PyMoDAQ wrote."""
    title = role_of(about).get("channel")
    return title if isinstance(title, str) else ""


def _dimension(signal: tuple[int, ...]) -> str:
    return f"Data{len(signal)}D" if len(signal) < _MAX_SIGNAL else "DataND"


def _signal_axes(
    key: str,
    about: Mapping[str, Any],
    signal: tuple[int, ...],
    configuration: Mapping[str, Any],
) -> tuple[Axis, ...]:
    declared = _declared_axes(key, signal, configuration)
    left = set(range(len(signal))) - declared.keys()
    inferred = _inferred_axes(signal, left, configuration) if not declared else {}
    names = as_list(about.get("dims"))
    found: list[Axis] = []
    for d in range(len(signal)):
        axis = declared.get(d) or inferred.get(d)
        if axis is None:
            continue
        label = axis.label
        if d in inferred and len(names) > d:
            label = str(names[d])
        found.append(Axis(label=label, units=axis.units, values=axis.values, index=d))
    return tuple(found)


def _declared_axes(
    key: str, signal: tuple[int, ...], configuration: Mapping[str, Any]
) -> dict[int, Axis]:
    axes: dict[int, Axis] = {}
    data_keys = as_mapping(configuration.get("data_keys"))
    for name, values in as_mapping(configuration.get("data")).items():
        about = as_mapping(data_keys.get(name))
        role = role_of(about)
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
    data_keys = as_mapping(configuration.get("data_keys"))
    lines: dict[str, np.ndarray] = {}
    for name, values in as_mapping(configuration.get("data")).items():
        points = _line_of(values)
        undeclared = not role_of(as_mapping(data_keys.get(name)))
        if points is not None and undeclared and len(points) > 1:
            lines[name] = points
    axes: dict[int, Axis] = {}
    for d in sorted(left, reverse=True):
        letter = "xyz"[len(signal) - 1 - d] if len(signal) - 1 - d < _MAX_SIGNAL else ""
        fitting = [n for n, points in lines.items() if len(points) == signal[d]]
        fitting.sort(key=lambda n: (f"{letter}_axis" not in n, "axis" not in n))
        if fitting:
            name = fitting[0]
            units = units_of(as_mapping(data_keys.get(name)))
            axes[d] = Axis(label=name, units=units, values=lines.pop(name))
    return axes


def _line_of(values: Any) -> np.ndarray | None:
    """A one-dimensional array of real numbers; None for anything else."""
    if not isinstance(values, (list, tuple, np.ndarray)):
        return None
    try:
        points: np.ndarray = np.asarray(cast(Any, values))
    except ValueError:
        return None
    if points.ndim != 1 or points.dtype.kind not in "iuf":
        return None
    return points.astype(float)
