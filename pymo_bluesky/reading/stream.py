"""What was read together: modules, their channels, settings and positions; no files."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FormatError, Problem, printable
from ..model import Array, Axis, Branch, Channel
from ..model import Module as ModuleModel

if TYPE_CHECKING:
    from ..settings import Parameter, Roi

__all__ = ["Module", "Stream", "described", "parsed_settings", "times"]


class Module:
    """An actuator or a detector of a scan.

    Attributes
    ----------
    kind
        ``"actuator"`` or ``"detector"``.
    name, title
        ``Detector000``, and its name in PyMoDAQ.
    channels
        What it measured; each `Channel` has its arrays, labels, units and axes.
    settings_xml
        Its settings as they are stored; empty when there are none.
    """

    def __init__(self, about: ModuleModel, path: str) -> None:
        self.kind: str = about.kind
        self.name: str = about.name
        self.title: str = about.title
        self.channels: tuple[Channel, ...] = about.channels
        self.settings_xml: bytes = about.settings
        self._history = about.history
        self._path = path

    @cached_property
    def parsed(self) -> tuple[Parameter | None, Problem | None]:
        """The tree of its settings, or why they are not readable."""
        return parsed_settings(self.settings_xml, f"{self._path}: {self.title}")

    @property
    def settings(self) -> Parameter | None:
        """The tree of its settings; None when there is none, or it is unreadable."""
        return self.parsed[0]

    @property
    def rois(self) -> tuple[Roi, ...]:
        """Regions of interest of its viewers."""
        if not self.settings:
            return ()
        from ..settings import rois_from_xml

        return rois_from_xml(self.settings)

    @property
    def history(self) -> tuple[tuple[float, Parameter | None], ...]:
        """Earlier settings in the same run, oldest first: (time, tree)."""
        return tuple((time, parsed_settings(xml, "")[0]) for time, xml in self._history)

    @property
    def arrays(self) -> dict[str, Array]:
        """All its arrays by their labels."""
        return {a.label: a for channel in self.channels for a in channel.arrays}

    def __repr__(self) -> str:
        arrays = ", ".join(
            f"{label} {times(a.data.shape)}" for label, a in self.arrays.items()
        )
        return f"<{self.kind} {self.title}{': ' if arrays else ''}{arrays}>"


class Stream:
    """What was read together: modules and their navigation.

    Attributes
    ----------
    name
        ``primary`` for a scan itself.
    shape
        Points along each navigation dimension.
    axes
        Navigation axes: positions of the actuators.
    spread
        The axes hold the positions of each point; they do not span a grid.
    actuators, detectors
        The modules.
    timestamps
        Seconds since the start, of each point; NaN where it was not visited. None when
        the file does not tell.
    visits
        Flat number of each visited point in the order of visiting; None when not known.
    """

    def __init__(self, branch: Branch, path: str) -> None:
        self.name = branch.title
        self.shape = branch.shape
        self.axes: tuple[Axis, ...] = branch.axes
        self.spread = branch.spread
        self.timestamps: Array | None = branch.timestamps
        self.visits: np.ndarray | None = branch.visits
        self._branch = branch
        modules = tuple(Module(module, path) for module in branch.modules)
        self.actuators = tuple(m for m in modules if m.kind == "actuator")
        self.detectors = tuple(m for m in modules if m.kind == "detector")

    @property
    def modules(self) -> tuple[Module, ...]:
        """Actuators, then detectors."""
        return (*self.actuators, *self.detectors)

    @property
    def visited(self) -> np.ndarray | None:
        """Which points were measured, of the scan's shape; None when not known."""
        visited = self._branch.visited
        if visited is not None:
            return np.asarray(visited.data[()]).astype(bool)
        if self.timestamps is not None and self.timestamps.data.shape == self.shape:
            return ~np.isnan(np.asarray(self.timestamps.data[()], float))
        return None

    @property
    def seen(self) -> tuple[Branch, np.ndarray | None]:
        """What a picture is drawn of: the stream as it was read, and `visited`."""
        visited = self.visited
        fits = visited is not None and visited.shape == self.shape
        return self._branch, visited if fits else None

    def __repr__(self) -> str:
        return f"<stream {self.name}: {described(self)}>"


def parsed_settings(xml: bytes, where: str) -> tuple[Parameter | None, Problem | None]:
    """A settings tree, or why it cannot be read; both None when there is none."""
    if not xml:
        return None, None
    from ..settings import from_xml  # few who look at scans look there

    try:
        return from_xml(xml), None
    except FormatError as error:
        return None, Problem(printable(where), "warning", "settings", str(error))


def times(shape: tuple[int, ...]) -> str:
    """A shape as people write it."""
    return " x ".join(map(str, shape)) or "one value"


def described(stream: Stream) -> str:
    """What a stream holds, in a few words."""
    points = " x ".join(map(str, stream.shape)) or "one"
    over = ", ".join(axis.label for axis in stream.axes)
    detectors = ", ".join(m.title for m in stream.detectors if m.channels)
    return (
        f"{points} point{'' if points in ('one', '1') else 's'}"
        f"{' over ' if over else ''}{over}{': ' if detectors else ''}{detectors}"
    )
