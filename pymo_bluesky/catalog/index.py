"""Which runs the files of a folder hold, looked at again where they changed.

Knows neither values nor streams: of a run only its start document is read.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import PymoError
from ..folders import datasets_below
from .apart import Starts, look_at
from .entries import Entry, File, Stamp
from .kept import Kept
from .looking import start_of

__all__ = ["Index", "look_at_one"]

_BATCH = 256
"""Files that are looked into before what was found is kept."""

_log = logging.getLogger("pymo_bluesky")


def look_at_one(path: Path) -> File:
    """What one file holds; from the index of its folder, when that knows it.

    Parameters
    ----------
    path
        Of the file, absolute.
    """
    kept, stamp = Kept(path.parent), Stamp.of(path, path.stat())
    known = kept.files(path).get(path)
    if known is not None and known.holds(stamp):
        return known
    ((_, file, starts),) = look_at({path: stamp}, {})
    if file.settled(time.time_ns()):
        kept.save({path: (file, starts)})
    return file


class Index:
    """The runs of all files below a folder, as they are now.

    Parameters
    ----------
    directory
        The folder.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._kept = Kept(directory)
        self._files: dict[Path, File] | None = None
        self._lock = threading.Lock()

    def files(self) -> list[File]:
        """What each file holds, looked at again where it changed."""
        with self._lock:
            if self._files is None:
                self._files = self._kept.files()
            return self._follow(self._files)

    def entries(self) -> list[Entry]:
        """All runs, the oldest first."""
        found = [entry for file in self.files() for entry in file.entries]
        return sorted(found, key=lambda entry: entry.age)

    def starts(
        self, entries: Collection[Entry]
    ) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
        """Start documents of runs, without long texts where they were kept.

        Those whose files were lost meanwhile are not given.
        """
        missing = dict.fromkeys(entries)
        for entry, start in self._kept.starts(entries) if entries else ():
            del missing[entry]
            yield entry, start
        for entry in missing:
            try:
                yield entry, start_of(entry)
            except PymoError as error:
                _log.info("a run is not searched: %s", error)

    def _follow(self, files: dict[Path, File]) -> list[File]:
        """Make `files` what is in the folder now; return them in its order."""
        found = {
            path: Stamp.of(path, about)
            for path, about in datasets_below(self.directory)
        }
        gone = files.keys() - found.keys()
        for path in gone:
            del files[path]
        changed = [
            path
            for path, stamp in found.items()
            if path not in files or not files[path].holds(stamp)
        ]
        if len(changed) > _BATCH:
            _log.info("looking into %d files of %s", len(changed), self.directory)
        self._look(files, {path: found[path] for path in changed})
        if gone:
            self._kept.save({}, gone)
        return [files[path] for path in found]

    def _look(self, files: dict[Path, File], stamps: Mapping[Path, Stamp]) -> None:
        looked: dict[Path, tuple[File, Starts]] = {}
        try:
            with contextlib.closing(look_at(stamps, files)) as answers:
                for path, file, starts in answers:
                    files[path] = file
                    looked[path] = file, starts
                    if len(looked) == _BATCH:
                        self._keep(looked)
                        looked = {}
        finally:  # what was found before an interrupt need not be found again
            self._keep(looked)

    def _keep(self, looked: Mapping[Path, tuple[File, Starts]]) -> None:
        now = time.time_ns()
        settled = {path: it for path, it in looked.items() if it[0].settled(now)}
        if settled:
            self._kept.save(settled)
