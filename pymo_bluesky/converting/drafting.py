"""Where a new file is made before it has its name; knows nothing of what is in it.

One process at a time makes a file: it holds the lock of ``.<name>.lock``, which goes
with it, however it ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ..append.locking import closing, lock
from ..errors import DatasetBusyError, WriteError

__all__ = ["discard_draft", "draft_of", "drafting"]


@contextlib.contextmanager
def drafting(target: Path) -> Iterator[Path]:
    """Have the draft of a file for oneself; it is gone when this ends.

    Parameters
    ----------
    target
        The file that is to be made, in an existing folder.

    Yields
    ------
    Path
        Where to make it: in the same folder, hidden, and not there yet.

    Raises
    ------
    DatasetBusyError
        When another program makes the same file.
    WriteError
        When the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp(), "new.h5")
    >>> with drafting(target) as draft:
    ...     _ = draft.write_bytes(b"half of it")
    >>> list(target.parent.iterdir())
    []
    """
    with _claimed(target):
        _discard(target)
        try:
            yield draft_of(target)
        finally:
            _discard(target)


def draft_of(target: Path) -> Path:
    """Where a file is made before it has its name; hidden, in the same folder."""
    return target.with_name(f".{target.name}.draft")


def discard_draft(target: Path) -> None:
    """Remove what a conversion that died left of a file; what one makes now stays."""
    if not any(map(os.path.lexists, (_lock_of(target), *_drafts(target)))):
        return
    with contextlib.suppress(WriteError), drafting(target):
        pass


def _lock_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def _drafts(target: Path) -> tuple[Path, Path]:
    draft = draft_of(target)
    return draft, draft.with_name(f"{draft.name}.new")


def _discard(target: Path) -> None:
    for path in _drafts(target):
        with contextlib.suppress(OSError):
            path.unlink()


@contextlib.contextmanager
def _claimed(target: Path) -> Iterator[None]:
    name = _lock_of(target)
    with closing(_locked(name, target)):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                name.unlink()


def _locked(name: Path, target: Path) -> int:
    """Lock the file of that name; one that lost its name meanwhile says nothing."""
    while True:
        try:
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise WriteError(
                error.errno,
                f"{target} cannot be written: {error.strerror} ({name.name})",
            ) from error
        try:
            lock(fd, name, 0.0)
            if _leads_to(name, fd):
                return fd
        except BaseException as error:
            os.close(fd)
            if not isinstance(error, DatasetBusyError):
                raise
            raise DatasetBusyError(
                f"{target}: another program is making it; nothing was written. Wait "
                "for its end: what is made then is skipped"
            ) from error
        os.close(fd)


def _leads_to(name: Path, fd: int) -> bool:
    try:
        return os.path.samestat(name.lstat(), os.fstat(fd))
    except FileNotFoundError:
        return False
