"""One scan of a dataset as it is looked at; knows no node names and no HDF5."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, overload

import numpy as np

from ..errors import NotFoundError, Problem
from ..layouts.assembling import Assembled
from ..layouts.dates import read_date
from ..layouts.table import Role
from ..model import Array, Axis
from ..twigs import Shown, Twig, drawn
from .showing import scan_twig
from .stream import Module, Stream, described, parsed_settings

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    from ..labelled import Chunks
    from ..settings import Parameter, Roi

__all__ = ["Content", "Place", "Scan", "ScanFile", "Scans"]


class Content(NamedTuple):
    """What is in a scan, what is wrong with it, and what else lies there."""

    assembled: Assembled
    problems: tuple[Problem, ...]
    extras: tuple[str, ...]


class Place(NamedTuple):
    """Where a scan is in its file."""

    name: str
    number: int
    path: str
    role: Role


class ScanFile(Protocol):
    """The file that a scan reads itself from."""

    path: Path

    def about(self, path: str, role: Role) -> dict[str, Any]:
        """Attributes of the group of a scan."""
        ...

    def told(self, path: str, role: Role, name: str) -> Any:
        """One attribute of the group of a scan."""
        ...

    def content(self, path: str, role: Role) -> Content:
        """What is in the group of a scan."""
        ...

    def documents(
        self, scan: Scan, *, pages: bool = False, fill: bool = False
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Documents of a scan."""
        ...

    def outline(self, scan: Scan) -> Iterator[tuple[str, dict[str, Any]]]:
        """Documents of a scan but its events."""
        ...


class Scan(Shown):
    """One scan of a dataset: what it is, and what was measured.

    Attributes
    ----------
    name, number
        ``Scan002`` and 2.
    path
        Of its group in the file.
    running
        Whether the run goes on, and this is what it has come to so far.
    """

    running: bool = False

    def __init__(self, place: Place, file: ScanFile) -> None:
        self._file = file
        self.name = place.name
        self.number = place.number
        self.path = place.path
        self._role = place.role

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """Decoded, dates put right: author, date_time, scan_type, description, etc."""
        return MappingProxyType(self._file.about(self.path, self._role))

    @property
    def exit_status(self) -> str:
        """How the run ended, as the scan itself tells it; empty when it does not."""
        return str(self._file.told(self.path, self._role, "exit_status") or "")

    @property
    def _plain(self) -> dict[str, str | int | float]:
        """Those attributes that netCDF and zarr take too."""
        known = ((k, v) for k, v in self.attributes.items() if v not in ("", None))
        found = {k: int(v) if v is True or v is False else v for k, v in known}
        return {k: v for k, v in found.items() if isinstance(v, str | int | float)}

    @property
    def uid(self) -> str:
        """Of the run; empty when the file holds none (PyMoDAQ's own files)."""
        return str(self.attributes.get("uid") or "")

    @property
    def time(self) -> datetime.datetime | None:
        """When it began, in the laboratory's local time."""
        return read_date(self.attributes.get("date_time"))

    # ------------------------------------------------------------------ its parts

    @cached_property
    def _content(self) -> Content:
        return self._file.content(self.path, self._role)

    @property
    def assembled(self) -> Assembled:
        """The scan in the words that a layout writes."""
        return self._content.assembled

    @cached_property
    def trunk(self) -> Stream:
        """What the scan itself measured, without other streams."""
        return Stream(self.assembled.scan.trunk, self.path)

    @cached_property
    def streams(self) -> Mapping[str, Stream]:
        """Other streams by name: baseline, monitors, the modules of a data logger."""
        branches = self.assembled.scan.branches
        return MappingProxyType({b.title: Stream(b, self.path) for b in branches})

    @property
    def _beside(self) -> list[Stream]:
        return list(self.streams.values())[: self.assembled.beside]

    @property
    def actuators(self) -> tuple[Module, ...]:
        """Its actuators."""
        own = [m for stream in self._beside for m in stream.actuators]
        return (*self.trunk.actuators, *own)

    @property
    def detectors(self) -> tuple[Module, ...]:
        """Its detectors."""
        own = [m for stream in self._beside for m in stream.detectors]
        return (*self.trunk.detectors, *own)

    @property
    def modules(self) -> tuple[Module, ...]:
        """Its actuators, then its detectors."""
        return (*self.actuators, *self.detectors)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Navigation axes: positions of the actuators."""
        return self.trunk.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each navigation dimension."""
        return self.trunk.shape

    @property
    def timestamps(self) -> Array | None:
        """Seconds since the start of each point; None when the file does not tell."""
        return self.trunk.timestamps

    @property
    def visited(self) -> np.ndarray | None:
        """Which points were measured, of the scan's shape; None when not known."""
        return self.trunk.visited

    @property
    def visits(self) -> np.ndarray | None:
        """Flat number of each visited point in the order of visiting; None: unknown."""
        return self.trunk.visits

    @property
    def settings_xml(self) -> bytes:
        """The scan's own settings as they are stored."""
        return self.assembled.scan.settings

    @cached_property
    def _parsed(self) -> tuple[Parameter | None, Problem | None]:
        return parsed_settings(self.settings_xml, self.path)

    @property
    def settings(self) -> Parameter | None:
        """The tree of the scan's own settings; None when there is none."""
        return self._parsed[0]

    @property
    def rois(self) -> tuple[Roi, ...]:
        """Regions of interest of all its detectors."""
        return tuple(roi for module in self.detectors for roi in module.rois)

    @property
    def pictures(self) -> Mapping[str, bytes]:
        """Thumbnails (PNG) by the path of the node that holds them."""
        return self.assembled.pictures

    @property
    def extras(self) -> tuple[str, ...]:
        """Paths of nodes that are not part of a scan as PyMoDAQ writes it."""
        return self._content.extras

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with it; looks at everything but the values."""
        modules = [*self.trunk.modules]
        for stream in self.streams.values():
            modules += stream.modules
        parsed = [self._parsed, *(module.parsed for module in modules)]
        unread = tuple(problem for _, problem in parsed if problem)
        return (*self._content.problems, *unread)

    # ------------------------------------------------------------------ other forms

    def documents(
        self, *, pages: bool = False, fill: bool = False
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The scan as bluesky documents: those that went in, or made from the tree.

        Parameters
        ----------
        pages
            Give event pages in place of single events.
        fill
            Fill in data that detectors wrote into other files (see `replay`).
        """
        return self._file.documents(self, pages=pages, fill=fill)

    def outline(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Its documents without the events: of a long scan, in little time."""
        return self._file.outline(self)

    def to_xarray(self, *, chunks: Chunks | None = None) -> xarray.Dataset:
        """The scan as xarray: dimensions named by the axes, units in the attributes.

        Parameters
        ----------
        chunks
            For data larger than memory: values are read by dask when they are needed,
            in chunks of ``"auto"``, or ``{"x": 10}`` points (what is not named is
            whole). By default all are read now.

        Raises
        ------
        MissingExtraError
            When xarray is not installed; with `chunks`, when dask is not.
        """
        from ..labelled import labelled

        return labelled(
            self.assembled.scan.trunk,
            chunks=chunks,
            attributes={"file": str(self._file.path), "scan": self.name, **self._plain},
        )

    def plot(
        self, named: str = "", *, at: int | Sequence[int] = (), title: str = ""
    ) -> Figure:
        """The scan as a picture: numbers over positions, maps, spectra, frames, ROIs.

        Parameters
        ----------
        named
            A detector, an actuator, a channel or an array; all detectors by default.
        at
            Where frames (and spectra of a map) are drawn, which are too many to draw
            all: an index for each dimension, the scanned ones first. By default the
            middle of what was measured.
        title
            Above the picture; by default the file, the scan, its plan and its date.

        Returns
        -------
        matplotlib.figure.Figure
            Notebooks show it; `pymo_bluesky.plotting.save` writes it to a file.

        Raises
        ------
        PymoError
            When there is nothing to draw, nothing of that name, or no such place.
        MissingExtraError
            When matplotlib is not installed.
        """
        from ..plotting import draw

        beside = self._beside
        return draw(
            [stream.seen for stream in (self.trunk, *beside)],
            [stream.seen for stream in list(self.streams.values())[len(beside) :]],
            named=named,
            at=(at,) if isinstance(at, int) else tuple(at),
            title=title or self._heading,
        )

    @property
    def _heading(self) -> str:
        kind = self.attributes.get("plan_name") or self.attributes.get("scan_type")
        when = self.time
        name = f"{self._file.path.stem} {self.name.strip('/')}".strip()
        words = (name, kind, f"{when:%Y-%m-%d %H:%M:%S}" if when else "")
        return ", ".join(str(word) for word in words if word)

    def tree(self, *, settings: bool = True) -> str:
        """The scan as a tree of text.

        Parameters
        ----------
        settings
            Whether the settings of its modules are shown too.
        """
        return drawn(self.twig(settings=settings))

    def twig(self, *, settings: bool = True) -> Twig:
        """The scan as a tree of lines."""
        return scan_twig(self, settings=settings)

    _repr_pretty_ = Shown._repr_pretty_  # IPython asks the class with a repr first

    def __repr__(self) -> str:
        kind = " ".join(
            str(self.attributes[key])
            for key in ("scan_type", "scan_sub_type")
            if self.attributes.get(key)
        )
        what = described(self.trunk)
        if self.assembled.beside:
            what = "series of " + ", ".join(self.streams)
        return f"<{self.name}{': ' if kind else ''}{kind}, {what}>"


class Scans(Sequence[Scan]):
    """The scans of a dataset: by place (negative too), name or run uid.

    Examples
    --------
    ``scans[0]``, ``scans[-1]``, ``scans["Scan002"]``, ``scans["4b1d…"]``
    """

    def __init__(self, scans: Sequence[Scan], path: Path) -> None:
        self._scans = tuple(scans)
        self._path = path

    @overload
    def __getitem__(self, key: int | str) -> Scan: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Scan, ...]: ...
    def __getitem__(self, key: int | str | slice) -> Scan | tuple[Scan, ...]:
        """One scan, or some.

        Raises
        ------
        NotFoundError
            When there is no such scan.
        """
        if isinstance(key, slice):
            return self._scans[key]
        if isinstance(key, str):
            for scan in self._scans:
                if key == scan.name or (key and key == scan.uid):
                    return scan
        elif -len(self) <= key < len(self):
            return self._scans[key]
        names = [scan.name for scan in self._scans]
        some = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        raise NotFoundError(
            f"{self._path}: there is no scan {key!r}; there are {some or 'none'}"
        )

    def __iter__(self) -> Iterator[Scan]:
        return iter(self._scans)

    def __len__(self) -> int:
        return len(self._scans)

    def __repr__(self) -> str:
        return f"<{len(self)} scans: {', '.join(s.name for s in self._scans[:8])}>"
