"""A run of a catalog and its streams, read when asked; knows no folders."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import NotFoundError
from ..labelled import labelled
from ..reader import open_dataset, replay
from ..replaying import loose_documents, stored_index, values_beside_tree
from ..store.nodes import Node, open_tree
from .index import Entry, scans_of

if TYPE_CHECKING:
    import xarray

__all__ = ["Run", "Stream"]


class Run:
    """One run of a catalog; its streams are attributes and items.

    Attributes
    ----------
    path, scan
        Dataset and name of the scan.
    uid
        Of the run.
    started
        When it began, in seconds since 1970.

    Examples
    --------
    ::

        run = catalog[-1]
        run.metadata["start"]["plan_name"]
        run.primary.read()["photodiode_signal"].plot()
    """

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self.path, self.scan, self.uid = entry.path, entry.scan, entry.uid
        self.started = entry.started

    @property
    def metadata(self) -> dict[str, Any]:
        """Its ``"start"`` and ``"stop"`` document; None for a stop that never came."""
        stop = None
        with self.opened() as scan:
            for name, doc in loose_documents(scan):
                stop = doc if name == "stop" else stop
        return {"start": dict(self._entry.start), "stop": stop}

    @property
    def streams(self) -> list[str]:
        """Names of its streams."""
        with self.opened() as scan:
            index = stored_index(scan)
        return [about["name"] for about in index["streams"]] if index else []

    def documents(self, *, pages: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
        """Its documents, as `replay` gives them."""
        return replay(self.path, scan=self.scan, pages=pages)

    def __getitem__(self, name: str) -> Stream:
        names = self.streams
        if name not in names:
            raise NotFoundError(
                f"the run {self.uid} has no stream {name!r}; it has "
                f"{', '.join(names) or 'none'}"
            )
        return Stream(self, name)

    def __getattr__(self, name: str) -> Stream:
        # Prompts ask each object for names of their own protocols.
        if name.startswith("_") or name not in self.streams:
            raise AttributeError(f"the run has no stream or attribute {name!r}")
        return Stream(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.streams]

    def __repr__(self) -> str:
        start = self._entry.start
        name = str(start.get("plan_name") or "run")
        number = f" {start['scan_id']}" if "scan_id" in start else ""
        return (
            f"<Run {name}{number}, {_date(self.started)}, uid {self.uid[:8]}: "
            f"{self.path.name} {self.scan}>"
        )

    @contextlib.contextmanager
    def opened(self) -> Iterator[Node]:
        """Its scan in the open file.

        Raises
        ------
        NotFoundError
            When the file holds this run no more.
        """
        with open_tree(self.path) as tree:
            for node in scans_of(tree, self.path):
                if node.name == self.scan:
                    index = stored_index(node)
                    if index is not None and index["run"] == self.uid:
                        yield node
                        return
        raise NotFoundError(
            f"{self.path} holds the run {self.uid} no more; ask the catalog again"
        )


def _date(time: float) -> str:
    """Local date and time, to the minute."""
    try:
        return datetime.fromtimestamp(time).isoformat(" ", "minutes")
    except (ValueError, OverflowError, OSError):
        return "of unknown date"


class Stream:
    """One stream of a run.

    Attributes
    ----------
    run, name
        The run, and the stream's name.
    """

    def __init__(self, run: Run, name: str) -> None:
        self.run = run
        self.name = name

    @property
    def metadata(self) -> dict[str, Any]:
        """Its ``"descriptors"``."""
        with self.run.opened() as scan:
            descriptors = [
                doc
                for name, doc in loose_documents(scan)
                if name == "descriptor" and doc.get("name") == self.name
            ]
        return {"descriptors": descriptors}

    def read(self) -> xarray.Dataset:
        """All its values as an `xarray.Dataset`.

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
        with self.run.opened() as scan:
            beside = values_beside_tree(scan, self.name)
            parts = open_dataset(self.run.path).scans[self.run.scan].assembled.scan
            named = [part for part in parts.branches if part.title == self.name]
            branch = replace(
                (named or [parts.trunk])[0],
                started=self.run.started,  # not every layout has a place for it
            )
            return labelled(branch, beside)

    def __repr__(self) -> str:
        return f"<Stream {self.name!r} of the run {self.run.uid[:8]}>"
