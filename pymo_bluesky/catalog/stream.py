"""A stream of a run as labelled arrays; knows no folders and no layouts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..allowed import Allowed, External
from ..labelled import labelled
from ..model import Array, Branch, Channel, Module
from ..reader import Scan
from ..replaying import stored_index, values_beside_tree
from ..store import Node
from ..store.opening import Source
from ..synthesis.keyed import keyed
from ..synthesis.run import streams_of

if TYPE_CHECKING:
    import xarray

__all__ = ["Stream"]

_log = logging.getLogger("pymo_bluesky")


class RunFile(Protocol):
    """The run that a stream is read from."""

    path: Path
    uid: str
    started: float

    def opened(self, *, external: External = False) -> AbstractContextManager[Scan]:
        """Its scan in the open file."""
        ...

    def documents(
        self, *, pages: bool = False, fill: bool = False
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Its documents."""
        ...


class Stream:
    """One stream of a run.

    Attributes
    ----------
    run, name
        The run, and the stream's name.
    """

    def __init__(self, run: RunFile, name: str) -> None:
        self.run = run
        self.name = name

    @property
    def metadata(self) -> dict[str, Any]:
        """Its ``"descriptors"``."""
        with self.run.opened() as scan:
            descriptors = [
                doc
                for name, doc in scan.outline()
                if name == "descriptor" and doc.get("name", "primary") == self.name
            ]
        return {"descriptors": descriptors}

    def read(self, *, fill: bool = False) -> xarray.Dataset:
        """All its values as an `xarray.Dataset`.

        Parameters
        ----------
        fill
            Read what a detector wrote into other files too, when they lie beside the
            dataset. Otherwise these data keys are left out, or show the ids of their
            datums.

        Returns
        -------
        xarray.Dataset
            One variable for each data key. A grid has the dimensions of the plan, named
            by its motors, with the planned positions as coordinates; what the motor
            ``x`` read back is the variable ``x_readback``. Anything else has the
            dimension ``time``. Units are in the attributes. Points that were not
            measured hold NaN (0 where numbers are whole): see the coordinate
            ``visited``.

        Raises
        ------
        MissingExtraError
            When xarray is not installed.
        """
        # As for events: what lies beside the dataset is filled in, nothing else.
        near = Allowed.around(self.run.path).folders if fill else None
        opened = self.run.opened(external=near or False)
        source = Source(self.run.path, external=near or False)
        with opened as scan, source.opened() as tree:
            node = tree.node(scan.path)
            if stored_index(node) is None:
                return labelled(self._made(scan))
            return self._recorded(scan, node, fill)

    def _made(self, scan: Scan) -> Branch:
        """A stream of a scan that PyMoDAQ wrote."""
        streams = streams_of(scan.assembled.scan)
        return next(keyed(stream) for stream in streams if stream.name == self.name)

    def _recorded(self, scan: Scan, node: Node, fill: bool) -> xarray.Dataset:
        """A stream whose documents the scan holds."""
        whole = scan.assembled.scan
        named = [part for part in whole.branches if part.title == self.name]
        # Not every layout has a place for the time of the start.
        branch = replace((named or [whole.trunk])[0], started=self.run.started)
        beside = values_beside_tree(node, self.name)
        about = self._data_keys()
        if fill:
            beside = self._filled(beside, about)
        arrays = [
            Array(label=key, data=values, units=_units(about.get(key, {})))
            for key, values in beside.items()
        ]
        absent = set(_absent(node, branch, fill))
        return labelled(_without(branch, absent), arrays)

    def _data_keys(self) -> dict[str, Mapping[str, Any]]:
        descriptors = self.metadata["descriptors"]
        return {k: about for d in descriptors for k, about in d["data_keys"].items()}

    def _filled(
        self, beside: dict[str, np.ndarray], about: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, np.ndarray]:
        """Arrays in place of the ids of their datums, as far as they are found."""
        keys = [key for key in beside if "external" in about.get(key, {})]
        datums: dict[str, dict[Any, Any]] = {key: {} for key in keys}
        for name, doc in self.run.documents(fill=True) if keys else ():
            if name in ("event", "event_page"):
                for key in datums.keys() & doc.get("filled", {}).keys():
                    ids, values = doc["filled"][key], doc["data"][key]
                    single = name == "event"
                    pairs = [(ids, values)] if single else zip(ids, values, strict=True)
                    datums[key].update((i, v) for i, v in pairs if i)
        return beside | {
            key: _stacked([datums[key].get(value, value) for value in beside[key]])
            for key in keys
        }

    def __repr__(self) -> str:
        return f"<Stream {self.name!r} of the run {self.run.uid[:8]}>"


def _absent(scan: Node, branch: Branch, fill: bool) -> Iterator[str]:
    """Arrays whose values lie in other files that are not to be read, or are gone."""
    for array in _arrays(branch):
        node = _node(scan, array)
        if node is None or not node.links:
            continue
        if not fill:
            yield array.label
        elif node.lost_links:  # HDF5 would show zeros without a word
            _log.warning(
                "%s is left out: there is no %s; `relocate` tells the dataset where "
                "it is",
                array.label,
                ", ".join(node.lost_links),
            )
            yield array.label
        elif node.refusal():
            _log.warning("%s is left out: %s", array.label, node.refusal())
            yield array.label


def _arrays(branch: Branch) -> Iterator[Array]:
    for module in branch.modules:
        for channel in module.channels:
            yield from channel.arrays


def _node(scan: Node, array: Array) -> Node | None:
    path: str = getattr(array.data, "path", "")
    return scan.get(path.removeprefix(f"{scan.path}/"))


def _units(about: Mapping[str, Any]) -> str:
    units = about.get("units")
    return units if isinstance(units, str) else ""


def _stacked(values: list[Any]) -> np.ndarray:
    """Arrays of one shape as one array; else as objects."""
    shapes = {
        value.shape if isinstance(value, np.ndarray) else None for value in values
    }
    if len(shapes) == 1 and None not in shapes:
        return np.stack(values)
    objects = np.empty(len(values), object)
    objects[:] = values
    return objects


def _without(branch: Branch, labels: set[str]) -> Branch:
    """A stream without some of its arrays."""
    if not labels:
        return branch

    def channel_of(channel: Channel) -> Channel:
        kept = tuple(a for a in channel.arrays if a.label not in labels)
        return replace(channel, arrays=kept)

    def module_of(module: Module) -> Module:
        channels = (channel_of(channel) for channel in module.channels)
        return replace(module, channels=tuple(c for c in channels if c.arrays))

    return replace(branch, modules=tuple(map(module_of, branch.modules)))
