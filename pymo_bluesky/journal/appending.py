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
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, Self

from ..append.locking import lock
from ..errors import WriteError
from .packing import as_record
from .records import ABOUT, MAGIC

__all__ = ["JournalWriter"]

_IOV_MAX = 1000
_COPIED = 2**22

LOOK_AGAIN = 0.005
"""Seconds until it is seen again that a journal is where it was made.

At 100 events a second that is with each; asked at any rate it took 1 to 2 µs of each.
"""


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
        self._name = os.fspath(path)  # pathlib takes as long as the system does
        self._fd = _made(path)
        made = os.fstat(self._fd)
        self._identity = made.st_dev, made.st_ino
        self._look_at = 0.0
        self._torn = False
        self._pid = os.getpid()
        self._size = 0
        self._synced = 0
        self._sync_error: OSError | None = None
        self._lock = threading.Lock()
        _watch_forks()
        _open.add(self)
        try:
            # Tells `recover` that the writer lives; the kernel lets go of it with us.
            lock(self._fd, path, 5.0)
            self.write([MAGIC, *as_record(ABOUT, dict(about))])
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

    def require_ours(self) -> None:
        """Raise WriteError in a child that was forked."""
        if self._pid != os.getpid():
            raise WriteError(
                f"the journal {self.path} belongs to process {self._pid}; after a "
                "fork, let the parent alone write"
            )

    def append(self, name: str, doc: Mapping[str, Any]) -> None:
        """Write one document; it is safe once this returns."""
        self.require_ours()
        self.write(as_record(name, doc))

    def write(self, parts: Sequence[Any]) -> None:
        """Write one document that `as_record` has taken apart.

        Whoever calls has seen before that the journal is ours: a forked child may have
        inherited any lock locked.
        """
        # Log records come from any thread.
        with self._lock:
            if self._torn or monotonic() >= self._look_at:
                self._look()
            try:
                self._torn = True
                self._size += _write_all(self._fd, parts, self._size)
                self._torn = False
            except OSError as error:
                self._fail(error)

    def look_again(self) -> None:
        """See with the next document that the file is still there."""
        self._look_at = 0.0

    def _look(self) -> None:
        """See that all is well, every few milliseconds and after any failure."""
        self._require_in_place()
        if self._sync_error is not None:
            self._raise_sync_error(self._sync_error)
        if self._torn:
            try:
                os.ftruncate(self._fd, self._size)
            except OSError as error:
                self._fail(error)

    def _fail(self, error: OSError) -> NoReturn:
        with contextlib.suppress(OSError):  # else before the next write
            os.ftruncate(self._fd, self._size)
        raise WriteError(
            error.errno,
            f"the journal {self.path} takes no more data: {error.strerror}. "
            f"The {self._size} bytes before are safe; free space or mend the "
            "disk, and `pymo-bluesky recover` makes a scan of them",
        ) from error

    def _require_in_place(self) -> None:
        """Raise WriteError when the file is closed, removed, moved or replaced.

        A file that was removed, or whose folder was moved, is kept alive by whoever
        has it open, with all that is written to it. To look up its name takes as long
        as a small write, or longer, the deeper the folder lies.
        """
        if self._fd < 0:
            raise WriteError(f"the journal {self.path} is closed")
        self._look_at = monotonic() + LOOK_AGAIN
        try:
            there = os.stat(self._name)  # noqa: PTH116 - twice as fast
            found = there.st_dev, there.st_ino
        except OSError:
            found = None
        if found != self._identity:
            self._look_at = 0.0
            what = "moved away" if os.fstat(self._fd).st_nlink else "removed"
            raise WriteError(
                f"the journal {self.path} was {what} while the run went on (folder "
                "deleted or replaced?); the documents from here on are not safe"
            )

    def _raise_sync_error(self, error: OSError) -> NoReturn:
        """Tell once that the disk did not keep what it had taken."""
        self._sync_error = None
        raise WriteError(
            error.errno,
            f"the journal {self.path} could not be synced: {error.strerror}. A "
            "failing disk may not have kept what it took since the last time",
        ) from error

    def sync(self) -> None:
        """Force what was appended to the disk, against the loss of power.

        Documents may be appended meanwhile. A failure is raised here, and again by
        the next `append`, in case this is called where nobody listens.
        """
        with self._lock:
            if self._fd < 0 or self._synced == self._size or not self.is_ours:
                return
            size, fd = self._size, os.dup(self._fd)
        try:
            os.fdatasync(fd)
            self._synced = size
        except OSError as error:
            self.doubt(error)
            raise
        finally:
            os.close(fd)

    def doubt(self, error: OSError) -> None:
        """Raise an error, of this or another file of the run, at the next document."""
        self._sync_error = error
        self._look_at = 0.0

    def move_to(self, other: JournalWriter) -> None:
        """Give all that is safe here to another journal, in place of its own, and end.

        Reads the open file, which is there even when its name is gone. Nothing is
        appended meanwhile, and nothing afterwards.

        Raises
        ------
        OSError
            When this one cannot be read, or the other not be written; this one goes on.
        """
        with self._lock, other._lock:
            at = 0
            while at < self._size:
                data = os.pread(self._fd, min(_COPIED, self._size - at), at)
                if not data:
                    raise WriteError(
                        f"{self.path} ends after {at} of {self._size} bytes: another "
                        "program has cut it off"
                    )
                at += _write_all(other._fd, [data], at)
            other._size = at
            self._let_go()
        with contextlib.suppress(OSError):  # else `recover` finds both, one cut short
            now = self.path.stat()
            if (now.st_dev, now.st_ino) == self._identity:
                self.path.unlink()

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
        self._look_at = 0.0  # so that the next write finds it closed
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

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
            with contextlib.suppress(OSError):  # the others are to be closed, too
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


def _write_all(fd: int, parts: Sequence[Any], start: int) -> int:
    """Write all parts at `start`, however the system splits it; give the bytes."""
    if len(parts) == 1:  # most documents are written at once
        total = os.pwrite(fd, parts[0], start)
        if total == len(parts[0]):
            return total
        parts = [memoryview(parts[0])[total:]]
    else:
        total = 0
    queue = [memoryview(part) for part in parts]
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
    return total
