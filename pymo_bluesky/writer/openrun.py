"""A run while it goes on: its journal, its log; knows no other documents."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from ..building import LOG
from ..errors import Problem, WriteError
from ..journal import (
    ABOUT,
    SUFFIX,
    Bound,
    DelayedOutbox,
    Elsewhere,
    JournalWriter,
    Outbox,
)
from ..names import safe_name
from .rescue import Rescue
from .room import Order, Room
from .space import Space

__all__ = ["Care", "LogLines", "OpenRun", "drain", "seconds"]

LOOK_AGAIN = 1.0  # seconds until a run is looked at again


@dataclass(frozen=True, slots=True)
class Care:
    """What is done so that a run is not lost.

    Attributes
    ----------
    bound
        How much may wait for a slow disk; nothing without it.
    rescue
        Where runs go on whose own disk fails; without it they end in an error.
    order
        Which place each frame will have; where nobody tells, all go to the journal.
    """

    bound: Bound | None = None
    rescue: Rescue | None = None
    order: Order | None = None


@dataclass(slots=True)
class OpenRun:
    """One open run: its journal, and the dataset it will go to."""

    uid: str
    dataset: Path
    home: Path
    space: Space
    outbox: Outbox = field(init=False)
    room: Room | None = None
    failure: str = ""
    look_at: float = 0.0
    lines_lost: int = 0
    _rescues: int = 0

    @classmethod
    def begin(
        cls,
        start: Mapping[str, Any],
        dataset: Path,
        about: Mapping[str, Any],
        care: Care,
    ) -> Self:
        """Open the journal of a run that starts.

        Raises
        ------
        WriteError
            When the start document could not be made safe; no journal is left.
        """
        uid = str(start.get("uid", ""))
        about = {"run": uid, "dataset": dataset.name, **about}
        journal = JournalWriter(_journal_path(dataset, uid), about)
        run = cls(uid, dataset, dataset.parent, Space(start, dataset.parent))
        elsewhere = run._elsewhere(about, care.rescue)
        try:
            # Not delayed: a run whose start is not on the disk has not started.
            if care.order is not None:
                points = run.space.points or 0
                run.room = Room(start, dataset, journal, points, care.order)
            slots = run.room.slots if run.room else None
            run.outbox = Outbox(journal, elsewhere, slots)
            run.outbox.put("start", start)
        except BaseException:
            journal.discard()
            raise
        if care.bound is not None:
            run.outbox = DelayedOutbox(run.journal, care.bound, elsewhere)
        plan = start.get("plan_name", "a run")
        run.note(f"{plan} begins (run {uid})", seconds(start))
        return run

    def _elsewhere(
        self, about: Mapping[str, Any], rescue: Rescue | None
    ) -> Elsewhere | None:
        if rescue is None:
            return None

        def take_over(journal: JournalWriter, error: WriteError) -> JournalWriter:
            self.failure = self.failure or str(error)
            moved = rescue.take_over(journal, about, error)
            self._rescues += 1
            self.look_at = 0.0  # so that it is told at once
            return moved

        return take_over

    @property
    def journal(self) -> JournalWriter:
        """Where its documents are."""
        return self.outbox.journal

    @property
    def was_rescued(self) -> bool:
        """Whether its journal is elsewhere, because its own disk failed."""
        return self._rescues > 0

    def moves_to(self, dataset: Path) -> None:
        """Go to another dataset in the folder of the journal; `recover` is to know."""
        self.journal.append(ABOUT, {"dataset": dataset.name})
        self.dataset = dataset

    def sync(self) -> None:
        """Force all that was written to the disk; frames before what tells of them."""
        try:
            if self.room is not None:
                self.room.sync()
        except OSError as error:
            self.journal.doubt(error)
            raise
        self.journal.sync()

    def close(self) -> None:
        """Take no more."""
        if self.room is not None:
            self.room.close()
        self.journal.close()

    def end(self) -> None:
        """See that all is in the journal, and what is missing is said there.

        Raises
        ------
        WriteError
            When not all could be written.
        """
        self.outbox.drain()
        if self.outbox.lost:
            self.journal.append(ABOUT, {"lost": self.outbox.lost})

    def note(self, message: str, at: float | None = None) -> None:
        """Add a line to the log of the dataset; one that is lost stops no run."""
        line = {"time": time.time() if at is None else at, "message": message}
        if not self.outbox.note(LOG, line):
            self.lines_lost += 1

    def problems(self) -> Iterator[Problem]:
        """What went wrong beside the documents."""
        if self.lines_lost:
            message = f"{self.lines_lost} lines of the log could not be written"
            yield Problem(f"run {self.uid}", "warning", "lost-log-lines", message)

    def before(self, descriptor: Mapping[str, Any]) -> Iterator[Problem]:
        """What to say before the events of a stream come."""
        once = False
        if self.room is not None:
            self.room.note(descriptor)
            once = self.room.is_expected
        yield from self.space.before(descriptor, once=once)

    def look(self) -> Iterator[Problem]:
        """What to say of a run that goes on, once in a while."""
        self.look_at = time.monotonic() + LOOK_AGAIN
        yield from self.space.during(self.journal.size)


class LogLines(logging.Handler):
    """Takes what bluesky, ophyd and this package log into the log of open runs."""

    SOURCES = ("bluesky", "ophyd", "pymo_bluesky")

    def __init__(self, runs: Mapping[str, OpenRun]) -> None:
        super().__init__(logging.INFO)
        self._open = runs

    def attach(self) -> None:
        """Begin to listen."""
        for source in self.SOURCES:
            logging.getLogger(source).addHandler(self)

    def detach(self) -> None:
        """Listen no more."""
        for source in self.SOURCES:
            logging.getLogger(source).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a log record in every open run."""
        try:
            text = f"{record.levelname} {record.name}: {record.getMessage()}"
            for run in list(self._open.values()):
                run.note(text, record.created)
            shown = logging.lastResort  # by Python, but for us
            if shown and record.levelno >= shown.level and _unheard(record.name):
                shown.handle(record)
        except Exception:  # noqa: BLE001 - logging's own way: a log line stops nothing
            self.handleError(record)


def _unheard(name: str) -> bool:
    """Whether nobody but writers hears what a logger says."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        if any(not isinstance(handler, LogLines) for handler in logger.handlers):
            return False
        logger = logger.parent if logger.propagate else None
    return True


def seconds(doc: Mapping[str, Any]) -> float | None:
    """When a document came about; None when it does not say."""
    began = doc.get("time")
    return float(began) if isinstance(began, (int, float)) else None


def _journal_path(dataset: Path, uid: str) -> Path:
    name = safe_name(uid, most=60) or uuid4().hex
    stem = os.fsencode(dataset.stem)[:120].decode("utf-8", "ignore")
    return dataset.with_name(f"{stem}.{name}{SUFFIX}")


def drain(runs: Mapping[str, OpenRun]) -> None:
    """See that what waits at the exit of the interpreter is written."""
    for run in list(runs.values()):
        if run.journal.is_ours:
            with contextlib.suppress(WriteError):  # `recover` makes do with the rest
                run.outbox.drain()
