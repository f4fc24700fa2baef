"""A scan, in neutral words, to the operations that write it in a layout.

Walks the model once; every name and attribute comes from the layout's table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..model import Array, Axis, Branch, Channel, Module, Scan
from ..navigation.points import are_nearly
from ..operations import MakeArray, MakeGroup, Operation
from .table import Kind, Layout, Node, Role
from .units import loadable_units

__all__ = [
    "place_column",
    "place_dataset",
    "place_group",
    "place_log",
    "place_scan",
]

_MODULE_ROLES = {"actuator": Role.ACTUATOR, "detector": Role.DETECTOR}


def place_dataset(
    layout: Layout, about: Mapping[str, Any], raw: Mapping[str, Any]
) -> Iterator[Operation]:
    """The nodes of a dataset without scans.

    Parameters
    ----------
    about
        Fields of the root: ``file``, ``date``, ``time``, ``written_by``.
    raw
        Fields of the group of all scans: ``author``, ``sample``, ``settings``…
    """
    root = layout.place(Role.ROOT, "", **about)
    yield MakeGroup(root.path, root.attributes)
    group = layout.place(Role.RAW, root.path, **raw)
    yield MakeGroup(group.path, group.attributes)
    yield place_log(layout, group.path)


def place_log(layout: Layout, raw: str) -> MakeArray:
    """The empty log of a dataset; `raw` is the path of the group of all scans."""
    log = layout.place(Role.LOGGER, raw)
    return MakeArray(
        path=log.path,
        shape=(0,),
        dtype=np.dtype(np.uint8),
        attributes=log.attributes,
        growing=True,
        text=True,
    )


def place_scan(
    layout: Layout, scan: Scan, raw: str, number: int
) -> Iterator[tuple[Operation, Array | None]]:
    """The nodes of a scan, each with the array of the model that it stands for.

    Parameters
    ----------
    layout
        Where things go.
    scan
        What there is. Arrays whose data are numpy arrays are written at once; others
        are made, and filled by whoever has the values.
    raw, number
        Path of the group of all scans, and the number of this one.
    """
    node = layout.place(
        Role.SCAN, raw, number, settings=scan.settings, **scan.attributes
    )
    yield MakeGroup(node.path, node.attributes), None
    yield from _branch(layout, scan.trunk, node.path, scan.attributes)
    if not scan.branches:
        return
    streams = place_group(layout, Role.STREAMS, node.path)
    yield streams, None
    for n, branch in enumerate(scan.branches):
        stream = place_group(layout, Role.STREAM, streams.path, n, title=branch.title)
        yield stream, None
        yield from _branch(layout, branch, stream.path, {})


def place_group(
    layout: Layout, role: Role, parent: str, number: int = 0, **fields: Any
) -> MakeGroup:
    """A group by its role."""
    node = layout.place(role, parent, number, **fields)
    return MakeGroup(node.path, node.attributes)


def place_column(
    layout: Layout,
    parent: str,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    data: np.ndarray | None = None,
    growing: bool = False,
    packed: bool = False,
) -> MakeArray:
    """A column of the document store: plain numbers, never empty CARRAYs."""
    kind = Kind.GROWING if growing or 0 in shape else Kind.ARRAY
    node = layout.place(
        Role.COLUMN,
        parent,
        called=name,
        kind=kind,
        shape=shape,
        dtype=dtype.name,
    )
    return MakeArray(
        path=node.path,
        shape=shape,
        dtype=dtype,
        attributes=node.attributes,
        data=data,
        growing=kind is Kind.GROWING,
        packed=packed,
    )


Placed = Iterator[tuple[Operation, Array | None]]


def _branch(
    layout: Layout, branch: Branch, parent: str, scan: Mapping[str, Any]
) -> Placed:
    yield from _navigation(layout, branch, parent)
    numbers = {"actuator": 0, "detector": 0}
    for module in branch.modules:
        number = numbers[module.kind]
        numbers[module.kind] += 1
        yield from _module(layout, branch, module, parent, number, scan)
    for role, array in (
        (Role.TIMESTAMPS, branch.timestamps),
        (Role.VISITED, branch.visited),
    ):
        if array is not None:
            group = place_group(layout, role, parent, title=array.label)
            yield group, None
            channel = Channel(
                title=array.label,
                dimension="Data0D",
                arrays=(array,),
                source="calculated",
                origin=array.label,
            )
            yield from _channels(layout, branch, (channel,), group.path, "", scan)


def _navigation(layout: Layout, branch: Branch, parent: str) -> Placed:
    # An empty axis is one that PyMoDAQ's loader cannot load (5.3.0: IndexError).
    if not branch.axes or 0 in branch.shape:
        return
    listed = layout.axes_listed and (branch.spread or len(branch.axes) > 2)
    role = Role.NAV_LISTED if listed else Role.NAV_AXIS
    if layout.has(Role.NAV_GROUP):
        group = place_group(layout, Role.NAV_GROUP, parent)
        yield group, None
        parent = group.path
    for n, axis in enumerate(branch.axes):
        values = np.asarray(axis.values, float)
        if layout.axes_listed and not branch.spread:
            values = _listed(branch, axis, values)
        fields = _axis_fields(layout, axis, values)
        if layout.axes_listed and branch.spread:
            fields["index"] = n  # PyMoDAQ 3 counts them, though they share a dimension
        node = layout.place(role, parent, n, **fields)
        yield _made(node, values), None


def _listed(branch: Branch, axis: Axis, values: np.ndarray) -> np.ndarray:
    """Position of every point along an axis: as visited, then the rest."""
    size = int(np.prod(branch.shape))
    visits = branch.visits if branch.visits is not None else np.arange(size)
    visits = visits[visits < size]
    seen = np.zeros(size, bool)
    seen[visits] = True
    points = np.concatenate([visits, np.flatnonzero(~seen)]).astype(np.int64)
    return values[np.unravel_index(points, branch.shape)[axis.index]]


def _axis_fields(
    layout: Layout, axis: Axis, values: np.ndarray, index: int | None = None
) -> dict[str, Any]:
    known = layout.row(Role.NAV_AXIS if index is None else Role.SIGNAL_AXIS).fields
    with np.errstate(invalid="ignore", over="ignore"):  # a readback can be anything
        steps = np.diff(values)
        step = float(steps.mean()) if steps.size else np.nan
        linear = bool(np.isfinite(step)) and are_nearly(steps, step)
    empty = not values.size
    fields = {
        "title": axis.label,
        "label": axis.label,
        "units": loadable_units(axis.units, layout.dialect),
        "index": axis.index if index is None else index,
        "spread_order": axis.spread_order,
        "size": int(values.size),
        "offset": float(values[0]) if values.size else 0.0,
        "scaling": step if linear else 1.0,
        "distribution": "uniform" if linear else "spread",
        "shape": values.shape,
        "dtype": values.dtype.name,
    }
    chosen = {name: v for name, v in fields.items() if name in known.values()}
    return {**chosen, "kind": Kind.GROWING} if empty else chosen


def _made(node: Node, values: np.ndarray) -> MakeArray:
    return MakeArray(
        path=node.path,
        shape=values.shape,
        dtype=values.dtype,
        attributes=node.attributes,
        data=values if values.size else None,
        growing=node.kind is Kind.GROWING,
    )


def _module(
    layout: Layout,
    branch: Branch,
    module: Module,
    parent: str,
    number: int,
    scan: Mapping[str, Any],
) -> Placed:
    role = _MODULE_ROLES[module.kind]
    fields: dict[str, Any] = {"title": module.title}
    if "name" in layout.row(role).fields.values():
        fields["name"] = module.title
    if module.settings:
        fields["settings"] = module.settings
    group = place_group(layout, role, parent, number, **fields)
    yield group, None
    yield from _channels(
        layout, branch, module.channels, group.path, module.title, scan
    )
    for n, (time, settings) in enumerate(module.history):
        earlier = place_group(
            layout,
            Role.HISTORY,
            group.path,
            n,
            title=f"settings of {module.title} until they were changed",
            settings=settings,
            time=time,
        )
        yield earlier, None


def _channels(
    layout: Layout,
    branch: Branch,
    channels: Sequence[Channel],
    parent: str,
    origin: str,
    scan: Mapping[str, Any],
) -> Placed:
    made: dict[str, int] = {}
    for channel in channels:
        if channel.dimension not in made:
            made[channel.dimension] = 0
            group = place_group(
                layout, Role.DIMENSION, parent, called=channel.dimension
            )
            yield group, None
        for part in _parts(layout, channel):
            path = f"{parent}/{channel.dimension}"
            number = made[channel.dimension]
            made[channel.dimension] += 1
            group = place_group(
                layout,
                Role.CHANNEL,
                path,
                number,
                title=part.title,
                origin=part.origin or origin,
            )
            yield group, None
            yield from _arrays(layout, branch, part, group.path, scan)


def _parts(layout: Layout, channel: Channel) -> tuple[Channel, ...]:
    """A channel as the layout holds it: whole, or one for each array."""
    if not layout.channels_hold_one or len(channel.arrays) == 1:
        return (channel,)
    return tuple(
        Channel(
            title=array.label,
            dimension=channel.dimension,
            arrays=(array,),
            axes=channel.axes,
            source=channel.source,
            origin=channel.origin,
            backgrounds=channel.backgrounds[n : n + 1],
        )
        for n, array in enumerate(channel.arrays)
    )


def _arrays(
    layout: Layout,
    branch: Branch,
    channel: Channel,
    parent: str,
    scan: Mapping[str, Any],
) -> Placed:
    growing = branch.growing
    role = Role.GROWING if growing and layout.has(Role.GROWING) else Role.DATA
    for kind, arrays in (
        (role, channel.arrays),
        (Role.ERROR, channel.errors),
        (Role.BACKGROUND, channel.backgrounds),
    ):
        for n, array in enumerate(arrays):
            fixed = kind is role and array.elsewhere
            place = Role.DATA if fixed else kind
            fields = _data_fields(layout, place, branch, channel, array, scan)
            node = layout.place(place, parent, n, **fields)
            yield _made_empty(node, array), array
    nav = len(branch.shape)
    signals = len(channel.arrays[0].data.shape) - nav if channel.arrays else 0
    for n, axis in enumerate(channel.axes):
        number = signals - 1 - axis.index if layout.channels_hold_one else n
        values = np.asarray(axis.values, float)
        if layout.channels_hold_one and not 0 <= number < 6:
            continue
        fields = _axis_fields(layout, axis, values, nav + axis.index)
        node = layout.place(Role.SIGNAL_AXIS, parent, number, **fields)
        yield _made(node, values), None


def _data_fields(
    layout: Layout,
    role: Role,
    branch: Branch,
    channel: Channel,
    array: Array,
    scan: Mapping[str, Any],
) -> dict[str, Any]:
    short = layout.dialect == "pymodaq3"
    scan_type = str(scan.get("scan_type", ""))
    if short and branch.spread:
        scan_type = "tabular"
    fields: dict[str, Any] = {
        "title": channel.title,
        "name": channel.title,
        "label": array.label,
        "units": loadable_units(array.units, layout.dialect),
        "source": _SOURCE[layout.dialect][channel.source],
        "distribution": "spread" if branch.spread else "uniform",
        "origin": channel.origin,
        "nav_indexes": tuple(range(len(branch.shape))),
        "timestamp": branch.started,
        "dimension": channel.dimension.removeprefix("Data")
        if short
        else channel.dimension,
        "scan_type": scan_type[:1].lower() + scan_type[1:],
        "scan_subtype": str(scan.get("scan_sub_type", "")),
        "shape": tuple(array.data.shape),
        "dtype": array.data.dtype.name,
    }
    known = layout.row(role).fields.values()
    chosen = {name: value for name, value in fields.items() if name in known}
    if branch.growing and not array.elsewhere:
        chosen["kind"] = Kind.GROWING
    if array.attributes:
        chosen["extra"] = dict(array.attributes)
    return chosen


_SOURCE = {
    "pymodaq5": {"raw": "raw", "calculated": "calculated"},
    "pymodaq3": {"raw": "raw", "calculated": "roi"},
}


def _made_empty(node: Node, array: Array) -> MakeArray:
    values: Any = array.data
    given = values if type(values) is np.ndarray else None
    return MakeArray(
        path=node.path,
        shape=tuple(values.shape),
        dtype=values.dtype,
        attributes=node.attributes,
        data=given if given is None or given.size else None,
        fill=np.nan if values.dtype.kind in "fc" else None,
        growing=node.kind is Kind.GROWING,
    )
