"""A file object that lets a dataset grow without touching it; knows no HDF5 library.

HDF5 scatters an append: new objects go beyond the end of the file, and a few old
pages (superblock, the groups above the new scan) are changed in place. `Overlay`
keeps those two apart. What lies beyond the end goes straight to the disk, where it
is no part of the dataset yet; what changes old bytes waits in memory, page by page,
until `pymo_bluesky.append` commits it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pymo_bluesky.errors import AppendError, DatasetBusyError
from pymo_bluesky.transfer import next_data, read_at, write_at

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = [
    "Change",
    "Overlay",
    "Superblock",
    "require_closed",
    "require_no_writer",
]

PAGE = 4096
MEMORY_LIMIT = 16 << 20  # bytes of pages; a real append touches some tens of kB
_STEP = 1 << 20
SMALL = 64 << 10  # after a failure: what may still be metadata, and is kept


@dataclass(frozen=True, slots=True)
class Change:
    """One page of the dataset before and after.

    Attributes
    ----------
    offset
        Where the page begins, in bytes.
    old, new
        Its contents, at most 4096 bytes; `old` ends where the old dataset ended.
    """

    offset: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Superblock:
    """The two facts an append needs from the first bytes of an HDF5 file.

    Attributes
    ----------
    end
        The end HDF5 recorded, in bytes: what lies beyond is no part of the dataset.
    open_for_write
        Whether a writer has the file open, or died while it had (superblock 3).
    """

    end: int
    open_for_write: bool

    @classmethod
    def parse(cls, head: bytes) -> Superblock | None:
        """Read the first 64 bytes of a file; None when they are not HDF5's.

        Examples
        --------
        >>> head = bytes.fromhex("894844460d0a1a0a 03080800") + bytes(16)
        >>> Superblock.parse(head + (4096).to_bytes(8, "little") + bytes(28))
        Superblock(end=4096, open_for_write=False)
        >>> Superblock.parse(b"no HDF5") is None
        True
        """
        if len(head) < 52 or head[:8] != b"\x89HDF\r\n\x1a\n":
            return None
        version = head[8]
        size_of_offsets, end = {0: (13, 40), 1: (13, 44)}.get(version, (9, 28))
        if version > 3 or head[size_of_offsets] != 8:
            return None
        flags = head[11] if version == 3 else 0
        return cls(int.from_bytes(head[end : end + 8], "little"), bool(flags))


class Overlay:
    """A dataset as it will be, in a form that ``h5py.File(overlay, "r+")`` accepts.

    Writing never raises: HDF5 2.0 can take the whole process down when a write
    fails under it. The first error is kept in `error`, bulk data are dropped from
    then on, and small writes stay in memory so that HDF5 reads its own metadata
    back. Whoever commits has to look at `error` first; a body that writes much may
    call `check` between two arrays and stop early.

    An overlay neither locks nor commits, so it may live as long as a run.

    Parameters
    ----------
    fd
        The dataset, open for reading and writing; stays the caller's to close.

    Attributes
    ----------
    base
        Size of the old dataset in bytes, as HDF5 recorded it (else the file's size).
    size
        Size of the dataset as it will be, in bytes.
    error
        The first thing that went wrong, or None.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryFile(buffering=0) as file:
    ...     _ = file.write(b"old scans")
    ...     overlay = Overlay(file.fileno())
    ...     _ = overlay.seek(4), overlay.write(b"and new scans")
    ...     overlay.seek(0), overlay.read(17), os.pread(file.fileno(), 17, 0)
    (0, b'old and new scans', b'old scans')
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        file_size = os.fstat(fd).st_size
        head = os.pread(fd, 64, 0)
        superblock = Superblock.parse(head)
        self.base = min(superblock.end, file_size) if superblock else file_size
        self.size = self.base
        self._head = head[: self.base]
        self.error: BaseException | None = None
        self._position = 0
        # The page that the old end falls into is kept whole, so that a page is
        # either in memory or on the disk, never both.
        self._tail = -(-self.base // PAGE) * PAGE
        self._on_disk = self.base  # beyond: nothing of ours, whatever lies there
        self._pages: dict[int, bytearray] = {}
        self._old: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return "the dataset"  # h5py names the file so

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to `offset` bytes from the start, here or the end; give the place."""
        if whence != os.SEEK_SET:
            offset += self._position if whence == os.SEEK_CUR else self.size
        self._position = offset
        return offset

    def tell(self) -> int:
        """Give the place the next read or write begins at, in bytes."""
        return self._position

    def read(self, size: int) -> bytes:
        """Read `size` bytes; zeros beyond the end, as HDF5's own driver gives them."""
        buffer = bytearray(size)
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from here on; zeros beyond the end. Never raises OSError."""
        view = memoryview(buffer).cast("B")
        offset, self._position = self._position, self._position + len(view)
        there = min(max(self._on_disk - offset, 0), len(view))
        try:
            got = read_at(self._fd, view[:there], offset)
        except OSError as error:
            self._fail(error)
            got = 0
        view[got:] = bytes(len(view) - got)
        for index in self._kept(offset, offset + len(view)):
            start, stop = _overlap(index, offset, len(view))
            page = self._pages[index]
            view[start - offset : stop - offset] = page[
                start - index * PAGE : stop - index * PAGE
            ]
        return len(view)

    def write(self, data: ReadableBuffer) -> int:
        """Take `data` at this place; never raises, see `error`."""
        view = memoryview(data).cast("B")
        offset, self._position = self._position, self._position + len(view)
        if self.error is None:
            try:
                split = min(max(self._tail - offset, 0), len(view))
                if split:
                    self._put_pages(offset, view[:split])
                if split < len(view):
                    self._put_tail(offset + split, view[split:] if split else view)
            except BaseException as error:  # noqa: BLE001 - even Ctrl-C has to wait
                self._fail(error)
        if self.error is not None:
            self._keep_small(offset, view)
        self.size = max(self.size, offset + len(view))
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size the dataset will have, in bytes; never raises OSError."""
        size = self._position if size is None else size
        for index in self._kept(size, self.size):
            start, stop = _overlap(index, size, self.size - size)
            self._pages[index][start - index * PAGE : stop - index * PAGE] = bytes(
                stop - start
            )
        keep = max(size, self.base)
        if self.error is None:
            try:
                if size > self._on_disk == self.base:
                    self._cut_off()  # what grows is to be a hole
                if self._on_disk > keep:
                    os.ftruncate(self._fd, keep)
                    self._on_disk = keep
            except OSError as error:
                self._fail(error)
        self.size = size
        return size

    def flush(self) -> None:
        """Do nothing: `pymo_bluesky.append` flushes when it commits."""

    def check(self) -> None:
        """Raise the first error that a read or write met, if there was one."""
        if self.error is not None:
            raise self.error

    @property
    def identity(self) -> tuple[int, int]:
        """Device and number of the file."""
        found = os.fstat(self._fd)
        return found.st_dev, found.st_ino

    def lay(self, item: bytes, start: int, stop: int) -> None:
        """Put `item`, again and again, where nothing in the file leads to yet.

        Not held back until the commit. Holes are zeros already. Never raises.
        """
        part, zeros = item * (_STEP // len(item)), not any(item)
        try:
            while start < stop:
                if zeros:
                    start = next_data(self._fd, start, stop)
                data = memoryview(part)[: stop - start]
                write_at(self._fd, data, start)
                start += len(data)
        except OSError as error:
            self._fail(error)

    def superblock(self) -> Superblock | None:
        """Give the superblock as HDF5 left it, or None when this is not HDF5."""
        here = self._position
        self.seek(0)
        head = self.read(min(64, self.size))
        self.seek(here)
        return Superblock.parse(head)

    def changes(self) -> tuple[Change, ...]:
        """List the old pages that differ now, in the order they lie in the file."""
        end = max(self.size, self.base)
        found = (
            Change(index * PAGE, old, bytes(self._pages[index][: end - index * PAGE]))
            for index, old in sorted(self._old.items())
        )
        return tuple(change for change in found if change.new != change.old)

    def base_is_unchanged(self) -> bool:
        """Whether the disk still holds what this overlay was laid over."""
        return os.pread(self._fd, len(self._head), 0) == self._head and all(
            os.pread(self._fd, len(old), index * PAGE) == old
            for index, old in self._old.items()
        )

    def discard(self) -> None:
        """Take the tail off the disk again and forget the pages."""
        if self._on_disk > self.base and self.base_is_unchanged():
            os.ftruncate(self._fd, self.base)
        self._pages.clear()
        self._old.clear()

    def detach(self) -> None:
        """Let go of the file: an HDF5 file that was left open writes to nowhere."""
        self._fail(ValueError("the append is over"))
        self._on_disk = 0

    def _fail(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error

    def _kept(self, start: int, stop: int) -> Iterator[int]:
        """Give the pages in memory that lie between two offsets."""
        within = range(start // PAGE, -(-stop // PAGE)) if start < stop else range(0)
        if len(within) > len(self._pages):
            return (index for index in sorted(self._pages) if index in within)
        return (index for index in within if index in self._pages)

    def _put_pages(self, offset: int, view: memoryview) -> None:
        for index in range(offset // PAGE, -(-(offset + len(view)) // PAGE)):
            page = self._pages.get(index)
            if page is None:
                page = self._load(index)
            start, stop = _overlap(index, offset, len(view))
            page[start - index * PAGE : stop - index * PAGE] = view[
                start - offset : stop - offset
            ]

    def _load(self, index: int) -> bytearray:
        """Take a page into memory, and remember what it was when it is an old one."""
        if (len(self._pages) + 1) * PAGE > MEMORY_LIMIT:
            raise OSError(
                errno.EFBIG,
                f"more than {MEMORY_LIMIT >> 20} MiB of what is already there changed",
            )
        page = bytearray(PAGE)
        there = min(max(self._on_disk - index * PAGE, 0), PAGE)
        read_at(self._fd, memoryview(page)[:there], index * PAGE)
        if index * PAGE < self.base:
            self._old[index] = bytes(page[: self.base - index * PAGE])
        self._pages[index] = page
        return page

    def _put_tail(self, offset: int, view: memoryview) -> None:
        if self._on_disk == self.base:
            self._cut_off()
        self._on_disk = max(self._on_disk, offset + len(view))
        write_at(self._fd, view, offset)

    def _cut_off(self) -> None:
        """A killed append may have left bytes there: holes must read as zeros."""
        os.ftruncate(self._fd, self.base)

    def _keep_small(self, offset: int, view: memoryview) -> None:
        if len(view) > SMALL:
            return
        try:
            self._put_pages(offset, view)
        except (OSError, MemoryError) as error:
            self._fail(error)


def _overlap(index: int, offset: int, length: int) -> tuple[int, int]:
    """Give the part of page `index` that `length` bytes from `offset` cover."""
    return max(offset, index * PAGE), min(offset + length, (index + 1) * PAGE)


def require_no_writer(overlay: Overlay, real: Path) -> None:
    """Raise DatasetBusyError when a program writes the dataset that holds no lock.

    HDF5 gives its lock back when a writer lets others read meanwhile (SWMR, the
    default of PyMoDAQ 5.3), and its file-object driver ignores the mark in the
    superblock that is left to tell it.
    """
    superblock = overlay.superblock()
    if superblock is not None and superblock.open_for_write:
        raise DatasetBusyError(
            f"{real}: another program is writing it, or died while it was; nothing was "
            "changed. Close it there, or use another dataset. If that program died: "
            f"copy the file, then `h5clear -s {real.name}` on the copy clears the mark"
        )


def require_closed(overlay: Overlay, real: Path) -> None:
    """Raise AppendError when what HDF5 left in the overlay is no complete file."""
    superblock = overlay.superblock()
    if superblock is None:
        return
    if superblock.open_for_write or superblock.end != overlay.size:
        raise AppendError(
            f"{real}: the HDF5 file in the overlay was not closed, so it is not "
            "complete; nothing was changed. Close it before the with block ends"
        )
