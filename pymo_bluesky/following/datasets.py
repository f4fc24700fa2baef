"""Runs that go on, as scans of a dataset; knows journals, writes nothing beside them.

A scan is made of the journal by the same way as when the run stops, only elsewhere.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..allowed import External
from ..building import add_scan, make_dataset
from ..errors import NotFoundError
from ..journal import SUFFIX, EmptyJournalError, Journal
from ..layouts import layout_named
from ..reading import Dataset, Scan, Scans
from ..store.rules import MEMORY
from .journals import journals_of

__all__ = ["LiveDataset", "RunningScan", "open_live"]


class RunningScan(Scan):
    """A scan of a run that goes on: what it had come to when the dataset was opened."""

    running = True

    @cached_property
    def attributes(self) -> MappingProxyType[str, Any]:
        """As of any scan; the exit status is ``running``."""
        about = dict(super().attributes)
        if about.get("exit_status") in ("", None, "no stop"):
            about["exit_status"] = "running"
        return MappingProxyType(about)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, running>"


class _Snapshot(Dataset):
    """A dataset of one run, made of its journal in a folder that goes with it."""

    def __init__(
        self, journal: Path, number: int | None, external: External, memory: int
    ) -> None:
        found = Journal(journal, end=journal.stat().st_size)
        start = next((doc for name, doc in found if name == "start"), None)
        if start is None:
            raise EmptyJournalError(f"{journal} holds no start document yet")
        layout = layout_named(str(found.about.get("layout", "pymodaq5")))
        folder = tempfile.mkdtemp(prefix="pymo_bluesky-live-")
        made = Path(folder, Path(str(found.about.get("dataset", "live.h5"))).name)
        try:
            make_dataset(made, layout, start)
            mode = "ignore" if found.about.get("assets") == "ignore" else "link"
            add_scan(
                made,
                layout,
                Journal(journal, end=found.size),
                assets=mode,
                folder=journal.parent,
                number=number,
            )
            super().__init__(made, external=external, memory=memory)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        # Arrays hold on to the source; the file stays as long as any of them.
        weakref.finalize(self._source, shutil.rmtree, folder, ignore_errors=True)

    @cached_property
    def scans(self) -> Scans:
        return Scans(
            [RunningScan(place, self) for place in self._root.scans], self.path
        )


class LiveDataset(Dataset):
    """A dataset with the runs that are to go into it, as far as they have come.

    Parameters
    ----------
    path
        Of the dataset.
    journals
        Of the runs.
    """

    def __init__(
        self, path: Path, journals: list[Path], external: External, memory: int
    ) -> None:
        super().__init__(path, external=external, memory=memory)
        number = 1 + max((place.number for place in self._root.scans), default=-1)
        self._running: list[Scan] = []
        known = {scan.uid for scan in super().scans}
        del self.__dict__["scans"]
        for journal in journals:
            try:
                snapshot = _Snapshot(journal, number, external, memory)
            except (FileNotFoundError, EmptyJournalError):
                continue  # in the dataset by now, or hardly begun
            added = [scan for scan in snapshot.scans if scan.uid not in known]
            self._running += added
            number += len(added)

    @cached_property
    def scans(self) -> Scans:
        """Its scans by their numbers, and behind them the running ones."""
        return Scans([*super().scans, *self._running], self.path)


def open_live(
    path: Path, *, external: External = False, memory: int = MEMORY
) -> Dataset:
    """Open a dataset with the runs that go on, or the run of one journal.

    Parameters
    ----------
    path, external, memory
        As for `open_dataset`; or a journal.
    """
    if path.name.endswith(SUFFIX):
        if not path.is_file():
            raise NotFoundError(f"there is no journal {path}; its run may have stopped")
        return _Snapshot(path, None, external, memory)
    # The journals first: a run that stops in between is in the dataset by then.
    found = [one for one in journals_of(path.absolute()) if Journal.is_alive(one)]
    if not found:
        return Dataset(path, external=external, memory=memory)
    return LiveDataset(path, found, external, memory)
