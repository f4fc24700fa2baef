"""Who may write a file, and whether it is still the same; knows no file format."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from pymo_bluesky.errors import AppendError, DatasetBusyError

if sys.platform != "win32":
    import fcntl

__all__ = [
    "closing",
    "lock",
    "locked",
    "remove_abandoned",
    "require_same_file",
    "sync_folder",
]

_POLL = 0.02  # seconds between two tries for the lock
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
_NO_FOLDER_SYNC = {errno.EINVAL, errno.EOPNOTSUPP}


@contextlib.contextmanager
def locked(real: Path, timeout: float, *, required: bool = False) -> Iterator[int]:
    """Open a dataset that no one else has open, and keep others out until the end."""
    try:
        fd = os.open(real, os.O_RDWR | os.O_NOFOLLOW)
    except OSError as error:
        raise AppendError(
            f"{real}: cannot be opened to append: {error.strerror}; nothing was changed"
        ) from error
    with closing(fd):
        lock(fd, real, timeout, required=required)
        require_same_file(fd, real)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise AppendError(f"{real}: not a regular file; nothing was changed")
        yield fd


@contextlib.contextmanager
def closing(fd: int) -> Iterator[None]:
    """Give the lock back, even when a forked child has inherited `fd`, and close."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def lock(fd: int, real: Path, timeout: float, *, required: bool = False) -> None:
    """Take the lock that HDF5 takes, too: its readers share it, its writers own it.

    Where the file system has none it warns; AppendError when it is `required`.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= end:
                raise DatasetBusyError(
                    f"{real}: another program has it open (waited {timeout:g} s); "
                    "nothing was changed. Close it there, or use another dataset"
                ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise AppendError(f"{real}: cannot be locked: {error}") from error
            if required:
                raise AppendError(
                    f"{real}: its file system has no locks ({error.strerror})"
                ) from error
            warnings.warn(
                f"{real}: this file system has no locks ({error.strerror}): make sure "
                "that no other program writes to the dataset",
                RuntimeWarning,
                stacklevel=2,
            )
            return
        time.sleep(_POLL)


def require_same_file(fd: int, real: Path) -> None:
    """Raise AppendError when the name no longer leads to the file that is open."""
    ours = os.fstat(fd)
    try:
        there = real.stat()
    except OSError as error:
        raise AppendError(
            f"{real}: removed or moved by another program meanwhile: {error.strerror}"
        ) from error
    if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
        raise AppendError(f"{real}: replaced by another program meanwhile")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power failure, where that is possible."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(fd)


def remove_abandoned(draft: Path) -> None:
    """Remove what a killed process left half-made; DatasetBusyError while it lives.

    Only the name goes: a file that has got its final name already lives on.
    """
    try:
        fd = os.open(draft, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with closing(fd):
        lock(fd, draft, 0.0)
        require_same_file(fd, draft)
        draft.unlink()
