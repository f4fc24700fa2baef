"""The undo file of an append: what brings the old dataset back; knows no HDF5."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from pymo_bluesky.append.locking import sync_folder
from pymo_bluesky.append.overlay import MEMORY_LIMIT, Change
from pymo_bluesky.transfer import read_at, write_at

__all__ = ["UNDO", "Undo", "draft_path", "undo_path"]

UNDO = ".undo"
"""What is put behind the name of a dataset."""

MAGIC = b"PYMOUNDO"
VERSION = 1
_HEADER = struct.Struct("<8sIQQI")  # magic, version, old size, new size, changes
_CHANGE = struct.Struct("<QII")  # offset, bytes of old, bytes of new
_CRC = struct.Struct("<I")


def undo_path(dataset: Path) -> Path:
    """Give the place of a dataset's undo file, beside it."""
    return dataset.with_name(dataset.name + UNDO)


def draft_path(dataset: Path) -> Path:
    """Give the place where the undo file is made, before it gets its name."""
    return dataset.with_name(f"{dataset.name}{UNDO}.draft")


@dataclass(frozen=True, slots=True)
class Undo:
    """What it takes to bring the old dataset back: its size and its changed pages.

    The new contents are kept too: so a roll-back can tell its own half-written pages
    from those another program wrote since, which it must not touch.
    """

    old_size: int
    new_size: int
    changes: tuple[Change, ...]

    def encode(self) -> bytes:
        """Give the bytes of the undo file, checksum last."""
        head = _HEADER.pack(
            MAGIC, VERSION, self.old_size, self.new_size, len(self.changes)
        )
        parts = [head]
        for c in self.changes:
            parts += [_CHANGE.pack(c.offset, len(c.old), len(c.new)), c.old, c.new]
        body = b"".join(parts)
        return body + _CRC.pack(zlib.crc32(body))

    @classmethod
    def decode(cls, data: bytes) -> Undo:
        """Read the bytes of an undo file; ValueError when they are not one."""
        if data[:8] != MAGIC:
            raise ValueError("it does not begin like an undo file")
        body, crc = data[: -_CRC.size], data[-_CRC.size :]
        if len(data) < _HEADER.size + 4 or crc != _CRC.pack(zlib.crc32(body)):
            raise ValueError("its checksum is wrong")
        _, version, old_size, new_size, count = _HEADER.unpack_from(body)
        if version != VERSION:
            raise ValueError(f"it has version {version}, known is {VERSION}")
        changes: list[Change] = []
        at = _HEADER.size
        for _ in range(count):
            offset, old, new = _CHANGE.unpack_from(body, at)
            at += _CHANGE.size
            changes.append(
                Change(offset, body[at : at + old], body[at + old : at + old + new])
            )
            at += old + new
        return cls(old_size, new_size, tuple(changes))

    def fits(self, fd: int) -> bool:
        """Whether `fd` holds nothing but what the old dataset and the append wrote."""
        if os.fstat(fd).st_size < self.old_size:
            return False
        for c in self.changes:
            now = bytearray(len(c.old))
            read_at(fd, memoryview(now), c.offset)
            if now not in (c.old, c.new[: len(c.old)]) and any(
                byte not in pair for byte, *pair in zip(now, c.old, c.new, strict=False)
            ):
                return False
        return True

    def put_back(self, fd: int) -> None:
        """Write the old pages and take off what lies beyond the old end."""
        for c in self.changes:
            write_at(fd, c.old, c.offset)
        os.ftruncate(fd, self.old_size)
        os.fsync(fd)

    def write(self, dataset: Path) -> None:
        """Make the undo file appear complete beside `dataset`, and stay there."""
        draft = draft_path(dataset)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        try:
            fd = os.open(draft, flags, 0o666)
            try:
                write_at(fd, self.encode(), 0)
                os.fsync(fd)
            finally:
                os.close(fd)
            draft.rename(undo_path(dataset))
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
        sync_folder(dataset.parent)

    @classmethod
    def read(cls, dataset: Path) -> Undo:
        """Read the undo file beside `dataset`; ValueError when it is none of ours."""
        fd = os.open(undo_path(dataset), os.O_RDONLY | os.O_NOFOLLOW)
        try:
            data = bytearray(min(os.fstat(fd).st_size, 3 * MEMORY_LIMIT))
            read_at(fd, memoryview(data), 0)
        finally:
            os.close(fd)
        return cls.decode(bytes(data))
