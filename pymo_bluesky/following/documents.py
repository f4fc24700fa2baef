"""Documents of runs that go on, as they come; knows journals and datasets, no nodes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..building import LOG
from ..errors import (
    FormatError,
    JournalError,
    NotFoundError,
    PymoError,
    SilentRunError,
)
from ..folders import changed
from ..journal import ABOUT, SUFFIX, EmptyJournalError, Journal, JournalTail
from ..reading import Dataset, Scan
from ..replaying import replay_stored, stored_index
from ..store.opening import LazyNode, Source
from .datasets import open_live
from .journals import journals_of

__all__ = ["follow", "require_plain"]

Document = tuple[str, dict[str, Any]]
_SURE = 1.0  # seconds without a lock after which a writer counts as gone


def follow(
    path: Path,
    *,
    scan: int | str | None = None,
    poll: float = 0.2,
    timeout: float | None = None,
    linger: float = 0.0,
) -> Iterator[Document]:
    """Documents of a dataset, and of the runs that go on, as they come.

    Parameters
    ----------
    path
        A dataset, or the journal of a run.
    scan
        As for `replay`: only this one.
    poll
        How often to look, in seconds.
    timeout
        How long to wait for the next document of a run, in seconds; by default as long
        as its writer lives.
    linger
        How long to wait for another run when all have stopped, in seconds.

    Raises
    ------
    NotFoundError
        When there is no such file or scan.
    SilentRunError
        When nothing came for `timeout`.
    JournalError
        At the end, when a writer died before its run stopped.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}")
    only = "" if scan is None else _run_of(path, scan)
    follower = _Follower(path.absolute(), only)
    try:
        yield from follower.documents(poll, timeout, linger)
    finally:
        follower.close()
    if follower.lost:
        raise JournalError("; ".join(follower.lost))


def _run_of(path: Path, scan: int | str) -> str:
    found = open_live(path).scans[scan]
    return found.uid or found.path


@dataclass(slots=True)
class _Run:
    """A run that goes on: its journal, and how many documents came of it."""

    tail: JournalTail
    given: int = 0
    stopped: bool = False
    unlocked_at: float = 0.0

    def new(self) -> Iterator[Document]:
        for name, doc in self.tail.new():
            if name not in (LOG, ABOUT):
                self.given += 1
                self.stopped |= name == "stop"
                yield name, doc

    def is_orphan(self) -> bool:
        """Whether its writer is gone, and left it unfinished.

        A writer that has just made the journal has not locked it yet.
        """
        if Journal.is_alive(self.tail.path):
            self.unlocked_at = 0.0
            return False
        now = time.monotonic()
        self.unlocked_at = self.unlocked_at or now
        return now - self.unlocked_at >= _SURE


@dataclass(slots=True)
class _Follower:
    """Gives each document of a dataset once.

    A run is read from its journal to the end, even when the writer removes that; from
    the dataset come those that were in it before, or came and went between two looks.
    """

    path: Path
    only: str
    runs: dict[str, _Run] = field(default_factory=dict[str, _Run])
    done: set[str] = field(default_factory=set[str])
    lost: list[str] = field(default_factory=list[str])
    _seen: tuple[int, int] | None = None

    def documents(
        self, poll: float, timeout: float | None, linger: float
    ) -> Iterator[Document]:
        """All, as they come."""
        last = time.monotonic()
        while True:
            began = time.monotonic()
            # The journals first: a run that stops in between is in the dataset then.
            self._open_journals()
            for document in self._all_new():
                yield document
                last = time.monotonic()
            if not self.runs and began - last >= linger and not self._more():
                return
            if self.runs and timeout is not None and began - last >= timeout:
                raise SilentRunError(
                    f"{self.path}: no document for {timeout:g} s, though the run "
                    f"{next(iter(self.runs))} has not stopped"
                )
            time.sleep(poll)

    def _all_new(self) -> Iterator[Document]:
        yield from self._finished()
        for uid, run in list(self.runs.items()):
            removed, before = run.tail.is_removed, run.given
            yield from run.new()
            if run.stopped:
                self._end(uid)
            elif removed:
                yield from self._moved_on(uid, run)
            elif run.given == before and run.is_orphan():
                self._tell_orphan(uid, run)

    def _more(self) -> bool:
        """Whether there is a run or a scan that was not looked at yet."""
        self._open_journals()
        return bool(self.runs) or self._stamp() != self._seen

    def close(self) -> None:
        """Let go of all journals."""
        for uid in list(self.runs):
            self._end(uid)

    def _end(self, uid: str) -> None:
        self.runs.pop(uid).tail.close()
        self.done.add(uid)

    # -------------------------------------------------------------------- the journals

    def _open_journals(self) -> None:
        alone = self.path.name.endswith(SUFFIX)
        for path in [self.path] if alone else journals_of(self.path):
            try:
                tail = JournalTail(path)
            except (FileNotFoundError, EmptyJournalError):
                continue
            uid = str(tail.about.get("run", ""))
            if uid in self.done or uid in self.runs or not self._wanted(uid):
                tail.close()
            else:
                self.runs[uid] = _Run(tail)

    def _wanted(self, *names: str) -> bool:
        return not self.only or self.only in names

    def _moved_on(self, uid: str, run: _Run) -> Iterator[Document]:
        """The rest of a run whose journal is gone: another program finished it."""
        self._end(uid)
        folder = run.tail.path.parent
        dataset = folder / Path(str(run.tail.about.get("dataset", ""))).name
        try:
            scan = Dataset(dataset).scans[uid]
        except (NotFoundError, FormatError):
            self.lost.append(
                f"the journal {run.tail.path} of the run {uid} was taken away before "
                f"its stop, after {run.given} documents (its writer goes on elsewhere, "
                "or somebody removed it)"
            )
            return
        for number, document in enumerate(_documents(scan, dataset)):
            if number >= run.given:
                yield document

    def _tell_orphan(self, uid: str, run: _Run) -> None:
        cut = f"; {run.tail.left} bytes at its end are cut off" if run.tail.left else ""
        self.lost.append(
            f"the writer of the run {uid} is gone (killed?), it did not stop: "
            f"{run.given} documents came of it{cut}. `pymo-bluesky recover "
            f"{run.tail.path}` makes a scan of them"
        )
        self._end(uid)

    # --------------------------------------------------------------------- the dataset

    def _stamp(self) -> tuple[int, int] | None:
        if self.path.name.endswith(SUFFIX):
            return None
        try:
            about = self.path.stat()
        except OSError:
            return self._seen
        return changed(self.path, about), about.st_size

    def _finished(self) -> Iterator[Document]:
        """Documents of scans that are in the dataset and were not given yet."""
        stamp = self._stamp()
        if stamp is None or stamp == self._seen:
            return
        dataset = Dataset(self.path)
        for scan in dataset.scans:
            key = scan.uid or scan.path
            if key in self.done or key in self.runs or not self._wanted(key):
                continue
            self.done.add(key)
            yield from _documents(scan, self.path)
        self._seen = stamp


def _documents(scan: Scan, path: Path) -> Iterator[Document]:
    """Documents of a scan, while the writer may add others to the dataset."""
    node = LazyNode(Source(path), scan.path)
    if stored_index(node) is not None:
        yield from replay_stored(node)
    else:
        yield from list(scan.documents())


def require_plain(*, pages: bool, fill: bool) -> None:
    """Raise PymoError for what a run that goes on cannot be given as."""
    if pages or fill:
        raise PymoError(
            "a run that is followed comes event by event as it was recorded; leave "
            "pages and fill away, or replay it when it has stopped"
        )
