"""Settings trees of modules and documents from plain entries; knows no XML, no file."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

from ._literal import plain, source
from ._parameter import Dialect, Parameter
from ._roi import Roi, roi_block
from ._write import to_xml

__all__ = ["SettingEntry", "infer_type", "module_settings", "plain_settings"]

ModuleKind = Literal["actuator", "detector"]

MAX_GROUPS = 20
"""Groups inside groups; what lies deeper is one line of text."""

MAX_ENTRIES = 20_000
"""Lines of a tree; mappings beyond that are one line of text each."""

_TITLES = {
    "main_settings": "Main Settings:",
    "detector_settings": "Detector Settings",
    "actuator_settings": "Actuator Settings:",
    "move_settings": "Actuator Settings:",
}


_MAPPINGS = ("itemselect", "table")
"""Types whose value is a mapping; any other mapping is a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingEntry:
    """One setting of a module, with its place in the tree.

    Attributes
    ----------
    path
        "/"-joined names, such as ``detector_settings/exposure``. A path that begins
        with none of PyMoDAQ's groups goes into the one for the module's own settings.
    value
        Anything a document can hold; a mapping becomes a group, unless it is declared
        to be a ``table`` or an ``itemselect``.
    type
        PyMoDAQ's parameter type; taken from the value when None.
    title, units, limits, readonly
        As in `Parameter`.
    """

    path: str
    value: Any = None
    type: str | None = None
    title: str = ""
    units: str = ""
    limits: Any = None
    readonly: bool = False


def infer_type(value: object, limits: object = None) -> str:
    r"""The parameter type under which PyMoDAQ shows a value best.

    Examples
    --------
    >>> [infer_type(value) for value in (True, 3, 0.5, "a", "a\nb", {}, [1])]
    ['bool', 'int', 'float', 'str', 'text', 'group', 'str']
    >>> infer_type("Internal", ["Internal", "External"])
    'list'
    """
    if isinstance(value, datetime.datetime):
        return "date_time"
    if isinstance(value, Mapping):
        return "group"
    reduced = plain(value)
    if isinstance(reduced, str):
        choices = cast(list[Any], limits) if isinstance(limits, list | tuple) else []
        if reduced in choices:
            return "list"
        return "text" if "\n" in reduced else "str"
    for kind in (bool, int, float):
        if isinstance(reduced, kind):
            return kind.__name__
    return "str"


# ----------------------------------------------------------------------------- modules

_PLAIN = (str, int, float, bool, type(None))


def module_settings(
    kind: ModuleKind,
    title: str,
    entries: Sequence[SettingEntry],
    rois: Sequence[Roi] = (),
    dialect: Dialect = "pymodaq5",
) -> bytes:
    """The settings of an actuator or detector as PyMoDAQ stores them with its data.

    Parameters
    ----------
    kind, title
        What the module is, and its name on the dashboard.
    entries
        Its settings; entries with one path are all kept.
    rois
        Regions of interest of its viewers.
    dialect
        ``"pymodaq5"``: ``All_settings > daq_viewer_settings > main_settings,
        detector_settings`` and ``All_settings > ROI_Viewer_00`` (``daq_move_settings``
        and ``actuator_settings`` for an actuator). ``"pymodaq3"``: ``Settings``, inside
        ``All_settings`` beside ``Viewer0_ROI_settings`` when there are ROIs.

    Returns
    -------
    bytes
        XML, as of `to_xml`.

    Examples
    --------
    >>> from pymo_bluesky.settings import from_xml
    >>> gain = SettingEntry(path="gain", value=2.5, units="dB")
    >>> tree = from_xml(module_settings("detector", "Camera", [gain]))
    >>> tree.find("daq_viewer_settings/detector_settings/gain").units
    'dB'
    >>> tree.find("daq_viewer_settings/main_settings/module_name").value
    'Camera'
    """
    if not rois and all(type(e.value) in _PLAIN and e.limits is None for e in entries):
        # A device is set up the same in many scans. 1, 1.0 and True are equal, but
        # their texts are not.
        texts = tuple(repr(entry.value) for entry in entries)
        return _plain_module(kind, title, tuple(entries), texts, dialect)
    return _module_xml(kind, title, entries, rois, dialect)


@lru_cache(maxsize=128)
def _plain_module(
    kind: ModuleKind,
    title: str,
    entries: tuple[SettingEntry, ...],
    _texts: tuple[str, ...],
    dialect: Dialect,
) -> bytes:
    return _module_xml(kind, title, entries, (), dialect)


def _module_xml(
    kind: ModuleKind,
    title: str,
    entries: Sequence[SettingEntry],
    rois: Sequence[Roi],
    dialect: Dialect,
) -> bytes:
    module = _module(kind, title, entries, dialect)
    viewers: dict[int, list[Roi]] = {}
    for roi in rois:
        viewers.setdefault(roi.viewer, []).append(roi)
    blocks = [roi_block(members, dialect) for _, members in sorted(viewers.items())]
    if dialect == "pymodaq3" and not blocks:
        return to_xml(module, dialect)
    outer = "All Settings" if dialect == "pymodaq3" else ""
    root = Parameter(name="All_settings", title=outer, children=(module, *blocks))
    return to_xml(root, dialect)


def _module(
    kind: ModuleKind, title: str, entries: Sequence[SettingEntry], dialect: Dialect
) -> Parameter:
    own = "detector_settings"
    if kind == "actuator":
        own = "actuator_settings" if dialect == "pymodaq5" else "move_settings"
    placed = [(_path(entry.path, own), entry) for entry in entries]
    name = ("main_settings", "module_name")
    if not any(path == name for path, _ in placed):
        label = "Detector Name:" if kind == "detector" else "Actuator name:"
        entry = SettingEntry(path="", value=title, title=label, readonly=True)
        placed.insert(0, (name, entry))
    groups = {"main_settings": 0, own: 1}
    placed.sort(key=lambda item: groups.get(item[0][0], 2))
    children = _Tree().grown(placed)
    if not any(child.name == own for child in children):
        children = (children[0], Parameter(name=own, title=_TITLES[own]), *children[1:])
    if dialect == "pymodaq5":
        word = "viewer" if kind == "detector" else "move"
        return Parameter(name=f"daq_{word}_settings", children=children)
    heading = f"{title} settings" if kind == "detector" else "Settings"
    return Parameter(name="Settings", title=heading, children=children)


def _path(path: str, own: str) -> tuple[str, ...]:
    """The names of a path, from one of the module's groups on."""
    names = [name for name in path.split("/") if name] or ["unnamed"]
    if names[0] not in _TITLES or len(names) == 1:
        names.insert(0, own)
    elif names[0] in ("detector_settings", "actuator_settings", "move_settings"):
        names[0] = own  # one role, three names in PyMoDAQ's history
    deepest = MAX_GROUPS // 2
    return (*names[:deepest], *(["/".join(names[deepest:])] if names[deepest:] else []))


# --------------------------------------------------------------------------- documents


def plain_settings(
    title: str, mapping: Mapping[str, Any], dialect: Dialect = "pymodaq5"
) -> bytes:
    """Any nested mapping, such as a start document, as settings for people to look at.

    Parameters
    ----------
    title
        Name of the group that holds it, below ``All_settings``.
    mapping
        Of any depth: what lies deeper than `MAX_GROUPS` groups, and what would make the
        tree longer than `MAX_ENTRIES` lines, stands there as text.

    Returns
    -------
    bytes
        XML, as of `to_xml`.

    Examples
    --------
    >>> from pymo_bluesky.settings import from_xml
    >>> tree = from_xml(plain_settings("start", {"plan_args": {"num": 3}}))
    >>> tree.find("start/plan_args/num").value
    3
    """
    entry = SettingEntry(path=title, value=mapping, title=title)
    (group,) = _Tree().grown([((title,), entry)])
    root = Parameter(name="All_settings", title="All Settings", children=(group,))
    return to_xml(root, dialect)


_Placed = tuple[tuple[str, ...], SettingEntry]


class _Tree:
    """A tree that grows from placed entries, and counts its lines."""

    def __init__(self) -> None:
        self.lines = 0

    def grown(self, placed: Sequence[_Placed]) -> tuple[Parameter, ...]:
        """The parameters of entries, in the order in which their names first occur."""
        members: dict[str, list[_Placed]] = {}
        for path, entry in placed:
            members.setdefault(path[0], []).append((path[1:], entry))
        return tuple(
            parameter
            for name, inner in members.items()
            for parameter in self._named(name, inner)
        )

    def _named(self, name: str, inner: list[_Placed]) -> list[Parameter]:
        """All that bears one name: its own entries, or the group of those below it."""
        own = [entry for path, entry in inner if not path]
        below = [(path, entry) for path, entry in inner if path]
        parameters = [self._one(name, entry, 0) for entry in own]
        if below:
            children = self.grown(below)
            title = _TITLES.get(name, "")
            parameters.append(Parameter(name=name, title=title, children=children))
        return parameters

    def _one(self, name: str, entry: SettingEntry, depth: int) -> Parameter:
        self.lines += 1
        value = entry.value
        type_ = entry.type or infer_type(value, entry.limits)
        children: tuple[Parameter, ...] = ()
        is_group = isinstance(value, Mapping) and entry.type not in _MAPPINGS
        if is_group:
            items = cast(Mapping[Any, Any], value)
            if depth < MAX_GROUPS and self.lines + len(items) <= MAX_ENTRIES:
                children = self._below(items, depth + 1)
                value, type_ = None, "group"
            else:
                value, type_ = source(plain(items)), "text"
        elif isinstance(value, datetime.datetime) and type_ == "date_time":
            value = value.timestamp()
        return Parameter(
            name=name,
            title=entry.title,
            type=type_,
            value=plain(cast(Any, value)),
            units=entry.units,
            limits=entry.limits,
            readonly=entry.readonly,
            children=children,
        )

    def _below(self, items: Mapping[Any, Any], depth: int) -> tuple[Parameter, ...]:
        names = ((k if isinstance(k, str) else source(plain(k)), k) for k in items)
        return tuple(
            self._one(name, SettingEntry(path=name, value=items[key]), depth)
            for name, key in names
        )
