"""What was found in the files of a folder, kept on disk; knows no datasets.

It lies in the user's cache and may be deleted at any time. What cannot be read of it
is not believed: the files are looked into again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import FormatError, Problem
from .entries import Entry, File, Stamp

__all__ = ["Kept", "cache_folder"]

_FORMAT = 1
_PATIENCE = 5.0  # seconds that one program waits for another's writing
_DAMAGE = (LookupError, TypeError, ValueError, zlib.error)

_TABLES = """
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, about BLOB, crc INTEGER);
CREATE TABLE IF NOT EXISTS starts
    (path BLOB, node TEXT, start BLOB, crc INTEGER, PRIMARY KEY (path, node));
"""

T = TypeVar("T")

_log = logging.getLogger("pymo_bluesky")


def cache_folder() -> Path | None:
    """The folder of all catalogs' indexes; None for a user without a home.

    ``PYMO_CACHE`` names another; empty, none is used.
    """
    chosen = os.environ.get("PYMO_CACHE")
    if chosen is not None:
        return Path(chosen).expanduser() / "catalogs" if chosen else None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        home = Path(base) if base else Path.home() / ".cache"
    except RuntimeError:
        return None
    return home / "pymo_bluesky" / "catalogs"


class Kept:
    """The index of one folder.

    Parameters
    ----------
    directory
        The folder.

    Attributes
    ----------
    path
        Of the index; None when nothing is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        folder = cache_folder()
        real = os.fsencode(directory.resolve())
        name = f"{hashlib.sha256(real).hexdigest()[:32]}.sqlite3"
        self.path = folder / name if folder else None

    def files(self, alone: Path | None = None) -> dict[Path, File]:
        """What is known of each file, or of one alone."""
        found: dict[Path, File] = {}
        query, parameters = "SELECT path, about, crc FROM files", ()
        if alone is not None:
            query, parameters = f"{query} WHERE path = ?", (self._name(alone),)
        for name, about, crc in self._rows(query, parameters):
            path = self._directory / os.fsdecode(name)
            with contextlib.suppress(*_DAMAGE):
                found[path] = _file_from(path, _checked(about, crc))
        return found

    def starts(
        self, entries: Collection[Entry]
    ) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
        """Start documents of runs, as far as they are kept.

        Texts of more than 4096 characters are left out of them.
        """
        from ..values import from_json  # numpy: a listing needs none

        wanted = {(self._name(entry.path), entry.node): entry for entry in entries}
        query, parameters = "SELECT path, node, start, crc FROM starts", ()
        if len(wanted) == 1:
            ((name, node),) = wanted
            query, parameters = f"{query} WHERE path = ? AND node = ?", (name, node)
        for name, node, start, crc in self._rows(query, parameters):
            entry = wanted.get((name, node))
            with contextlib.suppress(*_DAMAGE, FormatError):
                if entry is not None:
                    found = from_json(zlib.decompress(_checked(start, crc)))
                    if found["uid"] == entry.uid:
                        yield entry, found

    def save(
        self,
        files: Mapping[Path, tuple[File, Mapping[Entry, str]]],
        gone: Iterable[Path] = (),
    ) -> None:
        """Keep what was found in some files, starts as JSON, and forget others."""
        if self.path is None:
            return
        names = [(self._name(path),) for path in (*files, *gone)]
        rows = [(self._name(path), _packed(file)) for path, (file, _) in files.items()]
        starts = [
            (self._name(entry.path), entry.node, zlib.compress(start.encode(), 1))
            for _, found in files.values()
            for entry, start in found.items()
        ]

        def write(database: sqlite3.Connection) -> None:
            for table in ("files", "starts"):
                database.executemany(f"DELETE FROM {table} WHERE path = ?", names)
            database.executemany(
                "INSERT INTO files VALUES (?, ?, ?)",
                [(*row, zlib.crc32(row[-1])) for row in rows],
            )
            database.executemany(
                "INSERT INTO starts VALUES (?, ?, ?, ?)",
                [(*row, zlib.crc32(row[-1])) for row in starts],
            )

        self._do(write, "BEGIN IMMEDIATE")

    # ---------------------------------------------------------------------- database

    def _name(self, path: Path) -> bytes:
        return os.fsencode(path.relative_to(self._directory))

    def _rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        if self.path is None or not self.path.exists():
            return []
        return self._do(lambda db: db.execute(query, parameters).fetchall()) or []

    def _do(
        self, work: Callable[[sqlite3.Connection], T], begin: str = "BEGIN"
    ) -> T | None:
        """Work in one transaction; None when it cannot be done."""
        if self.path is None:
            return None
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.closing(_connected(self.path)) as database, database:
                database.execute(begin)
                return work(database)
        except (sqlite3.OperationalError, OSError) as error:
            # Nobody may write there, the disk is full, or others write all the time.
            _log.info("the index %s is not used: %s", self.path, error)
        except sqlite3.DatabaseError as error:
            _log.warning("the index %s is damaged, and made anew: %s", self.path, error)
            self._remove(self.path)
        return None

    @staticmethod
    def _remove(path: Path) -> None:
        # The journal of a lost database would be played into the next one.
        for name in (path.name, f"{path.name}-journal"):
            with contextlib.suppress(OSError):
                path.with_name(name).unlink(missing_ok=True)


def _connected(path: Path) -> sqlite3.Connection:
    """A database with our tables; one of another version is emptied."""
    database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != _FORMAT:
            database.executescript(
                "BEGIN IMMEDIATE; DROP TABLE IF EXISTS files; "
                f"DROP TABLE IF EXISTS starts; {_TABLES} "
                f"PRAGMA user_version = {_FORMAT}; COMMIT;"
            )
        # What a crash of the machine takes away is looked up again.
        database.execute("PRAGMA synchronous = OFF")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _checked(data: Any, crc: Any) -> bytes:
    if not isinstance(data, bytes) or zlib.crc32(data) != crc:
        raise ValueError("it is not what was written")
    return data


def _packed(file: File) -> bytes:
    problems = [[p.loc, p.severity, p.kind, p.message] for p in file.problems]
    entries = [entry.packed() for entry in file.entries]
    return json.dumps([list(file.stamp), entries, problems]).encode()


def _file_from(path: Path, data: bytes) -> File:
    stamp, entries, problems = json.loads(data)
    return File(
        stamp=Stamp(*stamp),
        entries=tuple(Entry.unpacked(path, parts) for parts in entries),
        problems=tuple(Problem(*parts) for parts in problems),
    )
