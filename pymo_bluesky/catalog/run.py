"""A run of a catalog, read when asked; knows no folders and no values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from ..allowed import External
from ..errors import NotFoundError
from ..reader import Dataset, Scan
from .entries import Entry, date_of
from .index import Index
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
    about
        What a listing tells of it: plan, shape, detectors, status.

    Examples
    --------
    ::

        run = catalog[-1]
        run.metadata["start"]["plan_name"]
        run.primary.read()["photodiode_signal"].plot()
    """

    def __init__(self, entry: Entry, index: Index) -> None:
        self.about = entry
        self._index = index
        self.path, self.scan, self.uid = entry.path, entry.scan, entry.uid
        self.started = entry.started

    @property
    def start(self) -> Mapping[str, Any]:
        """Its start document as the catalog keeps it, without texts of many pages.

        The file is not opened, as far as that can be; `metadata` has all of it.
        """
        return dict(self._index.starts([self.about]))[self.about]

    @property
    def metadata(self) -> dict[str, Any]:
        """Its ``"start"`` and ``"stop"`` document; None for a stop that never came."""
        found: dict[str, Any] = {"start": None, "stop": None}
        with self.opened() as scan:
            for name, doc in scan.outline():
                if name in found:
                    found[name] = doc
        return found

    @property
    def streams(self) -> list[str]:
        """Names of its streams."""
        with self.opened() as scan:
            names = [
                doc.get("name", "primary")
                for kind, doc in scan.outline()
                if kind == "descriptor"
            ]
        return sorted(set(names))

    def documents(
        self, *, pages: bool = False, fill: bool = False
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Its documents, as `replay` gives them with these options."""
        with self.opened() as scan:
            yield from scan.documents(pages=pages, fill=fill)

    def __getitem__(self, name: str) -> Stream:
        names = self.streams
        if name not in names:
            raise NotFoundError(
                f"the run {self.uid} has no stream {name!r}; it has "
                f"{', '.join(names) or 'none'}"
            )
        return Stream(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.streams)

    def __getattr__(self, name: str) -> Stream:
        # Prompts ask each object for names of their own protocols.
        if name.startswith("_") or name not in self.streams:
            raise AttributeError(f"the run has no stream or attribute {name!r}")
        return Stream(self, name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.streams]

    def __repr__(self) -> str:
        number = "" if self.about.scan_id is None else f" {self.about.scan_id}"
        return (
            f"<Run {self.about.plan or 'run'}{number}, "
            f"{date_of(self.started) or 'of unknown date'}, uid {self.uid[:8]}: "
            f"{self.path.name} {self.scan}>"
        )

    @contextlib.contextmanager
    def opened(self, *, external: External = False) -> Iterator[Scan]:
        """Its scan in the open file.

        Parameters
        ----------
        external
            Where other files may be that values lie in; see `open_dataset`.

        Raises
        ------
        NotFoundError
            When the file holds this run no more.
        """
        with Dataset(self.path, external=external) as dataset:
            for scan in dataset.scans:
                if scan.path == self.about.node and self._is_in(scan):
                    yield scan
                    return
        raise NotFoundError(
            f"{self.path} holds the run {self.uid} no more; ask the catalog again"
        )

    def _is_in(self, scan: Scan) -> bool:
        _, start = next(scan.outline(), ("", {}))
        return start.get("uid") == self.uid
