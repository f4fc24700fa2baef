"""The record of one run's documents, written; knows nothing of HDF5 or layouts.

A document counts as safe once `JournalWriter.append` has returned: it then lies in the
file by one unbuffered write, checksummed, and survives the death of the process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import os
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ..append.locking import lock
from ..errors import WriteError
from .records import ABOUT, MAGIC, as_record

__all__ = ["JournalWriter"]

_IOV_MAX = 1000
_LOOK_AGAIN = 1.0  # seconds until the name of the file is looked at again


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
    >>> from pymo_bluesky.journal import Journal
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "run.journal"
    ...     with JournalWriter(path, {"run": "4b1d"}) as journal:
    ...         journal.append("start", {"uid": "4b1d", "time": 0.0})
    ...     [name for name, _ in Journal(path)]
    ['start']
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path = path
        self._fd = _made(path)
        self._pid = os.getpid()
        self._size = 0
        self._lock = threading.Lock()
        self._look_at = 0.0
        _watch_forks()
        _open.add(self)
        try:
            # Tells `recover` that the writer lives; the kernel lets go of it with us.
            lock(self._fd, path, 5.0)
            self._write([MAGIC, *as_record(ABOUT, dict(about))])
        except BaseException:
            self.discard()
            raise

    @property
    def size(self) -> int:
        """Bytes safely written."""
        return self._size

    @property
    def is_ours(self) -> bool:
        """Whether this process may write; a child that was forked may not."""
        return self._pid == os.getpid()

    def append(self, name: str, doc: Mapping[str, Any]) -> None:
        """Write one document; it is safe once this returns."""
        self._write(as_record(name, doc))

    def _write(self, parts: list[Any]) -> None:
        # Before the lock: a forked child may have inherited it locked.
        if not self.is_ours:
            raise WriteError(
                f"the journal {self.path} belongs to process {self._pid}; after a "
                "fork, let the parent alone write"
            )
        # Log records come from any thread.
        with self._lock:
            self._require_in_place()
            try:
                self._size += _write_all(self._fd, parts, self._size)
            except OSError as error:
                raise WriteError(
                    error.errno,
                    f"the journal {self.path} takes no more data: {error.strerror}. "
                    f"The {self._size} bytes before are safe; free space or mend the "
                    "disk, and `pymo-bluesky recover` makes a scan of them",
                ) from error

    def _require_in_place(self) -> None:
        """Raise WriteError when the file is closed, removed, moved or replaced."""
        if self._fd < 0:
            raise WriteError(f"the journal {self.path} is closed")
        ours = os.fstat(self._fd)
        removed = ours.st_nlink == 0
        now = time.monotonic()
        if not removed and now < self._look_at:
            return
        try:
            moved = not os.path.samestat(ours, self.path.stat())
        except OSError:
            moved = True
        if removed or moved:
            what = "removed" if removed else "moved away"
            raise WriteError(
                f"the journal {self.path} was {what} while the run went on (folder "
                "deleted or replaced?); the documents from here on are not safe"
            )
        self._look_at = now + _LOOK_AGAIN

    def sync(self) -> None:
        """Force what was appended to the disk, against the loss of power."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file; the journal stays until its scan is in the dataset."""
        if not self.is_ours:
            self._let_go()
            return
        with self._lock:
            if self._fd >= 0:
                with contextlib.suppress(OSError):  # a file system without locks
                    # By itself it would last as long as any child forked meanwhile.
                    fcntl.flock(self._fd, fcntl.LOCK_UN)
            self._let_go()

    def discard(self) -> None:
        """Close and remove a journal in which nothing was acknowledged."""
        self.close()
        with contextlib.suppress(OSError):  # else `recover` removes it
            self.path.unlink()

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_open: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


@functools.cache
def _watch_forks() -> None:
    """See that a child which outlives its parent does not pass for the writer."""

    def let_go() -> None:
        for journal in _open:
            journal._let_go()  # pyright: ignore[reportPrivateUsage] # noqa: SLF001

    os.register_at_fork(after_in_child=let_go)


def _made(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o644)
    except OSError as error:
        advice = "give the writer a folder that exists and can be written"
        if error.errno == errno.EEXIST:
            advice = "`pymo-bluesky recover` makes a scan of the one that is there"
        raise WriteError(
            error.errno,
            f"the journal {path} cannot be made: {error.strerror}. Nothing was "
            f"recorded; {advice}",
        ) from error


def _write_all(fd: int, parts: list[Any], start: int) -> int:
    """Write all parts at `start`, or leave the file as long as it was."""
    total = 0
    queue = [memoryview(part) for part in parts]
    try:
        while queue:
            if len(queue) == 1:  # most documents; what fault injectors know, too
                done = os.pwrite(fd, queue[0], start + total)
            else:
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
