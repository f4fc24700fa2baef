"""Files looked into by other processes, which may die of them; knows no HDF5.

One damaged file of some thousand ends the process that opens it. In a folder it would
take the listing of all others with it.
"""

from __future__ import annotations

import atexit
import math
import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CrashError, Problem, PymoError
from .entries import RETRY_SECONDS, Entry, File, Stamp
from .kept import cache_folder
from .looking import look_into

if TYPE_CHECKING:
    from ..isolation import Worker

__all__ = ["Starts", "look_at"]

_SECONDS = 120.0
_FEW = 32
"""Files below which one process, that stays, is faster than several new ones."""

Starts = dict[Entry, str]


def look_at(
    files: Mapping[Path, Stamp], known: Mapping[Path, File]
) -> Generator[tuple[Path, File, Starts], None, None]:
    """What files hold, and the start documents of their runs as JSON, as it is found.

    Those documents are given where they are kept.

    Parameters
    ----------
    files
        Path to stamp, as it is now.
    known
        What was found earlier: the runs of a file that is being written are those
        that were in it before.
    """
    # Of a worker that stays, the working directory may be another one by now.
    named = {str(path.absolute()): path for path in files}
    for name, answer in _answers(named):
        path = named[name]
        file, starts = _understood(path, files[path], answer)
        if any(problem.kind == "busy" for problem in file.problems) and path in known:
            file = File(
                stamp=file.stamp,
                entries=known[path].entries,
                problems=file.problems,
                try_again=file.try_again,
            )
        yield path, file, starts


def _answers(names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """What `look_into` says of each file, or the error that it ended with."""
    wanted = () if cache_folder() else (False,)  # nobody would keep the starts
    jobs = [(name, *wanted) for name in names]
    if not jobs:
        return
    from ..isolation import Limits, run_each  # what is known needs none

    if len(jobs) >= _FEW:
        workers = min(len(os.sched_getaffinity(0)), len(jobs) // (_FEW // 2))
        limits = Limits(seconds=_SECONDS)
        for (name, *_), answer in run_each(
            look_into, jobs, workers=workers, limits=limits
        ):
            yield name, answer
        return
    for job in jobs:
        name = job[0]
        try:
            yield name, _worker(os.getpid()).call(look_into, *job)
        except PymoError as error:
            yield name, error


@cache
def _worker(pid: int) -> Worker:
    """The process that looks for this one; a fork must not write into its pipe."""
    from ..isolation import Limits, Worker

    worker = Worker(Limits(seconds=_SECONDS))

    def end() -> None:
        if os.getpid() == pid:
            worker.close()

    atexit.register(end)
    return worker


def _understood(path: Path, stamp: Stamp, answer: Any) -> tuple[File, Starts]:
    if isinstance(answer, PymoError):
        # It may have been the machine (no memory, too slow), so it is not kept on disk;
        # but this program tries only once.
        kind = "crash" if isinstance(answer, CrashError) else "no-dataset"
        told = Problem(str(path), "warning", kind, str(answer))
        return File(stamp=stamp, problems=(told,), try_again=math.inf), {}
    starts: Starts = {
        Entry.unpacked(path, parts): str(start) for parts, start in answer["runs"]
    }
    problems = tuple(
        Problem(f"{path}{node}", *rest) for node, *rest in answer["problems"]
    )
    again = time.monotonic() + RETRY_SECONDS if answer["again"] else None
    return (
        File(stamp=stamp, entries=(*starts,), problems=problems, try_again=again),
        starts,
    )
