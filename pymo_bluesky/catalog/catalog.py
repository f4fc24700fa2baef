"""The runs of a folder of datasets, by place, number or uid; knows no values.

It needs no server and no database: the files are the truth.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, overload

import numpy as np

from ..errors import NotFoundError, Problem
from .index import Entry, Index
from .run import Run

__all__ = ["Catalog", "open_catalog"]

_SHORTEST_PREFIX = 4


def open_catalog(directory: str | os.PathLike[str]) -> Catalog:
    """The runs of all datasets in a folder and below, oldest first.

    Parameters
    ----------
    directory
        Base folder, e.g. that of a `PymodaqWriter`.

    Returns
    -------
    Catalog
        It follows what is added to the folder.

    Raises
    ------
    NotFoundError
        When there is no such folder.

    Examples
    --------
    >>> import tempfile
    >>> len(open_catalog(tempfile.mkdtemp()))
    0
    """
    path = Path(directory).expanduser().absolute()
    if not path.is_dir():
        raise NotFoundError(f"there is no folder {path}")
    return Catalog(Index(path))


class Catalog:
    """The runs of a folder of datasets; `open_catalog` makes it.

    ``catalog[-1]`` is the latest run and ``catalog[-5:]`` the latest five,
    ``catalog[12]`` the latest of scan_id 12, ``catalog["4b1d"]`` the one whose uid
    begins so. Iteration goes from the oldest to the latest.

    Examples
    --------
    >>> import tempfile
    >>> from event_model import compose_run
    >>> from pymo_bluesky import export
    >>> run = compose_run(uid="4b1d6c", time=0.0, metadata={"plan_name": "by hand"})
    >>> folder = tempfile.mkdtemp()
    >>> files = export([("start", run.start_doc)], folder)
    >>> catalog = open_catalog(folder)
    >>> len(catalog), catalog["4b1d"].metadata["start"]["plan_name"]
    (1, 'by hand')
    >>> len(catalog.search({"plan_name": "count"}))
    0
    """

    def __init__(
        self, index: Index, queries: tuple[Mapping[str, Any], ...] = ()
    ) -> None:
        self._index = index
        self._queries = queries

    def _entries(self) -> list[Entry]:
        return [
            entry
            for entry in self._index.entries()
            if all(_fits(entry.start, query) for query in self._queries)
        ]

    @property
    def directory(self) -> Path:
        """The folder."""
        return self._index.directory

    @property
    def problems(self) -> list[Problem]:
        """Files and scans of the folder that are no runs, and why."""
        return [problem for file in self._index.files() for problem in file.problems]

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Run]:
        return (Run(entry) for entry in self._entries())

    def __contains__(self, uid: object) -> bool:
        return any(entry.uid == uid for entry in self._entries())

    @overload
    def __getitem__(self, key: int | str) -> Run: ...
    @overload
    def __getitem__(self, key: slice) -> list[Run]: ...
    def __getitem__(self, key: int | str | slice) -> Run | list[Run]:
        entries = self._entries()
        if isinstance(key, slice):
            return [Run(entry) for entry in entries[key]]
        if isinstance(key, str):
            return Run(self._by_uid(entries, key))
        if key < 0:
            if -key > len(entries):
                raise NotFoundError(
                    f"there is no run {key}: {self.directory} has {len(entries)}"
                )
            return Run(entries[key])
        numbered = [e for e in entries if e.start.get("scan_id") == key]
        if not numbered:
            raise NotFoundError(
                f"no run of {self.directory} has the scan_id {key}; negative numbers "
                "count from the latest run"
            )
        return Run(numbered[-1])

    def _by_uid(self, entries: list[Entry], uid: str) -> Entry:
        found = [entry for entry in entries if entry.uid == uid]
        if not found and len(uid) >= _SHORTEST_PREFIX:
            found = [entry for entry in entries if entry.uid.startswith(uid)]
        if not found:
            raise NotFoundError(
                f"no run of {self.directory} has the uid {uid!r}, nor one that begins "
                f"so (at least {_SHORTEST_PREFIX} characters)"
            )
        uids = dict.fromkeys(entry.uid for entry in found)
        if len(uids) > 1:
            raise NotFoundError(
                f"{len(uids)} runs of {self.directory} have uids that begin with "
                f"{uid!r}: {', '.join(list(uids)[:5])}; give more of it"
            )
        return found[-1]

    def search(self, query: Mapping[str, Any]) -> Catalog:
        """The runs whose start documents have these members.

        Parameters
        ----------
        query
            Member -> value, or a function of the value that tells whether it fits.
            Members of members are given by nested mappings.

        Returns
        -------
        Catalog
            Of these runs; it can be searched further.

        Examples
        --------
        The 2D maps with more than 100 points of one sample::

            catalog.search({"sample": {"name": "Si"}, "num_points": lambda n: n > 100})
        """
        return Catalog(self._index, (*self._queries, dict(query)))

    def __repr__(self) -> str:
        runs = len(self)
        plural = "" if runs == 1 else "s"
        return f"<Catalog of {runs} run{plural} in {self.directory}>"


def _fits(start: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    for key, wanted in query.items():
        if key not in start:
            return False
        value = start[key]
        if isinstance(wanted, Mapping):
            fits = isinstance(value, Mapping) and _fits(value, wanted)
        elif callable(wanted):
            fits = bool(wanted(value))
        else:
            fits = _equal(value, wanted)
        if not fits:
            return False
    return True


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, np.ndarray) or isinstance(wanted, np.ndarray):
        return np.array_equal(value, wanted)
    if isinstance(value, list | tuple) and isinstance(wanted, list | tuple):
        return list(value) == list(wanted)
    return bool(value == wanted)
