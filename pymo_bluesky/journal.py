"""The append-only record of one run's documents; knows nothing of HDF5 or layouts.

A document counts as safe once `JournalWriter.append` has returned: it then lies in the
file by one unbuffered write, checksummed, and survives the death of the process.

File: ``PYMOJRN1``, then records. A record is a head (checksum, number of blobs, length
of the packed document), the lengths of its blobs, the packed ``[name, document]``, and
the blobs: large arrays, which are neither copied nor packed on their way to the disk.
The first record is ``["journal", {...}]``: what the journal is for.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

from .errors import JournalError, WriteError
from .values import pack, unpack

__all__ = ["SUFFIX", "Journal", "JournalWriter"]

SUFFIX = ".journal"
_MAGIC = b"PYMOJRN1"
_HEAD = struct.Struct("<IIQ")
_LENGTH = struct.Struct("<Q")
_IOV_MAX = 1000
_MAX_BLOBS = 1_000_000
_WINDOW = 2**18


class JournalWriter:
    """Appends documents to a new journal.

    Parameters
    ----------
    path
        Where the journal goes; must not exist yet.
    about
        What it is for: run uid, dataset, layout, options of the writer.

    Raises
    ------
    WriteError
        When the file cannot be made, or on the first write that fails. What was
        appended before stays safe, and appending may be tried again.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.journal"
    ...     with JournalWriter(path, {"run": "4b1d"}) as journal:
    ...         journal.append("start", {"uid": "4b1d", "time": 0.0})
    ...     [name for name, _ in Journal(path)]
    ['start']
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self._fd = os.open(path, flags, 0o644)
        except OSError as error:
            raise WriteError(
                error.errno,
                f"the journal {path} cannot be made: {error.strerror}. Nothing was "
                "recorded; give the writer a folder that exists and can be written",
            ) from error
        self._pid = os.getpid()
        self._size = 0
        self._lock = threading.Lock()
        # Tells `recover` that the writer lives; the kernel lets go of it with us.
        # It waits for those who look whether it does: they hold it for a moment.
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        self._write([_MAGIC])
        self.append("journal", dict(about))

    @property
    def size(self) -> int:
        """Bytes safely written."""
        return self._size

    def append(self, name: str, doc: Mapping[str, Any]) -> None:
        """Write one document; it is safe once this returns."""
        blobs: list[memoryview] = []
        body = pack([name, doc], blobs)
        lengths = b"".join(_LENGTH.pack(len(blob)) for blob in blobs)
        check = zlib.crc32(body, zlib.crc32(lengths))
        for blob in blobs:
            check = zlib.crc32(blob, check)
        head = _HEAD.pack(check, len(blobs), len(body))
        self._write([head + lengths + body, *blobs])

    def _write(self, parts: list[Any]) -> None:
        # Log records come from any thread.
        with self._lock:
            self._write_locked(parts)

    def _write_locked(self, parts: list[Any]) -> None:
        if self._pid != os.getpid():
            raise WriteError(
                f"the journal {self.path} belongs to process {self._pid}; after a "
                "fork, let the parent alone write"
            )
        if os.fstat(self._fd).st_nlink == 0:
            raise WriteError(
                f"the journal {self.path} was removed while the run went on (folder "
                "deleted or replaced?); the documents from here on are not safe"
            )
        try:
            self._size += _write_all(self._fd, parts, self._size)
        except OSError as error:
            raise WriteError(
                error.errno,
                f"the journal {self.path} takes no more data: {error.strerror}. "
                f"The {self._size} bytes before are safe; free space or mend the "
                "disk, and `pymo-bluesky recover` makes a scan of them",
            ) from error

    def sync(self) -> None:
        """Force what was appended to the disk, against the loss of power."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file; the journal stays until its scan is in the dataset."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _write_all(fd: int, parts: list[Any], start: int) -> int:
    """Write all parts at `start`, or leave the file as long as it was."""
    total = 0
    queue = [memoryview(part) for part in parts]
    try:
        while queue:
            done = os.pwritev(fd, queue[:_IOV_MAX], start + total)
            total += done
            while queue and done >= len(queue[0]):
                done -= len(queue.pop(0))
            if done:
                queue[0] = queue[0][done:]
    except OSError:
        os.ftruncate(fd, start)
        raise
    return total


class Journal:
    """Reads a journal, while it is written or after.

    Iterating gives ``(name, document)`` in the order of writing, any number of times,
    up to the last whole record, in little memory whatever its length.

    Parameters
    ----------
    path
        The journal.

    Raises
    ------
    JournalError
        When the file is not a journal. A torn last record (the writer died in it) is
        no error: `torn` tells how many bytes were left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.torn = 0
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise JournalError(
                    f"{path} is not a journal of this package: it does not begin with "
                    f"{_MAGIC.decode()}. Nothing was changed"
                )
        first = next(self._records(whole=True), None)
        if first is None or first[0] != "journal":
            raise JournalError(
                f"{path} ends before its first document; no event was acknowledged"
            )
        self.about: dict[str, Any] = first[1]

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self.path.stat().st_size

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        records = self._records(whole=True)
        next(records, None)
        return records

    def outline(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The same without reading the large arrays of single events.

        In their place stand arrays of the same dtype and shape, all 0. What a scan is
        planned by (axes in a configuration, positions in a page) is read.
        """
        records = self._records(whole=False)
        next(records, None)
        return records

    def _records(self, *, whole: bool) -> Iterator[tuple[str, dict[str, Any]]]:
        with self.path.open("rb", buffering=_WINDOW) as file:
            end = os.fstat(file.fileno()).st_size
            at = file.seek(len(_MAGIC))
            while at < end:
                record = _read_record(file, end, whole=whole)
                if record is None:
                    self.torn = end - at
                    return
                yield record
                at = file.tell()

    @staticmethod
    def is_alive(path: Path) -> bool:
        """Whether a process still writes the journal, or has just taken it away."""
        try:
            with path.open("rb") as file:
                fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            return True
        return False


def _read_record(
    file: BinaryIO, end: int, *, whole: bool
) -> tuple[str, dict[str, Any]] | None:
    """The next record; None when it is not whole."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    check, n_blobs, n_body = _HEAD.unpack(head)
    if n_blobs > _MAX_BLOBS or file.tell() + n_blobs * _LENGTH.size + n_body > end:
        return None
    lengths = file.read(n_blobs * _LENGTH.size)
    sizes = [size for (size,) in _LENGTH.iter_unpack(lengths)]
    body = file.read(n_body)
    if file.tell() + sum(sizes) > end:
        return None
    if not whole and n_blobs:
        name, doc = unpack(body, None)
        if name == "event":
            # The checksum is not looked at: who writes the values reads them whole.
            file.seek(sum(sizes), os.SEEK_CUR)
            return name, doc
    blobs = [file.read(size) for size in sizes]
    actual = zlib.crc32(body, zlib.crc32(lengths))
    for blob in blobs:
        actual = zlib.crc32(blob, actual)
    if actual != check:
        return None
    name, doc = unpack(body, blobs)
    return name, doc
