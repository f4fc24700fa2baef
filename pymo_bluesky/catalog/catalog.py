"""The runs of a folder of datasets, by place, number or uid; knows no values.

It needs no server and no database: the files are the truth.
"""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, overload
from weakref import WeakKeyDictionary

from ..errors import NotFoundError, Problem
from .entries import Entry
from .index import Index
from .listing import aligned, as_html, cells
from .querying import QueryError, matcher, moment
from .run import Run
from .running import OpenRun, open_runs

__all__ = ["Catalog", "open_catalog"]

_SHORTEST_PREFIX = 4
_SHOWN = 10

Moment = str | float | datetime.date


def open_catalog(directory: str | os.PathLike[str]) -> Catalog:
    """The runs of all datasets in a folder and below, oldest first.

    Datasets are ours and those of every PyMoDAQ. What was found in them is kept in the
    user's cache, so that a folder of thousands opens fast the next time; nothing is
    written into the folder.

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
    if path.is_file():
        raise NotFoundError(
            f"{path} is a file; give its folder, or open it with `open_dataset`"
        )
    if not path.is_dir():
        raise NotFoundError(f"there is no folder {path}")
    return Catalog(Index(path))


class Catalog:
    """The runs of a folder of datasets; `open_catalog` makes it.

    ``catalog[-1]`` is the latest run, ``catalog[-5:]`` the latest five and
    ``catalog[0]`` the oldest; ``catalog[12]`` is the latest of scan_id 12,
    ``catalog["4b1d"]`` the one whose uid begins so. Iteration goes from the oldest to
    the latest.

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
    >>> len(catalog.search({"plan_name": {"$in": ["count", "scan"]}}))
    0
    """

    def __init__(self, index: Index, chosen: _Chosen | None = None) -> None:
        self._index = index
        self._chosen = chosen

    def _entries(self) -> list[Entry]:
        entries = self._index.entries()
        return self._chosen.of(entries, self._index) if self._chosen else entries

    @property
    def directory(self) -> Path:
        """The folder."""
        return self._index.directory

    @property
    def problems(self) -> list[Problem]:
        """Files and scans of the folder that cannot be read, and why."""
        return [problem for file in self._index.files() for problem in file.problems]

    @property
    def running(self) -> list[OpenRun]:
        """Runs that are being measured, or were when a program died."""
        return list(open_runs(self.directory))

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Run]:
        return (Run(entry, self._index) for entry in self._entries())

    def __contains__(self, uid: object) -> bool:
        return any(entry.uid == uid for entry in self._entries())

    @overload
    def __getitem__(self, key: int | str) -> Run: ...
    @overload
    def __getitem__(self, key: slice) -> list[Run]: ...
    def __getitem__(self, key: int | str | slice) -> Run | list[Run]:
        entries = self._entries()
        if isinstance(key, slice):
            return [Run(entry, self._index) for entry in entries[key]]
        if isinstance(key, str):
            return Run(self._by_uid(entries, key), self._index)
        if key <= 0:
            return Run(self._by_place(entries, key), self._index)
        numbered = [entry for entry in entries if entry.scan_id == key]
        if not numbered:
            raise NotFoundError(
                f"no run of {self.directory} has the scan_id {key}. Places are counted "
                f"from the latest run, [-1], or given as a slice, [{key}:][0]"
            )
        return Run(numbered[-1], self._index)

    def _by_place(self, entries: list[Entry], place: int) -> Entry:
        if -place > len(entries) or not entries:
            raise NotFoundError(
                f"there is no run {place}: {self.directory} has {len(entries)}"
            )
        return entries[place]

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

    def search(
        self,
        query: Mapping[str, Any] | None = None,
        /,
        *,
        since: Moment | None = None,
        until: Moment | None = None,
        **members: Any,
    ) -> Catalog:
        """The runs whose start documents fit.

        Parameters
        ----------
        query
            Member -> value, or MongoDB's operators, as databroker has it: see
            `pymo_bluesky.catalog.querying.matcher`.
        since, until
            Time range of the start: from `since` on, before `until`. A text such as
            ``"2026-03"`` or ``"2026-03-01 14:30"`` (the beginning of it), a `datetime`,
            or seconds since 1970.
        **members
            More of the query: ``plan_name="scan"``.

        Returns
        -------
        Catalog
            Of these runs; it can be searched further, and follows the folder too.

        Raises
        ------
        QueryError
            When the query or a time cannot be understood.

        Examples
        --------
        The 2D maps with more than 100 points of one sample, since March::

            catalog.search(
                {"sample.name": "Si", "num_points": {"$gt": 100}}, since="2026-03"
            )
        """
        begin = -math.inf if since is None else moment(since)
        end = math.inf if until is None else moment(until)
        if begin > end:
            raise QueryError(f"since ({since}) is later than until ({until})")
        whole = {**(query or {}), **members}
        fits = matcher(whole) if whole else None
        return Catalog(self._index, _Chosen(self._chosen, begin, end, fits))

    def table(self, runs: int = _SHOWN) -> str:
        """The latest runs as lines of text.

        Parameters
        ----------
        runs
            How many.
        """
        return "\n".join([repr(self), *aligned(self._rows(runs))])

    def _rows(self, runs: int) -> list[list[str]]:
        latest = self._entries()[-runs:]
        return [cells(entry, n - len(latest)) for n, entry in enumerate(latest)]

    def __repr__(self) -> str:
        runs = len(self)
        plural = "" if runs == 1 else "s"
        return f"<Catalog of {runs} run{plural} in {self.directory}>"

    def __str__(self) -> str:
        return self.table()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython shows."""
        printer.text(repr(self) if cycle else self.table())

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html(self._rows(_SHOWN), repr(self).strip("<>"))


class _Chosen:
    """Some of the runs: a time range, and what their start documents must tell."""

    def __init__(
        self,
        within: _Chosen | None,
        begin: float,
        end: float,
        fits: Callable[[Any], bool] | None,
    ) -> None:
        self._within, self._begin, self._end = within, begin, end
        self._fits = fits
        # An entry is made anew when its file changed.
        self._known: WeakKeyDictionary[Entry, bool] = WeakKeyDictionary()

    def of(self, entries: list[Entry], index: Index) -> list[Entry]:
        """Those of some runs that are chosen."""
        if self._within is not None:
            entries = self._within.of(entries, index)
        entries = [e for e in entries if self._begin <= e.started < self._end]
        if self._fits is None:
            return entries
        new = [entry for entry in entries if entry not in self._known]
        for entry, start in index.starts(new):
            self._known[entry] = self._fits(start)
        return [entry for entry in entries if self._known.get(entry, False)]
