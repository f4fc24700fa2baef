"""What becomes of messages: documents to a writer, gaps filled; knows no sockets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import PymoError, printable
from ..writer import PymodaqWriter
from .codec import ForeignMessageError, Message, decode
from .filling import PublishedRuns

__all__ = ["Receiver", "RemoteWriter", "Tally"]

log = logging.getLogger("pymo_bluesky")

Say = Callable[[str], None]


@dataclass(slots=True)
class Tally:
    """What came.

    Attributes
    ----------
    documents, runs
        Written documents, and runs that stopped.
    refused
        Messages that were none of ours.
    lost, filled
        Documents that never came, and those that came from a publisher's journal.
    late
        Documents of runs that were not recorded, for their start never came.
    failed
        Documents that the writer did not take.
    """

    documents: int = 0
    runs: int = 0
    refused: int = 0
    lost: int = 0
    filled: int = 0
    late: int = 0
    failed: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that was published is recorded."""
        return not (self.refused or self.lost or self.late or self.failed)

    def __str__(self) -> str:
        told = [f"{self.runs} runs, {self.documents} documents"]
        told += [
            f"{count} {what}"
            for count, what in (
                (self.filled, "filled from journals"),
                (self.lost, "lost"),
                (self.late, "of runs whose start never came"),
                (self.refused, "messages refused"),
                (self.failed, "not written"),
            )
            if count
        ]
        return ", ".join(told)


class RemoteWriter(PymodaqWriter):
    """A writer that can be told of documents that never came."""

    def miss(self, run: str, count: int) -> None:
        """Mark a run: so many of its documents are missing."""
        self._runs[run].outbox.lost += count

    @property
    def open_runs(self) -> dict[str, Path]:
        """Journals of the runs that go on."""
        return {uid: run.journal.path for uid, run in self._runs.items()}

    def leave(self) -> None:
        """End, and leave the runs that go on to `recover`, each in its journal."""
        for run in list(self._runs.values()):
            run.end()
            self._forget(run)
            run.journal.close()
        self.close()


@dataclass(slots=True)
class _Run:
    """A run that comes: how many of its documents were seen, or given up."""

    publisher: str
    next: int = 0
    recorded: bool = False
    told: bool = False


@dataclass(slots=True)
class Receiver:
    """Takes messages, gives their documents to a writer.

    Parameters
    ----------
    writer
        Where they go.
    prefix
        Of the messages; others are left to others.
    source
        Journals of the publishers, to fill gaps from.
    say
        Is told in words what happens.

    Attributes
    ----------
    tally
        What came.
    """

    writer: RemoteWriter
    prefix: bytes = b""
    source: PublishedRuns | None = None
    say: Say = log.info
    tally: Tally = field(default_factory=Tally)
    _runs: dict[str, _Run] = field(default_factory=dict[str, _Run])
    _counts: dict[str, int] = field(default_factory=dict[str, int])
    _before: frozenset[str] = field(init=False)
    _done: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        # What was published before is not ours, unless more of it comes.
        runs = () if self.source is None else self.source.runs()
        self._before = frozenset(uid for uid, _ in runs)

    # ---------------------------------------------------------------------- messages

    def take(self, data: bytes) -> None:
        """Take one message, whatever it is."""
        try:
            message = decode(data, self.prefix)
        except ForeignMessageError as error:
            self.tally.refused += 1
            self.say(f"refused: {printable(str(error))}")
            return
        if message is None:
            return
        if not message.publisher:  # bluesky's own publisher does not count
            self._write(message.name, message.doc)
            return
        self._follow(message)
        if message.run in self._done:
            return  # it came from the journal before
        run = self._runs.get(message.run)
        if run is None:
            run = self._runs[message.run] = _Run(message.publisher)
        if message.index < run.next:
            return
        if message.index > run.next:
            self._fill(message.run, run, message.index)
        if message.run in self._runs:
            self._give(message.run, run, message.name, message.doc)

    def _follow(self, message: Message) -> None:
        """Notice what a publisher sent that did not come."""
        expected = self._counts.get(message.publisher)
        self._counts[message.publisher] = message.count + 1
        if expected is None and message.count:
            self.say(
                f"joined the publisher {message.publisher[:8]} after {message.count} "
                "messages"
            )
        elif expected is not None and message.count > expected:
            self.say(
                f"{message.count - expected} messages of the publisher "
                f"{message.publisher[:8]} were dropped on their way"
            )

    def idle(self) -> None:
        """Look into the journals for what never came: the end of a run, or a whole one.

        Call it when no message came for some time.
        """
        if self.source is None:
            return
        for uid, about in list(self.source.runs()):
            publisher = str(about.get("publisher", ""))
            if uid in self._done or publisher not in self._counts:
                continue
            run = self._runs.get(uid)
            if run is None and uid in self._before:
                continue
            if run is None:
                run = self._runs[uid] = _Run(publisher)
            self._from_journal(uid, run, None)

    # -------------------------------------------------------------------------- gaps

    def _fill(self, uid: str, run: _Run, index: int) -> None:
        """Bring a run up to an index; what is not to be had is lost."""
        self._from_journal(uid, run, index)
        missing = index - run.next
        if uid not in self._runs or missing <= 0:
            return
        if not run.next:
            self.say(
                f"run {uid}: joined in its middle, its first {missing} documents never "
                "came; it is not recorded"
                + (
                    ""
                    if self.source
                    else " (--fill-from names the publisher's journals)"
                )
            )
        run.next = index
        if run.recorded:
            self.tally.lost += missing
            self.writer.miss(uid, missing)
            message = f"run {uid}: {missing} documents are lost, it is incomplete"
            self.say(message)
            log.warning("%s", message)  # into the log of the dataset, too

    def _from_journal(self, uid: str, run: _Run, index: int | None) -> None:
        if self.source is None:
            return
        filled = 0
        for name, doc in self.source.documents(uid, run.next, index):
            filled += 1
            self._give(uid, run, name, doc)
        self.tally.filled += filled
        if filled:
            self.say(f"run {uid}: {filled} documents came from the publisher's journal")

    # -------------------------------------------------------------------- documents

    def _give(self, uid: str, run: _Run, name: str, doc: Mapping[str, Any]) -> None:
        """Write the next document of a run."""
        run.next += 1
        if name == "start":
            run.recorded = True
        if run.recorded:
            self._write(name, doc)
        else:
            self.tally.late += 1
        if name == "stop":
            self._runs.pop(uid, None)
            self._done.add(uid)

    def _write(self, name: str, doc: Mapping[str, Any]) -> None:
        try:
            self.writer(name, doc)
        except PymoError as error:
            self.tally.failed += 1
            self.say(f"a {name} document is not written: {error}")
            return
        self.tally.documents += 1
        if name == "start":
            self.say(f"run {doc.get('uid')} begins: {doc.get('plan_name', 'a run')}")
        elif name == "stop":
            self.tally.runs += 1
            self._tell_stop(doc)

    def _tell_stop(self, stop: Mapping[str, Any]) -> None:
        uid = str(stop.get("run_start"))
        where = f"{self.writer.paths.get(uid)}, {self.writer.scans.get(uid)}"
        events = stop.get("num_events")
        count = sum(events.values()) if isinstance(events, dict) else 0
        how = stop.get("exit_status")
        self.say(f"run {uid} ends: {how}, {count} events; it is in {where}")
