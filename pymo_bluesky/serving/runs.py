"""The runs of a folder, as they are now, by uid; knows neither Tiled nor the web.

A run is opened when it is asked for, and looked at again when its file changed. Files
that cannot be read are told, once, in the log; they stop nothing.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..catalog.entries import Entry, Stamp
from ..catalog.index import Index
from ..errors import NotFoundError, Problem
from ..model import Branch
from ..reader import Scan, open_dataset, replay
from ..replaying.jsonl import plain
from ..store.opening import Source
from .events import StreamEvents, streams_in

__all__ = ["RunData", "Runs", "safe"]

log = logging.getLogger("pymo_bluesky")

_HELD = 256
_FRESH_SECONDS = 1.0
_BULKY = ("thumbnails", "settings")


class RunData:
    """One run: its documents but the events, and its streams.

    Attributes
    ----------
    entry
        Of the index.
    stamp
        What tells that its file changed.
    external
        Whether values that lie in other files are read.
    """

    def __init__(self, entry: Entry, stamp: Stamp, *, external: bool = False) -> None:
        self.entry = entry
        self.stamp = stamp
        self.external = external

    @property
    def token(self) -> str:
        """What changes when the run does."""
        return repr((self.entry.uid, str(self.entry.path), *self.stamp))

    @cached_property
    def scan(self) -> Scan:
        """As `open_dataset` shows it."""
        dataset = open_dataset(self.entry.path, external=self.external)
        return dataset.scans[self.entry.scan]

    @cached_property
    def outline(self) -> list[tuple[str, dict[str, Any]]]:
        """Its documents but the events.

        Raises
        ------
        NotFoundError
            When the file holds another run in that place now.
        """
        found = list(self.scan.outline())
        if not found or found[0][1].get("uid") != self.entry.uid:
            raise NotFoundError(
                f"{self.entry.path} holds the run {self.entry.uid} no more"
            )
        return found

    @cached_property
    def streams(self) -> dict[str, StreamEvents]:
        """Its streams by name."""
        source = Source(self.entry.path, external=self.external)
        return streams_in(self.scan, source, self.outline)

    def visited(self, branch: Branch) -> np.ndarray | None:
        """Which points of a stream were measured, of its shape; None when all were."""
        events = self.streams.get(branch.title)
        if events is None or len(events.points) == math.prod(branch.shape):
            return None
        mask = np.zeros(math.prod(branch.shape), bool)
        mask[events.points] = True
        return mask.reshape(branch.shape)

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Its ``start`` and ``stop`` as JSON has it.

        Pictures and the XML of settings are in the documents only.
        """
        last, doc = self.outline[-1]
        stop = doc if last == "stop" else None
        return {"start": _lean(self.outline[0][1]), "stop": safe(stop)}

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Its documents, as `replay` gives them."""
        return replay(self.entry.path, scan=self.entry.scan, fill=self.external)


class Runs:
    """The runs of a folder by uid, oldest first.

    Parameters
    ----------
    directory
        The folder.
    external
        Whether to read values that lie in other files, wherever those are.

    Raises
    ------
    NotFoundError
        When there is no such folder.
    """

    def __init__(self, directory: str | Path, *, external: bool = False) -> None:
        self.directory = Path(directory).expanduser().absolute()
        if not self.directory.is_dir():
            raise NotFoundError(f"there is no folder {self.directory}")
        self._index = Index(self.directory)
        self._external = external
        self._entries: dict[str, Entry] = {}
        self._problems: list[Problem] = []
        self._looked = -_FRESH_SECONDS
        self._starts: WeakKeyDictionary[Entry, dict[str, Any]] = WeakKeyDictionary()
        self._held: OrderedDict[str, RunData] = OrderedDict()
        self._told: set[Problem] = set()
        self._lock = threading.Lock()

    def all(self) -> dict[str, Entry]:
        """Every run by its uid, at most a second old; of copies, one."""
        with self._lock:
            self._look()
            return self._entries

    @property
    def problems(self) -> list[Problem]:
        """What could not be read in the folder."""
        with self._lock:
            self._look()
            return self._problems

    def _look(self) -> None:
        if time.monotonic() < self._looked + _FRESH_SECONDS:
            return
        files = list(self._index.files())
        entries = sorted((e for f in files for e in f.entries), key=lambda e: e.age)
        self._entries = {entry.uid: entry for entry in entries}
        self._problems = [problem for file in files for problem in file.problems]
        for problem in self._problems:
            if problem not in self._told:
                self._told.add(problem)
                log.warning("%s", problem.message)
        self._looked = time.monotonic()

    def starts(
        self, entries: Iterable[Entry]
    ) -> Iterator[tuple[Entry, dict[str, Any]]]:
        """Start documents as JSON has them; long texts are left out."""
        wanted = list(entries)
        with self._lock:
            missing = [entry for entry in wanted if entry not in self._starts]
            for entry, start in self._index.starts(missing):
                self._starts[entry] = _lean(start)
            for entry in wanted:
                if entry in self._starts:  # else its file was lost meanwhile
                    yield entry, self._starts[entry]

    def __getitem__(self, uid: str) -> RunData:
        """One run by its whole uid.

        Raises
        ------
        NotFoundError
            When the folder holds no such run.
        """
        entry = self.all().get(uid)
        if entry is None:
            raise NotFoundError(f"there is no run {uid!r} in {self.directory}")
        try:
            stamp = Stamp.of(entry.path, entry.path.stat())
        except OSError as error:
            raise NotFoundError(f"{entry.path} is gone: {error.strerror}") from error
        with self._lock:
            held = self._held.get(uid)
            if held is None or (held.entry.path, held.stamp) != (entry.path, stamp):
                held = RunData(entry, stamp, external=self._external)
                self._held[uid] = held
            self._held.move_to_end(uid)
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
        return held


def safe(value: Any) -> Any:
    """A document as JSON has it, whole numbers beyond 64 bits as text.

    Examples
    --------
    >>> safe({"n": 2**70, "x": float("nan")})
    {'n': '1180591620717411303424', 'x': None}
    """
    return _bounded(plain(value))


def _lean(start: Mapping[str, Any]) -> dict[str, Any]:
    """A start document without pictures and settings."""
    ours = start.get("pymodaq")
    if isinstance(ours, Mapping):
        kept = {key: value for key, value in ours.items() if key not in _BULKY}
        return safe({**start, "pymodaq": kept})
    return safe(start)


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _bounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_bounded(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value
