"""Which runs a file holds, as plain data; knows no folders, values and streams."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import FormatError, Problem, PymoError, printable
from .entries import Entry

if TYPE_CHECKING:
    from ..reader import Dataset

__all__ = ["look_into", "start_of"]

_LONGEST_TEXT = 4096
# What reading a damaged file can raise beside errors of ours.
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


def look_into(path: str, starts: bool = True) -> dict[str, Any]:
    """What a file holds, so plain that another process can be told.

    Parameters
    ----------
    path
        Of the file.
    starts
        Whether start documents are wanted.

    Returns
    -------
    dict
        ``runs``: of each run `Entry.packed` and its start document as JSON, without
        long texts (empty when it is not wanted); ``problems``: of each the node,
        severity, kind and message; ``again``: whether the file was kept closed by
        another program or by its permissions, and may open later.
    """
    if _held(path):
        return _unread(
            "busy",
            "another program is writing it; what it adds is listed when it is closed",
            again=True,
        )
    from ..reader import Dataset  # by who looks, not by who asks another process

    runs: list[Any] = []
    problems: list[Problem] = []
    file = Path(path)
    try:
        with Dataset(file) as dataset:
            for scan in dataset.scans:
                try:
                    start, status = dataset.ends(scan)
                    _check(start)
                    entry = Entry.of(file, scan.path, scan.name, start, status)
                    runs.append([entry.packed(), _kept(start) if starts else ""])
                except (PymoError, *_DAMAGE) as error:
                    problems.append(
                        Problem(printable(scan.path), "warning", "no-run", str(error))
                    )
            problems += _passed_over(dataset)
    except (PymoError, *_DAMAGE) as error:
        again = isinstance(error.__cause__, OSError)
        return _unread("no-dataset", str(error), again=again)
    told = [[p.loc, p.severity, p.kind, p.message] for p in problems]
    return {"runs": runs, "problems": told, "again": False}


def start_of(entry: Entry) -> Mapping[str, Any]:
    """The start document of a run, read from its file.

    Raises
    ------
    NotFoundError, FormatError
        When the file is gone or damaged, or holds another run in that place.
    """
    from ..reader import Dataset

    with Dataset(entry.path) as dataset:
        for scan in dataset.scans:
            if scan.path == entry.node:
                start, _ = dataset.ends(scan)
                _check(start)
                if start["uid"] == entry.uid:
                    return start
    raise FormatError(
        f"{entry.path} holds the run {entry.uid} no more; ask the catalog again"
    )


def _kept(start: Mapping[str, Any]) -> str:
    from ..values import to_json  # numpy: who asks another process needs none

    return to_json(_shortened(start))


def _shortened(value: Any) -> Any:
    """A document without its long texts: thumbnails, settings."""
    if isinstance(value, dict):
        members = cast(dict[Any, Any], value).items()
        return {key: _shortened(part) for key, part in members if not _long(part)}
    if isinstance(value, list):
        items = cast(list[Any], value)
        return [_shortened(part) for part in items if not _long(part)]
    return value


def _long(value: Any) -> bool:
    return isinstance(value, str) and len(value) > _LONGEST_TEXT


def _check(start: Mapping[str, Any]) -> None:
    if not start.get("uid"):
        raise FormatError("its documents do not begin with that of a run's start")


def _held(path: str) -> bool:
    """Whether a program writes the file now: HDF5 locks it until it is closed."""
    try:
        with Path(path).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there are no locks, or no file: opening it says more
        return False
    return False


def _passed_over(dataset: Dataset) -> Iterator[Problem]:
    """Nodes that would be scans if they were not damaged."""
    for problem in dataset.passed_over:  # without its log
        if problem.kind in ("not-read", "damaged"):
            yield replace(problem, loc=printable(problem.loc), severity="warning")


def _unread(kind: str, message: str, *, again: bool) -> dict[str, Any]:
    problem = ["", "warning", kind, message]
    return {"runs": [], "problems": [problem], "again": again}
