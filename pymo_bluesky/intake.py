"""A folder of datasets as a catalog of databroker 1.x; knows no formats, no arrays.

It is an intake driver: `databroker.catalog[...]` and `Broker.named(...)` find it by a
YAML file that names ``driver: bluesky-pymodaq-catalog``. databroker 2.x has no such
catalogs; it is Tiled.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from .catalog import Catalog, Run, open_catalog
from .errors import MissingExtraError, NotFoundError

try:
    from databroker.core import BlueskyRun, DocumentCache
    from databroker.core import Entry as RunEntry
    from databroker.v2 import Broker
except ImportError as error:
    raise MissingExtraError.of("databroker 1.2.5", "databroker") from error

__all__ = ["PymodaqCatalog", "PymodaqRun"]

Document = dict[str, Any]


class PymodaqCatalog(Broker):
    """A folder of datasets, ours and those of every PyMoDAQ, for databroker 1.x.

    Parameters
    ----------
    directory
        The folder.
    query
        MongoDB query on start documents.
    **options
        Of databroker's catalogs: `handler_registry`, `root_map`, `transforms`, …

    Examples
    --------
    ::

        catalog = PymodaqCatalog("/data/lab")
        catalog[-1].primary.read()
        db = catalog.v1
        db[-1].table()
    """

    name = "bluesky-pymodaq-catalog"

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        query: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._directory = os.fspath(directory)
        self._query = dict(query or {})
        self._options = options
        super().__init__(**options)

    @cached_property
    def runs(self) -> Catalog:
        """The same runs as `open_catalog` gives them."""
        found = open_catalog(self._directory)
        return found.search(self._query) if self._query else found

    # intake leaves both to its catalogs, under a name or a type that says less.
    def _make_entries_container(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> Mapping[str, RunEntry]:
        return _Entries(self)

    def search(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, query: Mapping[str, Any]
    ) -> PymodaqCatalog:
        """The runs whose start documents fit.

        Parameters
        ----------
        query
            In MongoDB's words, or databroker's `TimeRange`.
        """
        query = dict(query)
        whole = {"$and": [self._query, query]} if self._query else query
        name = {"name": f"search results of {self.name}"}
        found = type(self)(self._directory, query=whole, **{**self._options, **name})
        found.runs = self.runs.search(query)  # it need not look for the files again
        return found

    def __getitem__(self, key: Any) -> Any:
        """A run by its place from the end (< 0), scan_id, uid, or beginning of a uid.

        Raises
        ------
        KeyError, IndexError
            When there is none; ValueError when there are several.
        """
        try:
            number = int(key)
        except (TypeError, ValueError):
            return self._entries[self._uid_like(str(key))].get()
        return self._entries[self._uid_of(number)].get()

    def _uid_of(self, number: int) -> str:
        if number < 0:
            try:
                return self.runs[number].uid
            except NotFoundError as error:
                raise IndexError(str(error)) from error
        found = list(self.runs.search(scan_id=number))
        if not found:
            raise KeyError(f"there is no run with the scan_id {number}")
        return found[-1].uid

    def _uid_like(self, start: str) -> str:
        if start in self.runs:
            return start
        found = {run.uid for run in self.runs if run.uid.startswith(start)}
        if not found:
            raise KeyError(start)
        if len(found) > 1:
            raise ValueError(f"{len(found)} uids begin with {start!r}: {found}")
        return found.pop()

    def entry_of(self, run: Run) -> RunEntry:
        """A run as intake lists it; its events are not read yet."""
        return RunEntry(
            name=run.uid,
            description={},
            driver=f"{PymodaqRun.__module__}.{PymodaqRun.__name__}",
            direct_access="forbid",
            args={
                "run": run,
                "get_filler": self._get_filler,
                "transforms": self._transforms,
            },
            cache=None,
            parameters=[],
            metadata=run.metadata,
            catalog_dir=None,
            getenv=True,
            getshell=True,
            catalog=self,
        )


class _Entries(Mapping[str, RunEntry]):
    """Entries of a catalog by uid, the latest first; made when they are asked for."""

    def __init__(self, catalog: PymodaqCatalog) -> None:
        self._catalog = catalog

    def __getitem__(self, uid: str) -> RunEntry:
        if uid not in self._catalog.runs:
            raise KeyError(uid)
        return self._catalog.entry_of(self._catalog.runs[uid])

    def __contains__(self, uid: object) -> bool:
        return uid in self._catalog.runs

    def __iter__(self) -> Iterator[str]:
        uids = [run.uid for run in self._catalog.runs]
        return iter(dict.fromkeys(reversed(uids)))

    def __len__(self) -> int:
        return len({run.uid for run in self._catalog.runs})


class PymodaqRun(BlueskyRun):
    """One run; its events are read when a stream is.

    Parameters
    ----------
    run
        Of our catalog.
    **options
        Of databroker's runs.
    """

    def __init__(self, run: Run, **options: Any) -> None:
        self._run = run
        super().__init__(
            get_run_start=lambda: self._about.start_doc,
            get_run_stop=lambda: self._about.stop_doc,
            get_event_descriptors=self._descriptors_known,
            get_event_pages=self._pages,
            get_event_count=self._count,
            get_resource=lambda uid: self._about.resources[uid],
            get_resources=lambda: list(self._about.resources.values()),
            lookup_resource_for_datum=self._resource_of,
            get_datum_pages=self._datum_pages,
            **options,
        )

    @cached_property
    def _about(self) -> Any:
        """All its documents but events, in databroker's own sorting."""
        documents = DocumentCache()
        with self._run.opened() as scan:
            for name, doc in scan.outline():
                documents(name, doc)
        return documents

    def _descriptors_known(self) -> list[Document]:
        """Descriptors without data keys of StreamDatum: databroker 1.x knows none."""
        return [
            {
                **doc,
                "data_keys": {
                    key: about
                    for key, about in doc["data_keys"].items()
                    if not str(about.get("external", "")).startswith("STREAM:")
                },
            }
            for doc in self._about.descriptors.values()
        ]

    def _pages(
        self, descriptor_uid: str, skip: int = 0, limit: int | None = None
    ) -> Iterator[Document]:
        for name, doc in self._run.documents(pages=True):
            if name == "event_page" and doc["descriptor"] == descriptor_uid:
                yield doc

    def _count(self, descriptor_uid: str) -> int:
        """Events that the run's stop counts, of a stream's first descriptor."""
        descriptors = self._about.descriptors
        stream = descriptors[descriptor_uid].get("name", "primary")
        same = [u for u, d in descriptors.items() if d.get("name", "primary") == stream]
        stop = self._about.stop_doc or {}
        counted = (stop.get("num_events") or {}).get(stream, 0)
        return counted if same[0] == descriptor_uid else 0

    def _resource_of(self, datum_id: str) -> str:
        return self._about.resource_uid_by_datum_id[datum_id]

    def _datum_pages(
        self, resource_uid: str, skip: int = 0, limit: int | None = None
    ) -> list[Document]:
        return self._about.datum_pages_by_resource[resource_uid]
