"""Groups by which viewers of NeXus plot a scan, as operations; knows no file library.

``/entry`` (NXentry) holds an NXdata for each channel of each scan. Nothing is copied:
the arrays get a second name there (a hard link), and so do their axes. Only a grid of
PyMoDAQ 3, whose axes list each point of the scan, gets axes of its own.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import printable
from ..layouts import Layout, Role
from ..layouts.assembling import assemble
from ..layouts.placing import place_column
from ..layouts.recognising import Watch, look
from ..model import Array, Branch, Channel, Module, Scan
from ..operations import Link, MakeGroup, Operation, SetAttributes
from ..plotting.choosing import Dimension, best_first, dimensions_of, positions_of
from ..store import Node, Tree

__all__ = ["linked"]

log = logging.getLogger("pymo_bluesky")

ENTRY = "/entry"
_MOST = 50
"""Plots of one scan."""

_NUMBERS = "biuf"
_AXES = (Role.NAV_AXIS, Role.NAV_LISTED, Role.NAV_TIME, Role.SIGNAL_AXIS)


def linked(tree: Tree, layout: Layout, path: str) -> Iterator[Operation]:
    """What shows a scan to viewers of NeXus, and makes it the one they open with.

    Parameters
    ----------
    tree, layout
        The dataset, with the scan in it.
    path
        Of the group of the scan.
    """
    entry = tree.root.get(ENTRY)
    if entry is not None and not _is_ours(layout, entry):
        return  # of another program, which knows what it is for
    try:
        taken = set() if entry is None else set(entry.names())
        made = _Plots(tree, layout, path, taken)
        plots = list(made.operations())
    except Exception:  # the data are there, and that counts
        log.info("%s gets no plot for NeXus", path, exc_info=True)
        return
    if not plots:
        return
    shown = made.shown
    yield SetAttributes("/", {"NX_class": "NXroot", "default": ENTRY[1:]})
    if entry is None:
        root = layout.place(Role.NEXUS, "/", nx_default=shown)
        yield MakeGroup(root.path, root.attributes)
    else:
        yield SetAttributes(ENTRY, {"default": shown})
    yield from plots


def _is_ours(layout: Layout, entry: Node) -> bool:
    found = layout.recognise(Role.ROOT, entry.name, entry.attributes)
    return found is not None and found.row.role is Role.NEXUS


@dataclass(slots=True)
class _Plots:
    """The plots of one scan.

    Names in ``/entry`` that are taken are those of earlier scans, or of one that
    somebody took away.
    """

    tree: Tree
    layout: Layout
    path: str
    taken: set[str]
    shown: str = ""
    _axes: dict[tuple[str, bytes], str] = field(default_factory=dict[Any, str])
    _titled: dict[str, str] = field(default_factory=dict[str, str])

    def operations(self) -> Iterator[Operation]:
        """Its plots, the one that shows it best under the name of the scan."""
        scan = self._assembled()
        if scan is None:
            return
        branches = (scan.trunk, *scan.branches)
        for stream, number, which in best_first(branches)[:_MOST]:
            branch = branches[stream]
            module = branch.modules[number]
            yield from self._plot(branch, module, module.channels[which])
        for path, title in self._titled.items():
            yield SetAttributes(path, {"long_name": title})

    def _assembled(self) -> Scan | None:
        watch = Watch()
        node = self.tree.node(self.path)
        seen = look(self.layout, node, Role.RAW, watch)
        if seen is None:
            return None
        for part in seen.walk():
            if part.role in _AXES:
                values = np.asarray(part.node[()])
                key = (part.text("label"), values.tobytes())
                self._axes.setdefault(key, part.node.path)
        return assemble(self.layout, seen, lambda node: node, watch).scan

    def _plot(
        self, branch: Branch, module: Module, channel: Channel
    ) -> Iterator[Operation]:
        arrays = [a for a in channel.arrays if a.data.dtype.kind in _NUMBERS]
        if not arrays or 0 in arrays[0].data.shape:
            return
        shape = arrays[0].data.shape
        same = [a for a in arrays if a.data.shape == shape]
        scan = self.path.rpartition("/")[2]
        name = f"{scan}_{plain(module.title)}_{plain(channel.title)}"
        name = unique(name if self.shown else scan, self.taken)
        self.shown = self.shown or name
        place = f"{ENTRY}/{name}"
        inside: set[str] = set()
        signals = [unique(plain(a.label), inside) for a in same]
        errors = [
            (f"{called}_errors", error)
            for called, error in _errors_of(channel, same, signals)
            if f"{called}_errors" not in inside
        ]
        inside |= {called for called, _ in errors}
        dimensions = _dimensions(branch, channel)
        axes = [unique(plain(d.label), inside) if d else "." for d in dimensions]
        made = self.layout.place(
            Role.PLOT,
            ENTRY,
            called=name,
            title=f"{scan}: {module.title} {channel.title}",
            nx_signal=signals[0],
        )
        about = {**made.attributes, "axes": _texts(axes)}
        yield MakeGroup(place, {**about, **_shown_as(branch, shape, signals)})
        for called, array in (*zip(signals, same, strict=True), *errors):
            yield from self._array(f"{place}/{called}", array)
        for called, dimension in zip(axes, dimensions, strict=True):
            if dimension is not None:
                yield from self._axis(place, called, dimension)

    def _array(self, place: str, array: Array) -> Iterator[Operation]:
        path = str(getattr(array.data, "path", ""))
        yield Link(place, path)
        self._titled[path] = _titled(array.label, array.units)

    def _axis(self, place: str, called: str, axis: Dimension) -> Iterator[Operation]:
        values = np.asarray(axis.values)
        title = _titled(axis.label, axis.units)
        found = self._axes.get((axis.label, values.tobytes()))
        if found is not None:
            yield Link(f"{place}/{called}", found)
            self._titled[found] = title
            return
        made = place_column(
            self.layout, place, called, values.shape, values.dtype, data=values
        )
        yield made
        about = {"long_name": title, "units": printable(axis.units)}
        yield SetAttributes(made.path, about)


def _shown_as(
    branch: Branch, shape: Sequence[int], signals: Sequence[str]
) -> dict[str, Any]:
    """What else of the signals is shown, and whether each of their rows is a curve."""
    about: dict[str, Any] = {}
    if signals[1:]:
        about["auxiliary_signals"] = _texts(signals[1:])
    if math.prod(branch.shape) == 1 and len(shape) == len(branch.shape) + 1:
        # A spectrum of one point would be an image of one row.
        about["interpretation"] = "spectrum"
    return about


def _errors_of(
    channel: Channel, shown: Sequence[Array], signals: Sequence[str]
) -> Iterator[tuple[str, Array]]:
    """Errors of the arrays that are shown; none where it is not told whose they are."""
    if len(channel.errors) != len(channel.arrays):
        return
    for array, error in zip(channel.arrays, channel.errors, strict=True):
        for one, called in zip(shown, signals, strict=True):
            if one is array and error.data.shape == array.data.shape:
                yield called, error


def _dimensions(branch: Branch, channel: Channel) -> list[Dimension | None]:
    """The axes of a plot; None for a dimension that only counts."""
    found = dimensions_of(branch, channel)
    if branch.spread and len(found) == 1 and not found[0].signal:
        places = [d for d in positions_of(branch) if d.values.shape == (_size(found),)]
        return list(places) or [None]
    return [d if d.label not in ("point", "pixel") else None for d in found]


def _size(dimensions: Sequence[Dimension]) -> int:
    return len(dimensions[0].values)


def _titled(label: str, units: str) -> str:
    return printable(f"{label} ({units})" if units else label)


def _texts(words: Sequence[str]) -> np.ndarray:
    """Texts as every library for HDF5 has them: of fixed length."""
    return np.array([word.encode("ascii") for word in words])


def plain(text: str) -> str:
    """A text as a name that NeXus allows.

    Examples
    --------
    >>> plain("Détecteur 1/x")
    'D_tecteur_1_x'
    """
    name = re.sub(r"\W", "_", text, flags=re.ASCII)[:60]
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def unique(name: str, taken: set[str]) -> str:
    """A name that is not taken yet; it is from now on.

    Examples
    --------
    >>> taken = {"x"}
    >>> unique("x", taken), unique("x", taken)
    ('x_2', 'x_3')
    """
    number, found = 2, name
    while found in taken:
        found = f"{name}_{number}"
        number += 1
    taken.add(found)
    return found
