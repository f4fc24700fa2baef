"""Datasets opened for reading, and replayed as documents; knows no node names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._lazy import lazily
from .allowed import External
from .folders import JOURNAL, journals_in
from .reading import Dataset, Module, Scan, Scans, Stream
from .reading.outline import layout_of as identify
from .reading.outline import scan_nodes
from .store.rules import MEMORY

if TYPE_CHECKING:
    from .reading.validating import validate

__all__ = [
    "Dataset",
    "Module",
    "Scan",
    "Scans",
    "Stream",
    "identify",
    "open_dataset",
    "replay",
    "scan_nodes",
    "validate",
]

__getattr__ = lazily("pymo_bluesky", {"validate": "reading.validating"})


def open_dataset(
    path: str | os.PathLike[str],
    *,
    external: External = False,
    memory: int = MEMORY,
    isolated: bool = False,
) -> Dataset:
    """Open a PyMoDAQ file of any version.

    The file is opened for each access and closed again, so that other programs can add
    scans to it meanwhile; in a ``with`` block it stays open, which is faster. Arrays
    are read when they are indexed. Nothing is ever written.

    Runs that go on and are to go into the file are shown as scans, as far as they have
    come (`Scan.running`); open it again to see more. Their writer does not wait for it.

    Parameters
    ----------
    path
        The file, or the journal of a run.
    external
        Whether to read values that lie in other files (images that a detector wrote
        itself): True for any file, or the folders that it may lead to. Ask it of files
        that you trust.
    memory
        Bytes that attributes and log may take, whatever the file says. A quarter of
        it is what one read may give where hardly anything lies in the file.
    isolated
        Whether a process of its own reads the file. HDF5 itself dies of some damaged
        files; then what they hurt is a `CrashError` here. It costs some 0.3 s, and
        runs that go on are not shown.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is not HDF5, not PyMoDAQ's, or damaged where it must not be.
    """
    if isolated:
        return Dataset(Path(path), external=external, memory=memory, isolated=True)
    found = Path(path)
    if not found.name.endswith(JOURNAL) and not journals_in(found.absolute().parent):
        return Dataset(found, external=external, memory=memory)
    from .following import open_live  # imports all that makes a scan of a journal

    return open_live(found, external=external, memory=memory)


def replay(
    path: str | os.PathLike[str],
    *,
    scan: int | str | None = None,
    pages: bool = False,
    fill: bool = False,
    follow: bool = False,
    poll: float = 0.2,
    timeout: float | None = None,
    linger: float = 0.0,
    external: External = False,
    isolated: bool = False,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of a dataset.

    Parameters
    ----------
    path
        The dataset.
    scan
        Which scan: its place in the file (negative counts from the end), its name
        (``"Scan002"``) or the uid of its run. All scans by default.
    pages
        Give event pages in place of single events.
    fill
        Fill in data that detectors wrote into other files, as `event_model.Filler`
        does. Opens the files that the documents name; what cannot be read stays as it
        was, and the log says why.
    external
        Where those files may be: True for anywhere, or folders. By default beside the
        dataset: in its base folder (above those of years and days) and the neighbours
        of that, for a dataset that somebody sent could name any file of yours.
    isolated
        Whether a process of its own reads the dataset; see `open_dataset`. Those other
        files it does not read.
    follow
        Go on with the runs that have not stopped, as their documents come, like
        ``tail -f``; ends when all have. No document comes twice, and none is left out.
    poll, timeout, linger
        For `follow`, in seconds: how often to look; how long to wait for the next
        document of a run (by default as long as its writer lives); how long to wait
        for another run when all have stopped.

    Yields
    ------
    tuple
        ``(name, document)``, as they went in.

    Raises
    ------
    NotFoundError
        When there is no such file or scan.
    FormatError
        When the file is not a PyMoDAQ dataset.
    SilentRunError
        With `follow`, when nothing came for `timeout`.
    JournalError
        With `follow`, at the end, when a writer died before its run stopped.
    """
    if follow:
        from .following import follow as followed
        from .following import require_plain

        require_plain(pages=pages, fill=fill)
        yield from followed(
            Path(path), scan=scan, poll=poll, timeout=timeout, linger=linger
        )
        return
    with open_dataset(path, external=external, isolated=isolated) as dataset:
        chosen = dataset.scans if scan is None else [dataset.scans[scan]]
        for one in chosen:
            yield from one.documents(pages=pages, fill=fill)
