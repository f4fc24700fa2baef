"""Which runs the files of a folder hold, looked at again where they changed.

Knows neither values nor streams: of a run only its start document is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import FormatError, Problem, PymoError, printable
from ..folders import datasets_below
from ..reader import identify, scan_nodes
from ..replaying import loose_documents
from ..store import Node, open_tree

__all__ = ["Entry", "Index"]

_RETRY_SECONDS = 10.0
# What reading documents out of a damaged store can raise.
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


class Stamp(NamedTuple):
    """What tells that a file changed."""

    modified: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A run in a file: the path of its scan in it, its uid and start document."""

    path: Path
    node: str
    uid: str
    start: Mapping[str, Any]

    @property
    def started(self) -> float:
        """When it began, in seconds since 1970; 0 when that is not told."""
        began = self.start.get("time")
        return float(began) if isinstance(began, int | float) else 0.0

    @property
    def age(self) -> tuple[float, str, str]:
        """To sort by, the oldest first."""
        return (self.started, str(self.path), self.node)


@dataclass(frozen=True, slots=True)
class File:
    """What was found in one file, and when."""

    stamp: Stamp
    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    try_again: float | None = None

    def holds(self, stamp: Stamp) -> bool:
        """Whether that is still so: another program may have held an unread file."""
        patient = self.try_again is None or time.monotonic() < self.try_again
        return stamp == self.stamp and patient


@dataclass(slots=True)
class Index:
    """The runs of all files below a folder, as they are now."""

    directory: Path
    _files: dict[Path, File] = field(default_factory=dict[Path, File])

    def files(self) -> Iterator[File]:
        """What each file holds, looked at again where it changed."""
        found = {
            path: Stamp(about.st_mtime_ns, about.st_size)
            for path, about in datasets_below(self.directory)
        }
        for path in self._files.keys() - found.keys():
            del self._files[path]
        for path, stamp in found.items():
            known = self._files.get(path)
            if known is None or not known.holds(stamp):
                self._files[path] = _look_into(path, stamp)
        return iter(self._files.values())

    def entries(self) -> list[Entry]:
        """All runs, the oldest first."""
        found = [entry for file in self.files() for entry in file.entries]
        return sorted(found, key=lambda entry: entry.age)


def _look_into(path: Path, stamp: Stamp) -> File:
    entries: list[Entry] = []
    problems: list[Problem] = []
    try:
        with open_tree(path) as tree:
            for _, node in scan_nodes(tree, identify(tree, path)):
                try:
                    entries.append(_entry(path, node))
                except (PymoError, *_DAMAGE) as error:
                    where = f"{path}{printable(node.path)}"
                    problems.append(Problem(where, "warning", "no-run", str(error)))
    except PymoError as error:
        problems.append(Problem(str(path), "warning", "no-dataset", str(error)))
        return File(stamp, (), tuple(problems), time.monotonic() + _RETRY_SECONDS)
    return File(stamp, tuple(entries), tuple(problems))


def _entry(path: Path, scan: Node) -> Entry:
    name, start = next(loose_documents(scan), ("", {}))
    if name != "start":
        raise FormatError("it holds no run of bluesky")
    return Entry(path, scan.path, str(start["uid"]), start)
