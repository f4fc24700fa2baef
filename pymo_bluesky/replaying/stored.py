"""A scan's document store to the documents that went in; knows no file library."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from ..errors import FormatError
from .loose import loose_documents, stored_index, stored_order, without_keys
from .nodes import ScanNode
from .rows import StreamRows

__all__ = ["replay_stored", "values_beside_tree"]


def replay_stored(
    scan: ScanNode, *, pages: bool = False, left_out: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of a scan, as they went in and in their order.

    Parameters
    ----------
    scan
        Group of the scan.
    pages
        Give consecutive events of a descriptor as one event page.
    left_out
        Arrays, by their paths, that are not read: the documents are without their data
        keys.

    Raises
    ------
    FormatError
        When the document store is damaged.
    """
    index = stored_index(scan)
    if index is None:
        raise FormatError(f"{scan.path} holds no documents of a bluesky run")
    streams = [
        StreamRows.read(scan, n, about, merged=pages, left_out=left_out)
        for n, about in enumerate(index["streams"])
    ]
    lost = {stream.name: stream.lost for stream in streams if stream.lost}
    loose = without_keys(loose_documents(scan), lost)
    for code, count in stored_order(scan):
        if code == 0:
            for _ in range(count):
                yield next(loose)
            continue
        stream = streams[(code - 1) // 2]
        if code % 2 == 0:
            for _ in range(count):
                yield "event_page", stream.next_page()
        elif pages:
            yield from (("event_page", page) for page in stream.pages_of(count))
        else:
            yield from (("event", event) for event in stream.events(count))


def values_beside_tree(scan: ScanNode, stream: str) -> dict[str, np.ndarray]:
    """Values of the data keys whose values PyMoDAQ's tree does not hold, or not all.

    Texts and mappings, for example, and integers beyond 64 bits.

    Parameters
    ----------
    scan
        Group of the scan.
    stream
        Name of the stream.

    Returns
    -------
    dict
        By data key; of objects, shape (points,), None where there is no value.

    Raises
    ------
    FormatError
        When the document store is damaged.
    """
    index = stored_index(scan)
    found: dict[str, np.ndarray] = {}
    for number, about in enumerate([] if index is None else index["streams"]):
        if about["name"] == stream and about["rows"]:
            lines = StreamRows.read(scan, number, about).kept
            kept = {name for _, group, name, *_ in lines if group == "data"}
            found.update(_beside_tree(StreamRows.read(scan, number, about), kept))
    return found


def _beside_tree(rows: StreamRows, kept: set[str]) -> dict[str, np.ndarray]:
    beside = [
        column.key
        for column in rows.columns
        if column.key.group == "data"
        and (column.key.name in kept or not column.in_tree or column.has_gaps)
    ]
    rows.columns = [c for c in rows.columns if c.key in beside or not c.key.group]
    found = {key.name: np.full(rows.points, None, object) for key in beside}
    points = np.arange(rows.rows) if rows.index is None else np.asarray(rows.index[()])
    if not found:
        return {}
    for point, event in zip(points.tolist(), rows.events(rows.rows), strict=True):
        if point < rows.points:  # else a later event repeats it
            for name, value in event["data"].items():
                found[name][point] = value
    return found
