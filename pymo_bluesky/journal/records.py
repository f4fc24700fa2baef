"""The record of one run's documents, read; knows nothing of HDF5 or layouts.

File: ``PYMOJRN2``, then records. A record is a head (its checksum, that of the rest,
number of blobs, bytes of the packed document and of all blobs), the lengths of its
blobs, the packed ``[name, document]``, and the blobs: large arrays, which are neither
copied nor packed on their way to the disk. Events of one form are rows (``rowing``);
long columns of pages are bytes of one kind (``pages``).
The head vouches for itself, so that a record the writer died in can be told from one
that was damaged later. The first record is ``["journal", {...}]``: what the journal is
for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import zlib
from collections.abc import Generator, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from ..errors import JournalError
from ..folders import JOURNAL
from ..forms import ROWS, Rows
from ..pages import PAGE, as_columns, as_lists
from ..values import unpack
from .packing import CHECK, LENGTH
from .rowing import FORM, HEAD, IN, ROW, Large, RowReader

__all__ = [
    "ABOUT",
    "MAGIC",
    "SUFFIX",
    "EmptyJournalError",
    "Journal",
    "JournalTail",
    "abandoned",
]

SUFFIX = JOURNAL
ABOUT = "journal"
"""Name of a record that tells what the journal is for; a later one amends the first."""

MAGIC = b"PYMOJRN2"
_MAX_BLOBS = 1_000_000
_WINDOW = 2**18


class EmptyJournalError(JournalError):
    """The writer died before the journal told what it is for."""


class Journal:
    """Reads a journal, while it is written or after.

    Iterating gives ``(name, document)`` in the order of writing, any number of times,
    up to the last whole record, in little memory whatever its length.

    Parameters
    ----------
    path
        The journal.
    end
        Bytes to read; all by default.

    Attributes
    ----------
    about
        What the journal is for.
    torn
        Bytes behind the last whole record, known once all was iterated over: the
        record that the writer died in.
    damaged
        Whether they were whole once: what follows was acknowledged and is not read.

    Raises
    ------
    JournalError
        When the file is not a journal, or its first record is damaged.
    EmptyJournalError
        When the writer died in that: no document was acknowledged.
    """

    def __init__(self, path: Path, *, end: int | None = None) -> None:
        self.path = path
        self.torn = 0
        self.damaged = False
        self._end = end
        self._lost: frozenset[int] = frozenset()
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
        if not MAGIC.startswith(begins):
            raise JournalError(
                f"{path} is not a journal of this version: it begins with "
                f"{begins!r}, not {MAGIC!r}. Nothing was changed"
            )
        first = next(self._records(), None)
        if first is None and not self.damaged:
            raise EmptyJournalError(
                f"{path} ends before its first document; no event was acknowledged"
            )
        if first is None or first[0] != ABOUT:
            raise JournalError(
                f"the first record of {path} does not tell what the journal is for; "
                "it is damaged. Nothing was changed"
            )
        self.about: dict[str, Any] = first[1]

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self.path.stat().st_size

    def leave_out_lost(self) -> int:
        """Look at all frames in other files; leave out those that are not there.

        After a loss of power, or when another program wrote over them. Gives how many.
        """
        lost: list[int] = []
        for name, item in self._items("outline"):
            if name == ROWS:
                for values in item.values:
                    lost += values.damaged() if getattr(values, "stay", False) else ()
        self._lost = frozenset(lost)
        return len(lost)

    def is_short(self, most: int) -> bool:
        """Whether all its documents fit into memory, those with frames elsewhere, too.

        Parameters
        ----------
        most
            Bytes.
        """
        return self.size <= most and IN.encode() not in self.path.read_bytes()

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        records = self._records()
        next(records, None)
        return records

    def batches(self, large: Large = "read") -> Iterator[tuple[str, Any]]:
        """The same, but events of one form come many at once: ``("rows", Rows)``.

        Long columns of pages are `Uniform`.

        Parameters
        ----------
        large
            What becomes of the large arrays of single events. Where they are not read,
            what a scan is planned by (axes in a configuration, positions in a page)
            is.

        Raises
        ------
        JournalError
            When an array that stayed in the file turns out to be damaged.
        """
        items = self._items(large)
        next(items, None)
        return items

    def _records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, item in self._items("read"):
            yield from _documents(name, item)

    def _items(self, large: Large) -> Iterator[tuple[str, Any]]:
        rows = RowReader(self.path, large, self._lost)
        with self.path.open("rb", buffering=_WINDOW) as binary:
            file = cast(BufferedReader, binary)
            end = os.fstat(file.fileno()).st_size
            end = end if self._end is None else min(end, self._end)
            at = file.seek(min(len(MAGIC), end))
            while at < end:
                try:
                    record = _read_record(file, end, rows, whole=large != "outline")
                except _DamagedError:
                    # Where one pass ends, all end: an outline would not notice.
                    record, self.damaged, self._end = None, True, at
                if record is None:
                    self.torn = end - at
                    return
                at = file.tell()
                if record[0] != FORM:
                    yield record

    @staticmethod
    def is_alive(path: Path) -> bool:
        """Whether a process still writes the journal, or recovers it."""
        try:
            with path.open("rb") as file:
                return not _locks(file.fileno(), path, fcntl.LOCK_SH)
        except FileNotFoundError:  # taken away by its writer just now
            return True

    @staticmethod
    @contextlib.contextmanager
    def claimed(path: Path) -> Generator[bool]:
        """Keep a journal to oneself; gives False when another process has it."""
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            yield _locks(fd, path, fcntl.LOCK_EX)
        finally:
            os.close(fd)


class JournalTail:
    """Reads a journal while it is written: each time what is new.

    Takes no lock. The file stays readable to its end when the writer has removed it.

    Parameters
    ----------
    path
        The journal.

    Attributes
    ----------
    about
        What the journal is for.

    Raises
    ------
    FileNotFoundError
        When it is not there (any more).
    EmptyJournalError
        When it does not yet tell what it is for.
    JournalError
        When it is not a journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows = RowReader(path)
        self._at = len(MAGIC)
        self._file: Any = path.open("rb", buffering=0)
        try:
            self.about: dict[str, Any] = Journal(path).about
            next(self.new())
        except BaseException:
            self._file.close()
            raise

    def new(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Records that were not read yet; all that are whole by now."""
        self._file.seek(self._at)
        # A new buffer: the old one may hold a record that was only half there.
        file = BufferedReader(self._file, _WINDOW)
        try:
            end = os.fstat(self._file.fileno()).st_size
            while self._at < end:
                try:
                    record = _read_record(file, end, self._rows, whole=True)
                except _DamagedError:
                    return
                if record is None:
                    return
                name, item = record
                if name == FORM:
                    # Written with its first row: with it, it may be taken back.
                    continue
                self._at = file.tell()
                yield from _documents(name, item)
        finally:
            file.detach()

    @property
    def left(self) -> int:
        """Bytes that are not read: a record that is being written, or was cut off."""
        return os.fstat(self._file.fileno()).st_size - self._at

    @property
    def is_removed(self) -> bool:
        """Whether its name is gone: its scan is in the dataset, or it was moved."""
        return os.fstat(self._file.fileno()).st_nlink == 0

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def abandoned(folder: Path) -> list[Path]:
    """Journals of a folder whose writers are gone."""
    found: list[Path] = []
    for path in folder.glob(f"*{SUFFIX}"):
        # Gone meanwhile, of another user, or on a file system without locks.
        with contextlib.suppress(OSError, JournalError):
            if not Journal.is_alive(path):
                found.append(path)
    return found


def _documents(name: str, item: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a record holds, as it was."""
    if isinstance(item, Rows):
        yield from (("event", event) for event in item.events())
    else:
        yield name, as_lists(item) if name == PAGE else item


class _DamagedError(Exception):
    """A record that was whole once is not what was written."""


def _locks(fd: int, path: Path, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise JournalError(
            f"{path}: whether its writer lives cannot be told, for this file system "
            f"has no locks ({error.strerror}). Copy the folder to a local disk"
        ) from error
    return True


def _read_record(
    file: BufferedReader, end: int, rows: RowReader, *, whole: bool
) -> tuple[str, Any] | None:
    """The next record; None when the writer died in it."""
    head = file.read(CHECK.size + HEAD.size)
    if len(head) < CHECK.size + HEAD.size:
        return None
    if CHECK.pack(zlib.crc32(head[CHECK.size :])) != head[: CHECK.size]:
        raise _DamagedError
    check, n_blobs, n_body, n_blob = HEAD.unpack_from(head, CHECK.size)
    if n_blobs & ROW:
        return _read_rows(file, end, rows, n_blobs)
    n_lengths = n_blobs * LENGTH.size
    if n_blobs > _MAX_BLOBS:
        raise _DamagedError
    if file.tell() + n_lengths + n_body + n_blob > end:
        return None
    lengths, body = file.read(n_lengths), file.read(n_body)
    sizes = [size for (size,) in LENGTH.iter_unpack(lengths)]
    if sum(sizes) != n_blob:
        raise _DamagedError
    if not whole and n_blobs:
        name, doc = _pair(unpack(body, None))
        if name == "event":
            # The checksum is not looked at: who writes the values reads them whole.
            file.seek(n_blob, os.SEEK_CUR)
            return name, doc
    blobs = [file.read(size) for size in sizes]
    actual = zlib.crc32(body, zlib.crc32(lengths))
    for blob in blobs:
        actual = zlib.crc32(blob, actual)
    if actual != check:
        raise _DamagedError
    name, doc = _pair(unpack(body, blobs))
    _teach(rows, name, doc)
    return name, doc


def _teach(rows: RowReader, name: str, doc: dict[str, Any]) -> None:
    """Let what reads rows take note of what it needs."""
    if name == ABOUT:
        rows.note(doc)
    elif name == FORM:
        try:
            rows.learn(doc)
        except (KeyError, TypeError, ValueError):
            raise _DamagedError from None


def _pair(record: Any) -> tuple[str, dict[str, Any]]:
    """Name and document of a record; a page has its columns beside it."""
    try:
        name, doc, *columns = record
        if columns:
            doc = as_columns(doc, *columns)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _DamagedError from None
    if not isinstance(name, str) or not isinstance(doc, dict):
        raise _DamagedError
    if columns and name != PAGE:
        raise _DamagedError
    return name, cast(dict[str, Any], doc)


def _read_rows(
    file: BufferedReader, end: int, rows: RowReader, code: int
) -> tuple[str, Rows] | None:
    file.seek(-(CHECK.size + HEAD.size), os.SEEK_CUR)
    try:
        found = rows.read(file, end, code)
    except JournalError:  # what they are in is not there: that is no damage
        raise
    except ValueError:
        raise _DamagedError from None
    return None if found is None else (ROWS, found)
