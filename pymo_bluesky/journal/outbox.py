"""Documents on their way to a journal; knows nothing of runs, datasets or folders.

Mostly the way is short: `Outbox` writes each before its call returns. What the disk
refuses waits here, in order, and goes first when it takes data again. `DelayedOutbox`
lets documents wait for a slow disk, up to a bound.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from ..errors import WriteError
from ..forms import Form
from .appending import JournalWriter
from .packing import Records, as_record
from .slots import Slots

__all__ = ["Bound", "DelayedOutbox", "Elsewhere", "Outbox", "Pending"]

Elsewhere = Callable[[JournalWriter, WriteError], JournalWriter]
"""Called with a journal that fails and its error: gives one that goes on, or raises."""

_KEPT_BYTES = 16 * 2**20
_PATIENCE = 0.5  # seconds until a delayed outbox looks whether its process forked


@dataclass(frozen=True, slots=True)
class Pending:
    """What is not in a journal yet: a kill would lose it.

    Attributes
    ----------
    documents, bytes
        How many, and how much memory they take.
    seconds
        For how long the oldest of them has been waiting.
    """

    documents: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def __add__(self, other: Pending) -> Pending:
        return Pending(
            self.documents + other.documents,
            self.bytes + other.bytes,
            max(self.seconds, other.seconds),
        )


@dataclass(frozen=True, slots=True)
class Bound:
    """How much may wait.

    Attributes
    ----------
    most
        Bytes, or the age of the oldest document.
    when_full
        What a document meets that finds no room: it waits, or an error is raised.
    """

    most: int | timedelta
    when_full: Literal["wait", "raise"] = "wait"

    def allows(self, pending: Pending, more: int) -> bool:
        """Whether another document of so many bytes may wait, too."""
        if isinstance(self.most, timedelta):
            return pending.seconds < self.most.total_seconds()
        return not pending.documents or pending.bytes + more <= self.most


@dataclass(frozen=True, slots=True, eq=False)
class _Letter:
    """A document that waits; `key` tells it from others."""

    key: tuple[str, Any]
    parts: Sequence[Any]
    size: int
    since: float


class Outbox:
    """Writes documents to a journal, each before its call returns.

    Parameters
    ----------
    journal
        Where they go.
    elsewhere
        Where they go when that fails; without it the error is raised.
    slots
        Gives places in another file for the large arrays of events.

    Attributes
    ----------
    journal
        Where they go now.
    lost
        Documents that nobody could keep: too large to wait for a disk that failed.
    """

    def __init__(
        self,
        journal: JournalWriter,
        elsewhere: Elsewhere | None = None,
        slots: Callable[[Form], Slots | None] | None = None,
    ) -> None:
        self.journal = journal
        self.lost = 0
        self._elsewhere = elsewhere
        self._records = Records(slots)
        self._waiting: deque[_Letter] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        # A row may only come behind the form it has: one document at a time.
        self._order = threading.RLock()

    def put(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document.

        Raises
        ------
        WriteError
            When it, or one before it, is not safe. It is tried again with the next
            document and by `drain`, unless it is too large to be kept.
        """
        self.journal.require_ours()  # else a forked child waits for a lost lock
        parts: Sequence[Any] | None = None
        with self._order:
            try:
                parts = self._records.of(name, doc)
                if self._waiting:
                    self._forget_first_try(name, doc)
                    self.drain()
                self._write(name, parts)
            except BaseException as error:  # an interrupt, too
                self._records.forget()
                if isinstance(error, WriteError) and parts is not None:
                    with self._changed:
                        self._keep(_letter(name, doc, parts))
                raise

    def note(self, name: str, doc: Mapping[str, Any]) -> bool:
        """Take what may be left out; gives whether it was taken."""
        if self._waiting or not self.journal.is_ours:
            return False
        try:
            self.journal.write(as_record(name, doc))
        except WriteError:
            return False
        return True

    def drain(self) -> None:
        """Write all that waits; WriteError when that fails."""
        if not self._waiting:
            return
        self.journal.require_ours()
        with self._changed:
            while self._waiting:
                self._write(self._waiting[0].key[0], self._waiting[0].parts)
                self._sent()

    def close(self) -> None:
        """Take no more; what waits is given up, and counted as lost."""
        if self.journal.is_ours:
            with self._changed:
                self._give_up()

    def _give_up(self) -> None:
        self.lost += len(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0

    @property
    def pending(self) -> Pending:
        """What waits."""
        if not self.journal.is_ours:
            return Pending()
        with self._changed:
            oldest = self._waiting[0].since if self._waiting else time.monotonic()
            seconds = time.monotonic() - oldest
            return Pending(len(self._waiting), self._waiting_bytes, seconds)

    def _write(self, name: str, parts: Sequence[Any]) -> None:
        """Write one document here, or elsewhere."""
        journal = self.journal
        if name != "event":  # these are few, and the last of a run is among them
            journal.look_again()
        try:
            journal.write(parts)
        except WriteError as error:
            self._write_elsewhere(parts, journal, error)

    def _write_elsewhere(
        self, parts: Sequence[Any], journal: JournalWriter, error: WriteError
    ) -> None:
        """Write what a journal did not take; no folder is tried twice."""
        tried: tuple[Path, ...] = ()
        while True:
            journal.require_ours()
            if self._elsewhere is None or journal.path.parent in tried:
                raise error
            tried = *tried, journal.path.parent
            with self._changed:
                if self.journal is journal:  # no other thread was faster
                    self.journal = self._elsewhere(journal, error)
            journal = self.journal
            try:
                return journal.write(parts)
            except WriteError as another:
                error = another

    def _forget_first_try(self, name: str, doc: Mapping[str, Any]) -> None:
        """Drop a document that waits, when its sender sends it once more."""
        key = _key_of(name, doc)
        with self._changed:
            if key[1] and self._waiting and self._waiting[-1].key == key:
                self._waiting_bytes -= self._waiting.pop().size

    def _keep(self, letter: _Letter) -> None:
        """Let a document wait for a disk that fails; drop what memory must not hold."""
        if self._waiting_bytes + letter.size > _KEPT_BYTES:
            self.lost += 1
            return
        self._waiting.append(letter)
        self._waiting_bytes += letter.size

    def _sent(self) -> None:
        self._waiting_bytes -= self._waiting.popleft().size


class DelayedOutbox(Outbox):
    """Lets documents wait for a slow disk, up to a bound.

    Parameters
    ----------
    journal, elsewhere
        As for `Outbox`.
    bound
        How much may wait.
    """

    def __init__(
        self, journal: JournalWriter, bound: Bound, elsewhere: Elsewhere | None = None
    ) -> None:
        super().__init__(journal, elsewhere)
        self._bound = bound
        self._error: WriteError | None = None
        self._ended = False
        # A daemon: a disk that hangs must not keep the interpreter from its exit.
        self._thread = threading.Thread(
            target=self._deliver, name=f"journal {journal.path.name}", daemon=True
        )
        self._thread.start()

    def put(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; waits, or raises, where the bound is reached.

        Raises
        ------
        WriteError
            When there is no room and the bound says so, or what waits cannot be
            written.
        """
        self.journal.require_ours()
        with self._order:
            try:
                letter = _letter(name, doc, self._records.of(name, doc))
                with self._changed:
                    if len(self._waiting) > 1:  # the first may be on its way
                        self._forget_first_try(name, doc)
                    self._make_room(letter.size)
                    self._keep_delayed(letter)
                    if name != "stop":  # its end tries once more, and tells
                        self._raise_error()
            except BaseException:
                self._records.forget()
                raise

    def note(self, name: str, doc: Mapping[str, Any]) -> bool:
        """Take what may be left out; gives whether it was taken."""
        if not self.journal.is_ours:
            return False
        letter = _letter(name, doc, as_record(name, doc))
        with self._changed:
            fits = self._bound.allows(self.pending, letter.size)
            if fits and self._error is None:
                self._keep_delayed(letter)
                return True
        return False

    def drain(self) -> None:
        """Wait until all is written; WriteError when that fails."""
        self.journal.require_ours()
        with self._changed:
            self._error = None  # once more: the disk may do better now
            self._changed.notify_all()
            while self._waiting and self._error is None:
                self._changed.wait()
            self._raise_error()

    def close(self) -> None:
        """Take no more; what waits is given up, and counted as lost."""
        if self.journal.is_ours:
            with self._changed:
                self._ended = True
                self._give_up()
                self._changed.notify_all()

    def _make_room(self, size: int) -> None:
        while not self._bound.allows(self.pending, size) and self._error is None:
            if self._bound.when_full == "raise":
                self.lost += 1
                raise WriteError(
                    f"{self.pending.documents} documents wait for the disk of "
                    f"{self.journal.path}, as many as max_pending allows; this one is "
                    "not recorded. Measure more slowly, or write to a faster disk"
                )
            self._changed.wait(_PATIENCE)

    def _keep_delayed(self, letter: _Letter) -> None:
        self._waiting.append(letter)
        self._waiting_bytes += letter.size
        self._changed.notify_all()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            self._changed.notify_all()
            waiting = self.pending
            raise WriteError(
                error.errno,
                f"{error} ({waiting.documents} documents wait in memory; the next "
                "document, or the stop, tries again)",
            ) from error

    def _deliver(self) -> None:
        """Write what waits, until the end; runs in a thread of its own."""
        while letter := self._next():
            try:
                self._write(letter.key[0], letter.parts)
            except Exception as error:  # noqa: BLE001 - whoever drains hears of it
                with self._changed:
                    self._error = _as_write_error(error)
                    self._changed.notify_all()
            else:
                with self._changed:
                    if self._waiting:  # not given up meanwhile
                        self._sent()
                    self._changed.notify_all()

    def _next(self) -> _Letter | None:
        with self._changed:
            while not self._ended and (not self._waiting or self._error is not None):
                self._changed.wait()
            return None if self._ended else self._waiting[0]


def _as_write_error(error: Exception) -> WriteError:
    if isinstance(error, WriteError):
        return error
    return WriteError(f"a document was not written: {error!r}")


def _letter(name: str, doc: Mapping[str, Any], parts: Sequence[Any]) -> _Letter:
    """A document as it is now: its large arrays are the sender's, and may change."""
    copied = [part if isinstance(part, bytes) else bytes(part) for part in parts]
    size = sum(map(len, copied))
    return _Letter(_key_of(name, doc), copied, size, time.monotonic())


def _key_of(name: str, doc: Mapping[str, Any]) -> tuple[str, Any]:
    return name, doc.get("uid") or doc.get("datum_id")
