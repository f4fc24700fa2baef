"""How a scan enters a dataset, whole or not at all; knows bytes and files, no HDF5.

The caller writes through an `Overlay`. Up to the commit the dataset holds what it
held. The commit then goes through these states, and a kill in any of them leaves
either the old dataset or an undo file that brings it back:

1. the bytes beyond the old end are on the disk, outside the dataset;
2. ``<dataset>.undo`` holds the old pages (its rename is what makes it appear);
3. the changed pages are written;
4. the undo file is gone: the scan is in.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from pymo_bluesky.append.locking import (
    closing,
    lock,
    locked,
    remove_abandoned,
    require_same_file,
    sync_folder,
)
from pymo_bluesky.append.overlay import (
    Overlay,
    require_closed,
    require_no_writer,
)
from pymo_bluesky.append.undo import Undo, draft_path, undo_path
from pymo_bluesky.errors import AppendError, DatasetBusyError
from pymo_bluesky.transfer import write_at

__all__ = ["Overlay", "appending", "creating", "roll_back"]

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@contextlib.contextmanager
def appending(
    path: str | os.PathLike[str],
    *,
    lock_timeout: float = 2.0,
    lock_required: bool = False,
) -> Iterator[Overlay]:
    """Add to a dataset whole or not at all.

    Rolls back first what an append that was killed left behind. Commits when the
    body ends, discards when it raises. The HDF5 file must be closed in the body.

    Parameters
    ----------
    path
        An existing dataset; a symbolic link is followed.
    lock_timeout
        How long to wait while another program has the dataset open, in seconds.
    lock_required
        Whether a file system without locks is refused.

    Yields
    ------
    Overlay
        A file object for ``h5py.File(overlay, "r+")``.

    Raises
    ------
    DatasetBusyError
        Another program, perhaps a reader, held the dataset for `lock_timeout`.
    AppendError
        Anything else that went wrong; says whether the dataset is as it was, or
        will be as soon as `roll_back` or the next append has been there.

    Examples
    --------
    >>> import tempfile
    >>> dataset = Path(tempfile.mkdtemp(), "Dataset_20260101_000.h5")
    >>> _ = dataset.write_bytes(b"scan 0")
    >>> with appending(dataset) as overlay:
    ...     _ = overlay.seek(6), overlay.write(b", scan 1")
    >>> dataset.read_bytes()
    b'scan 0, scan 1'
    """
    real = _resolved(path)
    with locked(real, lock_timeout, required=lock_required) as fd:
        _roll_back_locked(fd, real)
        if not os.access(real.parent, os.W_OK | os.X_OK):
            raise AppendError(
                f"{real}: the folder is read-only, and an append needs to put its undo "
                "file there; nothing was changed"
            )
        overlay = Overlay(fd)
        require_no_writer(overlay, real)
        try:
            with _body(overlay, real):
                yield overlay
            _commit(fd, overlay, real)
        finally:
            overlay.detach()


@contextlib.contextmanager
def creating(path: str | os.PathLike[str]) -> Iterator[Overlay]:
    """Make a new dataset that appears complete under its name, or not at all.

    The bytes go to ``<path>.new``, which is linked to `path` when the body ends and
    removed when it raises. An existing file is never replaced.

    Parameters
    ----------
    path
        The dataset to make, in an existing folder.

    Yields
    ------
    Overlay
        A file object for ``h5py.File(overlay, "w")``.

    Raises
    ------
    DatasetBusyError
        Another program is making the same dataset.
    AppendError
        `path` exists, or the disk or the folder refused; nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> dataset = Path(tempfile.mkdtemp(), "Dataset_20260101_000.h5")
    >>> with creating(dataset) as overlay:
    ...     _ = overlay.write(b"scan 0")
    >>> [file.name for file in dataset.parent.iterdir()]
    ['Dataset_20260101_000.h5']
    """
    real = _resolved(path)
    new = _new_path(real)
    with _claimed(new, real) as fd:
        overlay = Overlay(fd)
        try:
            with _body(overlay, real):
                yield overlay
            _publish(fd, overlay, new, real)
        finally:
            overlay.detach()


def roll_back(path: str | os.PathLike[str], *, lock_timeout: float = 2.0) -> bool:
    """Undo an append that was killed while it changed the dataset.

    May be killed and called again, any number of times.

    Parameters
    ----------
    path
        The dataset.
    lock_timeout
        How long to wait while another program has the dataset open, in seconds.

    Returns
    -------
    bool
        Whether there was something to undo.

    Raises
    ------
    DatasetBusyError
        An append is under way, or another program has the dataset open.
    AppendError
        The undo file is damaged or of another dataset, or the dataset was changed
        by another program since; nothing was changed.

    Examples
    --------
    >>> import tempfile
    >>> roll_back(Path(tempfile.mkdtemp(), "Dataset_20260101_000.h5"))
    False
    """
    real = _resolved(path)
    if not undo_path(real).exists():
        return False
    with locked(real, lock_timeout) as fd:
        return _roll_back_locked(fd, real)


# --- commit and its opposite ------------------------------------------------------


def _roll_back_locked(fd: int, real: Path) -> bool:
    _sweep(real)
    left = undo_path(real)
    try:
        undo = Undo.read(real)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise AppendError(
            f"{left}: not an undo file of ours: {error}; nothing was changed. Move it "
            f"away when {real.name} reads well"
        ) from error
    if not undo.fits(fd):
        raise AppendError(
            f"{real}: changed by another program since an append to it was "
            f"interrupted, so {left.name} no longer fits; nothing was changed. Move "
            "the undo file away when the dataset reads well"
        )
    try:
        undo.put_back(fd)
        left.unlink()
    except OSError as error:
        raise AppendError(
            f"{real}: rolling back an interrupted append failed: {error}; {left.name} "
            "is kept, try again"
        ) from error
    return True


@contextlib.contextmanager
def _body(overlay: Overlay, real: Path) -> Iterator[None]:
    """Run the caller's part; when it fails, what was there is what remains."""
    try:
        yield
        overlay.check()
        require_closed(overlay, real)
    except BaseException as error:
        _discard(overlay)
        cause = overlay.error
        if isinstance(cause, OSError | MemoryError) and isinstance(error, Exception):
            # What HDF5 made of it ("bad object header") would hide the reason.
            raise AppendError(
                f"{real}: writing failed: {cause}; what was there is as it was"
            ) from cause
        raise


def _commit(fd: int, overlay: Overlay, real: Path) -> None:
    undo = Undo(overlay.base, overlay.size, overlay.changes())
    try:
        require_same_file(fd, real)
        _require_unchanged(overlay, real)
        os.fsync(fd)
        undo.write(real)
        for change in undo.changes:
            write_at(fd, change.new, change.offset)
        os.ftruncate(fd, max(overlay.base, overlay.size))
        os.fsync(fd)
    except BaseException as error:  # noqa: BLE001 - _take_back raises it again
        _take_back(fd, overlay, undo, real, error)
    # This is the commit. Ctrl-C just before it leaves the undo file to be used, just
    # after it the scan; nothing here may take a committed scan for a failed one.
    try:
        undo_path(real).unlink()
    except OSError as error:
        _take_back(fd, overlay, undo, real, error)
    _sync_committed(real)


def _take_back(
    fd: int, overlay: Overlay, undo: Undo, real: Path, error: BaseException
) -> NoReturn:
    """Roll back a commit that failed half-way, and say where that leaves the user."""
    left = undo_path(real)
    state = "the dataset is as it was"
    if not os.path.lexists(left):  # so no page was written yet
        _discard(overlay)
    else:
        try:
            undo.put_back(fd)
            left.unlink()
        except OSError as second:
            state = (
                f"taking it back failed too ({second}): {left.name} is kept, and the "
                "next append or roll_back makes the dataset as it was"
            )
    if isinstance(error, AppendError) or not isinstance(error, Exception):
        raise error
    raise AppendError(f"{real}: the scan was not added: {error}; {state}") from error


def _discard(overlay: Overlay) -> None:
    # Bytes that stay beyond the recorded end are no part of the dataset.
    with contextlib.suppress(OSError):
        overlay.discard()


def _publish(fd: int, overlay: Overlay, new: Path, real: Path) -> None:
    """Give a finished dataset its name, unless something has it already."""
    try:
        os.ftruncate(fd, overlay.size)
        os.fsync(fd)
        require_same_file(fd, new)
        try:
            real.hardlink_to(new)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _rename_onto_claim(new, real)
    except FileExistsError as error:
        raise _exists(real) from error
    except AppendError:
        raise
    except OSError as error:
        raise AppendError(f"{real}: could not be made: {error}") from error


def _rename_onto_claim(new: Path, real: Path) -> None:
    """Rename without replacing, where there are no hard links (FAT, some shares)."""
    os.close(os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    try:
        new.rename(real)
    except OSError:
        real.unlink()
        raise


# --- opening, refusing, tidying ----------------------------------------------------


@contextlib.contextmanager
def _claimed(new: Path, real: Path) -> Iterator[int]:
    """Open the file a new dataset is built in; it is gone when this ends."""
    if os.path.lexists(real):
        raise _exists(real)
    try:
        remove_abandoned(new)
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError as error:
        raise DatasetBusyError(f"{real}: another program is making it") from error
    except AppendError:
        raise
    except OSError as error:
        raise AppendError(f"{real}: cannot be made: {error}") from error
    with closing(fd):
        try:
            lock(fd, new, 0.0)
            yield fd
        except BaseException:
            with contextlib.suppress(OSError):  # the next one removes it
                new.unlink()
            raise
        try:
            new.unlink(missing_ok=True)
        except OSError as error:
            _warn(f"{real} is complete, but {new.name} could not be removed: {error}")
    _sync_committed(real)


def _require_unchanged(overlay: Overlay, real: Path) -> None:
    if not overlay.base_is_unchanged():
        raise AppendError(
            f"{real}: changed by another program meanwhile, in spite of the lock; the "
            "scan was not added, and nothing of the other program's was touched"
        )


def _sync_committed(real: Path) -> None:
    try:
        sync_folder(real.parent)
    except OSError as error:
        _warn(
            f"{real}: the scan is in, but its folder could not be synced ({error}): a "
            "power failure now could take it out again"
        )


def _sweep(real: Path) -> None:
    """Remove the drafts that killed processes left; nothing ever reads them."""
    with contextlib.suppress(OSError):
        draft_path(real).unlink()
    new = _new_path(real)
    with contextlib.suppress(OSError):
        if new.samefile(real):  # killed between the link and the unlink
            new.unlink()


def _resolved(path: str | os.PathLike[str]) -> Path:
    if sys.platform == "win32":
        raise AppendError(f"{path}: appending needs a POSIX system, so not Windows")
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # loops, NUL
        raise AppendError(f"{path!r}: no usable path: {error}") from error


def _new_path(real: Path) -> Path:
    return real.with_name(real.name + ".new")


def _exists(real: Path) -> AppendError:
    return AppendError(f"{real}: exists, and a new dataset never replaces a file")


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)
