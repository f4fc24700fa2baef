"""A run of a catalog, read when asked; knows no folders and no values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ..errors import NotFoundError
from ..reader import replay
from ..replaying import loose_documents, stored_index
from ..store import Node, open_tree
from .index import Entry
from .stream import Stream

__all__ = ["Run"]


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
        self.path, self.uid = entry.path, entry.uid
        self.scan = entry.node.rpartition("/")[2]
        self.started = entry.started

    @property
    def start(self) -> Mapping[str, Any]:
        """Its start document, as the catalog knows it; the file is not opened."""
        return self._entry.start

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

    def documents(
        self, *, pages: bool = False, fill: bool = False
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Its documents, as `replay` gives them with these options."""
        return replay(self.path, scan=self.scan, pages=pages, fill=fill)

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
            scan = tree.root.get(self._entry.node)
            index = None if scan is None else stored_index(scan)
            if scan is None or index is None or index["run"] != self.uid:
                raise NotFoundError(
                    f"{self.path} holds the run {self.uid} no more; ask the catalog "
                    "again"
                )
            yield scan


def _date(time: float) -> str:
    """Local date and time, to the minute."""
    try:
        return datetime.fromtimestamp(time).isoformat(" ", "minutes")
    except (ValueError, OverflowError, OSError):
        return "of unknown date"
