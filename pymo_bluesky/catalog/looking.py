"""Which runs a file holds; knows no folders, and neither values nor streams."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import FormatError, Problem, PymoError, printable
from ..reader import Dataset, Scan
from .entries import RETRY_SECONDS, Entry, File, Stamp

__all__ = ["look_into", "start_of"]

# What reading a damaged file can raise beside errors of ours.
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, RecursionError)

Starts = dict[Entry, Mapping[str, Any]]


def look_into(path: Path, stamp: Stamp, before: File | None) -> tuple[File, Starts]:
    """What a file holds, and the start documents of its runs.

    Parameters
    ----------
    path, stamp
        The file, and its stamp as it is now.
    before
        What was found in it earlier: the runs of a file that is being written are those
        that were in it before.
    """
    known = before.entries if before else ()
    if _held(path):
        told = _problem(
            path,
            "busy",
            "another program is writing it; what it adds is listed when it is closed",
        )
        return _unopened(stamp, told, known), {}
    starts: Starts = {}
    problems: list[Problem] = []
    try:
        with Dataset(path) as dataset:
            for scan in dataset.scans:
                try:
                    start, status = _about(scan)
                    entry = Entry.of(path, scan.path, scan.name, start, status)
                    starts[entry] = start
                except (PymoError, *_DAMAGE) as error:
                    where = f"{path}{printable(scan.path)}"
                    problems.append(Problem(where, "warning", "no-run", str(error)))
            problems += _passed_over(dataset)
    except (PymoError, *_DAMAGE) as error:
        told = _problem(path, "no-dataset", str(error))
        if isinstance(error.__cause__, OSError):
            return _unopened(stamp, told), {}
        return File(stamp=stamp, problems=(told,)), {}
    return File(stamp=stamp, entries=(*starts,), problems=(*problems,)), starts


def start_of(entry: Entry) -> Mapping[str, Any]:
    """The start document of a run, read from its file.

    Raises
    ------
    NotFoundError, FormatError
        When the file is gone or damaged, or holds another run in that place.
    """
    with Dataset(entry.path) as dataset:
        for scan in dataset.scans:
            if scan.path == entry.node:
                start = _start(scan.outline())
                if start["uid"] == entry.uid:
                    return start
    raise FormatError(
        f"{entry.path} holds the run {entry.uid} no more; ask the catalog again"
    )


def _about(scan: Scan) -> tuple[Mapping[str, Any], str]:
    """Start document and exit status of a scan."""
    documents = scan.outline()
    start = _start(documents)
    # A scan of ours repeats it in its attributes, where it is found faster.
    status = scan.attributes.get("exit_status")
    if not status:
        stops = [doc for name, doc in documents if name == "stop"]
        status = stops[-1].get("exit_status") if stops else ""
    return start, str(status or "")


def _start(documents: Iterator[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    name, start = next(documents, ("", {}))
    if name != "start" or not start.get("uid"):
        raise FormatError("its documents do not begin with that of a run's start")
    return start


def _held(path: Path) -> bool:
    """Whether a program writes the file now: HDF5 locks it until it is closed."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there are no locks, or no file: opening it says more
        return False
    return False


def _passed_over(dataset: Dataset) -> Iterator[Problem]:
    """Nodes that would be scans if they were not damaged."""
    for problem in dataset.outer_problems:
        if problem.kind in ("not-read", "damaged"):
            where = f"{dataset.path}{printable(problem.loc)}"
            yield replace(problem, loc=where, severity="warning")


def _problem(path: Path, kind: str, message: str) -> Problem:
    return Problem(str(path), "warning", kind, message)


def _unopened(stamp: Stamp, told: Problem, known: tuple[Entry, ...] = ()) -> File:
    """A file that another program, or its permissions, kept closed."""
    again = time.monotonic() + RETRY_SECONDS
    return File(stamp=stamp, entries=known, problems=(told,), try_again=again)
