"""Recognised nodes of a scan to the model that `placing` writes; knows no file library.

Two things differ between generations: where positions are kept (one value for each
point of an axis, or one for each point of the scan), and how signal axes are numbered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..model import Array, ArrayLike, Axis, Branch, Channel, Module, Scan
from .by_hand import channels_by_hand, dimension_by_hand, shaping
from .navigating import Navigation, listed_navigation, plain_navigation
from .ones import WithoutOnes
from .recognising import FileNode, Seen, Watch
from .table import Layout, Role

__all__ = ["Assembled", "assemble", "told", "xml_bytes"]

_PICTURE = "pixmap"
"""How the names of attributes begin that hold a thumbnail, in all of PyMoDAQ."""

Lazy = Callable[[FileNode], ArrayLike]

_MODULES = (Role.ACTUATOR, Role.DETECTOR)
_NAVIGATION = (Role.NAV_GROUP, Role.NAV_TIME)
# Before 2.0.1 only the name tells what was computed from a ROI.
_ROI_NAME = re.compile(r"_ROI_\d+$")
_SETTINGS_OF = re.compile(r'title="([^"]+) settings"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """A scan, and what its file says beside it.

    Attributes
    ----------
    scan
        The scan.
    path
        Of its group.
    beside
        How many of its branches are modules with a navigation of their own (data
        loggers), rather than other streams of a run.
    pictures
        Thumbnails (PNG), by the path of the node that has them.
    """

    scan: Scan
    path: str
    beside: int
    pictures: Mapping[str, bytes]


def assemble(layout: Layout, seen: Seen, lazy: Lazy, watch: Watch) -> Assembled:
    """The scan that a recognised group is.

    Parameters
    ----------
    layout
        Its table.
    seen
        A scan; or the group of all scans, when modules lie directly in it.
    lazy
        Makes an array of a node that is read when it is indexed.
    watch
        Where problems are noted.
    """
    maker = _Maker(layout, lazy, watch)
    trunk, own = maker.branches(seen)
    streams = [
        maker.branch(stream, stream.text("title"), stream.below(*_MODULES))
        for group in seen.below(Role.STREAMS)
        for stream in group.below(Role.STREAM)
    ]
    scan = Scan(
        name=seen.name,
        attributes=told(seen, without=("settings", "title")),
        settings=xml_bytes(
            seen.fields.get("scan_settings") or seen.fields.get("settings")
        ),
        trunk=trunk,
        branches=(*own, *streams),
    )
    pictures = {
        f"{part.node.path}/{name}": value
        for part in _without_scans(seen)
        for name, value in {**part.others, **part.fields}.items()
        if isinstance(value, bytes) and value.startswith(b"\x89PNG")
    }
    return Assembled(scan=scan, path=seen.node.path, beside=len(own), pictures=pictures)


def told(seen: Seen, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """What the attributes of a node say, but for thumbnails and the digest of scans."""
    fields = {name: seen.fields[name] for name in seen.fields if name != "digest"}
    return {
        name: part[name]
        for part in (seen.others, fields)
        for name in part
        if name not in without and not name.startswith(_PICTURE)
    }


def _without_scans(seen: Seen) -> Iterator[Seen]:
    """A group and what is below it, but not scans beside the modules of a viewer."""
    yield seen
    for child in seen.children:
        if child.role is not Role.SCAN:
            yield from _without_scans(child)


def xml_bytes(value: Any) -> bytes:
    """Settings as bytes, however they were stored; empty when there are none."""
    if isinstance(value, bytes):
        return value
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else b""


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes branches, modules and channels of one scan."""

    layout: Layout
    lazy: Lazy
    watch: Watch

    def branches(self, seen: Seen) -> tuple[Branch, tuple[Branch, ...]]:
        """The trunk, and a branch for each module that has its own navigation.

        A single such module (a viewer's continuous save) is the trunk itself.
        """
        modules = seen.below(*_MODULES)
        if seen.below(Role.DIMENSION):  # a viewer of 1.4: the file is the module
            modules = (*modules, seen)
        own = [module for module in modules if _own_navigation(module)]
        measured = [module for module in modules if module.below(Role.DIMENSION)]
        if len(own) == 1 and measured == own and not seen.below(*_NAVIGATION):
            trunk = self.branch(seen, "primary", modules, _own_navigation(own[0]))
            return trunk, ()
        rest = tuple(module for module in modules if module not in own)
        beside = tuple(
            self.branch(seen, _title(module), (module,), _own_navigation(module))
            for module in own
        )
        return self.branch(seen, "primary", rest), beside

    def branch(
        self,
        seen: Seen,
        title: str,
        modules: Sequence[Seen],
        navigation: tuple[Seen, ...] = (),
    ) -> Branch:
        """One stream: modules that share a navigation."""
        arrays = [a for module in modules for a in _data(module)]
        titles = [_title(m) for m in modules if m.role is Role.ACTUATOR]
        found = self._navigation(seen, navigation, modules, arrays, titles)
        times = self._single(seen, Role.TIMESTAMPS) if not navigation else None
        visited = self._single(seen, Role.VISITED) if not navigation else None
        stamps = [a.fields.get("timestamp") for a in arrays]
        return Branch(
            title=title or "primary",
            shape=found.shape,
            axes=found.axes,
            spread=found.spread,
            growing=found.growing or any(a.role is Role.GROWING for a in arrays),
            modules=tuple(self._module(m, found) for m in modules),
            timestamps=times,
            visited=visited,
            visits=_visits(found, times, visited),
            started=min((s for s in stamps if isinstance(s, float)), default=0.0),
        )

    def _navigation(
        self,
        seen: Seen,
        navigation: tuple[Seen, ...],
        modules: Sequence[Seen],
        arrays: Sequence[Seen],
        titles: Sequence[str],
    ) -> Navigation:
        def found(arrays: Sequence[Seen], watch: Watch) -> Navigation:
            if self.layout.axes_listed:
                times = navigation or seen.below(Role.NAV_TIME)
                axes = seen.below(Role.NAV_AXIS, Role.NAV_LISTED) or times
                return listed_navigation(axes, arrays, watch, titles)
            groups = navigation or seen.below(Role.NAV_GROUP)
            axes = [axis for group in groups for axis in group.below(Role.NAV_AXIS)]
            return plain_navigation(axes, arrays, watch)

        return found(arrays or shaping(modules, found), self.watch)

    def _single(self, seen: Seen, role: Role) -> Array | None:
        for group in seen.below(role):
            for data in _data(group):
                return Array(label=data.text("label"), data=self.lazy(data.node))
        return None

    # ------------------------------------------------------------------- modules

    def _module(self, seen: Seen, navigation: Navigation) -> Module:
        kind: Literal["actuator", "detector"] = (
            "actuator" if seen.role is Role.ACTUATOR else "detector"
        )
        history = tuple(
            (
                float(past.fields.get("time") or 0.0),
                xml_bytes(past.fields.get("settings")),
            )
            for past in seen.below(Role.HISTORY)
        )
        return Module(
            kind=kind,
            title=_title(seen),
            name=seen.name,
            settings=xml_bytes(seen.fields.get("settings")),
            channels=tuple(
                self._channel(channel, dimension, navigation)
                for dimension, channel in self._channels(seen, navigation)
                if _channel_data(channel)
            ),
            history=history,
        )

    def _channels(
        self, module: Seen, navigation: Navigation
    ) -> Iterator[tuple[str, Seen]]:
        for group in module.below(Role.DIMENSION):
            for channel in group.below(Role.CHANNEL, Role.DATA):
                yield group.node.name, channel
        for seen in channels_by_hand(module, navigation, self.watch):
            yield dimension_by_hand(seen, navigation), seen

    def _channel(self, seen: Seen, dimension: str, navigation: Navigation) -> Channel:
        data = _channel_data(seen)
        title = seen.text("name") or seen.text("title") or data[0].text("title")
        title = title or seen.name
        arrays = tuple(self._array(a, title, dimension, navigation) for a in data)
        signals = len(arrays[0].data.shape) - len(navigation.shape)
        return Channel(
            title=title,
            dimension=dimension,
            arrays=arrays,
            axes=tuple(self._signal_axes(seen, navigation, signals, arrays[0])),
            source=_source(data[0]),
            origin=seen.text("origin") or data[0].text("origin"),
            errors=self._companions(seen, Role.ERROR, title, dimension, navigation),
            backgrounds=self._companions(
                seen, Role.BACKGROUND, title, dimension, navigation
            ),
        )

    def _companions(
        self, seen: Seen, role: Role, title: str, dimension: str, navigation: Navigation
    ) -> tuple[Array, ...]:
        return tuple(
            self._array(part, title, dimension, navigation) for part in seen.below(role)
        )

    def _array(
        self, seen: Seen, title: str, dimension: str, navigation: Navigation
    ) -> Array:
        data = self.lazy(seen.node)
        shape = data.shape
        if dimension == "Data0D" and len(shape) > len(navigation.shape):
            # PyMoDAQ keeps the 1 of a number in enlargeable arrays and 3.x ROI data.
            data = WithoutOnes(data, len(navigation.shape))
        if navigation.shape and shape[: len(navigation.shape)] != navigation.shape:
            self.watch.warn(
                seen.node.path,
                "shape",
                f"its shape is {shape}, the scan's is {navigation.shape}",
            )
        return Array(
            label=seen.text("label") or title,
            data=data,
            units=seen.text("units"),
            attributes=dict(seen.others),
        )

    def _signal_axes(
        self, seen: Seen, navigation: Navigation, signals: int, first: Array
    ) -> Iterator[Axis]:
        for axis in seen.below(Role.SIGNAL_AXIS):
            values = np.asarray(axis.node[()]).reshape(-1)
            index = self._signal_index(axis, navigation, signals)
            if not 0 <= index < max(signals, 1):
                self.watch.warn(
                    axis.node.path, "axis", f"is for a dimension {index} that is not"
                )
                continue
            size = first.data.shape[len(navigation.shape) :][index : index + 1]
            if size and size[0] != values.size:
                self.watch.warn(
                    axis.node.path,
                    "axis-length",
                    f"has {values.size} values; the data have {size[0]} there",
                )
            yield Axis(
                label=axis.text("label"),
                units=axis.text("units"),
                values=values,
                index=index,
            )

    def _signal_index(self, axis: Seen, navigation: Navigation, signals: int) -> int:
        if self.layout.channels_hold_one:  # X is the fastest
            return signals - 1 - axis.number
        index = axis.fields.get("index")
        if not isinstance(index, int):
            return axis.number
        return index - len(navigation.shape)


def _title(seen: Seen) -> str:
    if seen.role is Role.ROOT:
        titled = _SETTINGS_OF.search(seen.text("settings"))
        return titled[1] if titled else "Detector"
    return seen.text("name") or seen.text("title") or seen.name


def _channel_data(seen: Seen) -> tuple[Seen, ...]:
    """Arrays of a channel; a number of 1.4 is channel and array in one."""
    single = seen.role in (Role.DATA, Role.BY_HAND)
    return (seen,) if single else seen.below(Role.DATA, Role.GROWING)


def _data(seen: Seen) -> list[Seen]:
    return [part for part in seen.walk() if part.role in (Role.DATA, Role.GROWING)]


def _own_navigation(module: Seen) -> tuple[Seen, ...]:
    """Navigation axes below a module itself; the nearest count."""
    if not _data(module):
        return ()
    return tuple(part for part in module.walk() if part.role in _NAVIGATION)


def _source(seen: Seen) -> Literal["raw", "calculated"]:
    told = seen.text("source")
    if told:
        return "calculated" if told in ("calculated", "roi") else "raw"
    return "calculated" if _ROI_NAME.search(seen.text("label")) else "raw"


def _visits(
    navigation: Navigation, times: Array | None, visited: Array | None
) -> np.ndarray | None:
    """Points in the order of visiting, as far as the file tells."""
    count = None
    if visited is not None and visited.data.shape == navigation.shape:
        count = int(np.count_nonzero(visited.data[()]))
    if navigation.visits is not None:
        return navigation.visits if count is None else navigation.visits[:count]
    if times is None or times.data.shape != navigation.shape:
        return None
    seconds = np.asarray(times.data[()], float).reshape(-1)
    order = np.argsort(seconds, kind="stable")
    return order[: int(np.count_nonzero(~np.isnan(seconds)))]
