"""Configuration of a device to the settings of its module; knows no layout.

What the data keys declare (settings with a type, ROIs) is taken as declared; other
configuration is a plain setting.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..model import ModuleKind
from ..settings import Dialect, Roi, SettingEntry, module_settings

__all__ = ["as_list", "as_mapping", "distinct", "role_of", "settings_of", "units_of"]


def as_mapping(value: Any) -> Mapping[str, Any]:
    """A mapping as it is; anything else as an empty one."""
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def as_list(value: Any) -> list[Any]:
    """A list or tuple as a list; anything else as an empty one."""
    return list(cast(Any, value)) if isinstance(value, (list, tuple)) else []


def role_of(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a data key declares of itself for PyMoDAQ."""
    return as_mapping(about.get("pymodaq"))


def units_of(about: Mapping[str, Any]) -> str:
    """Units that a data key declares, as text."""
    units = about.get("units")
    return "" if units is None else str(units)


def distinct(
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


def settings_of(
    kind: ModuleKind,
    device: str,
    configuration: Mapping[str, Any],
    dialect: Dialect,
) -> bytes:
    """The settings of a module, as XML, with its ROIs.

    Parameters
    ----------
    kind, device
        Of the module, and its name.
    configuration
        Of the device in a descriptor: data, data keys.
    dialect
        Of the settings.
    """
    data_keys = as_mapping(configuration.get("data_keys"))
    entries: list[SettingEntry] = []
    rois: dict[tuple[str, str], dict[str, Any]] = {}
    panels: dict[str, int] = {}
    for name, value in as_mapping(configuration.get("data")).items():
        about = as_mapping(data_keys.get(name))
        role = role_of(about)
        if role.get("role") == "roi":
            place = (str(role.get("of")), str(role.get("roi")))
            if type(role.get("viewer")) is int:
                panels[place[0]] = role["viewer"]
            rois.setdefault(place, {})[str(role.get("parameter"))] = value
        elif role.get("role") != "axis":
            entries.append(_entry(device, name, value, about))
    owners = dict.fromkeys(of for of, _ in rois)
    viewers = {of: panels.get(of, n) for n, of in enumerate(owners)}
    found: list[Roi] = []
    for (of, roi), parameters in rois.items():
        try:
            found.append(_roi(roi, viewers[of], parameters))
        except (TypeError, ValueError, OverflowError):
            # Declared to be a ROI, but these values make none: they stay settings.
            entries += [_entry(roi, k, v, {}) for k, v in parameters.items()]
    return module_settings(kind, device, entries, found, dialect)


def _entry(
    device: str, name: str, value: Any, about: Mapping[str, Any]
) -> SettingEntry:
    role = role_of(about)
    short = name.removeprefix(f"{device}_") or name
    limits = role.get("limits")
    choices = about.get("choices") or about.get("enum_strs")
    if limits is None and isinstance(choices, (list, tuple)):
        limits = list(cast(Sequence[Any], choices))
    return SettingEntry(
        path=str(role.get("path") or short),
        value=_parameter_value(role.get("type"), value, limits),
        type=str(role["type"]) if role.get("type") else None,
        title=str(role.get("title") or short),
        units=units_of(about),
        limits=limits,
        readonly=bool(role.get("readonly", False)),
    )


def _parameter_value(declared: Any, value: Any, limits: Any) -> Any:
    """What PyMoDAQ's type holds, of what a document can carry."""
    if declared == "table" and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):  # then it is shown as the text it is
            return value
    if declared == "itemselect" and isinstance(value, (list, tuple)):
        selected = [str(item) for item in cast(Sequence[Any], value)]
        return {"all_items": as_list(limits) or selected, "selected": selected}
    return value


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
