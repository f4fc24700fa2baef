"""Datasets opened for reading, and replayed as documents; knows no node names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .reading import Dataset, Module, Scan, Scans, Stream
from .reading.dataset import layout_of as identify
from .reading.dataset import scan_nodes
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


def open_dataset(path: str | os.PathLike[str], *, external: bool = False) -> Dataset:
    """Open a PyMoDAQ file of any version.

    The file is opened for each access and closed again, so that other programs can add
    scans to it meanwhile; in a ``with`` block it stays open, which is faster. Arrays
    are read when they are indexed. Nothing is ever written.

    Parameters
    ----------
    path
        The file.
    external
        Whether to read values that lie in other files, wherever those are (images that
        a detector wrote itself). Ask it of files that you trust.

    Raises
    ------
    NotFoundError
        When there is no such file.
    FormatError
        When it is not HDF5, not PyMoDAQ's, or damaged where it must not be.
    """
    return Dataset(Path(path), external=external)


def replay(
    path: str | os.PathLike[str],
    *,
    scan: int | str | None = None,
    pages: bool = False,
    fill: bool = False,
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
    """
    with open_dataset(path) as dataset:
        chosen = dataset.scans if scan is None else [dataset.scans[scan]]
        for one in chosen:
            yield from one.documents(pages=pages, fill=fill)
