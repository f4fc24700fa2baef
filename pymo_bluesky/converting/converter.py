"""Old files to new ones, one or thousands; knows no HDF5."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..compression import Library, compression_named
from ..errors import NotFoundError, PymoError, WriteError
from ..folders import datasets_below
from ..isolation import Limits, run_each, run_isolated
from ..layouts import layout_named
from ..store.filters import require
from .drafting import discard_draft
from .results import Conversion, Report
from .single import convert_file

__all__ = ["Progress", "convert"]

Progress = Callable[[Conversion, int], None]
_Job = tuple[str, str, str, str | None, int | None, bool, bool]


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    layout: str = "pymodaq5",
    *,
    compression: Library | None = None,
    compression_level: int | None = None,
    nexus: bool = False,
    partial: bool = False,
    isolated: bool | None = None,
    workers: int = 0,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make new files of old ones: of any PyMoDAQ since 1.0, and nothing is lost.

    The documents that the old file replays as are recorded in the new layout, so both
    replay alike, and arrays, axes, units, settings, ROIs, log and thumbnails are where
    that layout has them. What it has no place for lies in the group ``Original``, with
    all attributes as they were stored (see `original`). Each new file is compared with
    the old one before it gets its name.

    Sources are only read. Nothing is ever replaced; what was converted before, and has
    not changed since, is skipped, so that an interrupted conversion can be run again.

    Parameters
    ----------
    source
        A file, or a folder: then all datasets in it and below.
    target
        The new file, or the folder for it; of a folder, the folder in which the same
        folders are made.
    layout
        ``"pymodaq5"``, which PyMoDAQ 4 and 5 open, or ``"pymodaq3"``.
    compression, compression_level
        Of the arrays of the new files, as for `PymodaqWriter`. A file of ours is made
        anew for it, also in its own layout; with ``"none"``, or level 0, it is so
        without compression.
    nexus
        Whether viewers of NeXus (silx view, NeXpy, h5web) find a plot of each scan.
    partial
        Whether a damaged file is converted too, without the arrays that cannot be
        read: the result and the new file name them.
    isolated
        Whether files are read in processes of their own, so that one that makes HDF5
        fail ends only its own conversion. By default those of a folder are.
    workers
        How many processes; by default as many as there are processors.
    limits
        Memory and time that each file may take in such a process.
    progress
        Called with each result, and how many files there are in all.

    Returns
    -------
    Report
        What became of each file.

    Raises
    ------
    NotFoundError
        When there is no such file or folder.
    LayoutError
        When there is no such layout.
    PymoError
        When a single file cannot be converted; of a folder, the report tells. For a
        compression that is not known, or not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pymo_bluesky import export
    >>> folder = Path(tempfile.mkdtemp())
    >>> start = {"uid": "4b1d", "time": 0.0, "plan_name": "count"}
    >>> _ = export([("start", start)], folder / "old", "a", layout="pymodaq3")
    >>> print(convert(folder / "old", folder / "new", isolated=False))
    1 converted, 0 skipped, 0 failed
    """
    layout_named(layout)
    require(compression_named(compression, compression_level))
    how = (layout, compression, compression_level, nexus, partial)
    old, new = (Path(p).expanduser().absolute() for p in (source, target))
    if old.is_dir():
        jobs: list[_Job] = [(*files, *how) for files in _files(old, new)]
        apart = isolated is not False
    elif old.exists():
        jobs = [(str(old), str(new / old.name if new.is_dir() else new), *how)]
        apart = bool(isolated)
        return Report((_single(jobs[0], apart, limits, progress),))
    else:
        raise NotFoundError(f"there is neither a file nor a folder {old}")
    results: list[Conversion] = []
    for job, result in _each(jobs, apart, workers, limits):
        results.append(_result(job, result))
        if progress is not None:
            progress(results[-1], len(jobs))
    return Report(tuple(sorted(results, key=lambda result: result.source)))


def _files(old: Path, new: Path) -> Iterator[tuple[str, str]]:
    """Files of a folder, and what becomes of them; not those that were made before."""
    if new.resolve() == old.resolve():
        raise WriteError(f"{new} is the folder of the old files; give another one")
    if new.exists() and not new.is_dir():
        raise WriteError(f"{new} is no folder; give one for the files of {old}")
    for path, _ in datasets_below(old):
        if not path.resolve().is_relative_to(new.resolve()):
            yield str(path), str(new / path.relative_to(old))


def _single(
    job: _Job, apart: bool, limits: Limits | None, progress: Progress | None
) -> Conversion:
    try:
        about = (
            run_isolated(convert_file, *job, limits=limits)
            if apart
            else convert_file(*job)
        )
    except PymoError:
        discard_draft(Path(job[1]))
        raise
    result = Conversion.of(Path(job[0]), Path(job[1]), about)
    if progress is not None:
        progress(result, 1)
    return result


def _each(
    jobs: list[_Job], apart: bool, workers: int, limits: Limits | None
) -> Iterator[tuple[Any, Any]]:
    if apart:
        yield from run_each(convert_file, jobs, workers=workers, limits=limits)
        return
    for job in jobs:
        try:
            yield job, convert_file(*job)
        except PymoError as error:
            yield job, error


def _result(job: _Job, result: dict[str, Any] | PymoError) -> Conversion:
    source, target = Path(job[0]), Path(job[1])
    if isinstance(result, PymoError):
        discard_draft(target)  # of a process that died
        return Conversion(
            source=source, target=target, status="failed", reason=str(result)
        )
    return Conversion.of(source, target, result)
