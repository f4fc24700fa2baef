"""The document store of a scan but its events: texts and JSON; knows no columns.

Light, for a listing of a thousand scans asks for no more than that.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

import numpy as np

from ..errors import FormatError
from ..values import from_json
from .nodes import ScanNode

__all__ = [
    "has_documents",
    "lines_of",
    "loose_documents",
    "loose_ends",
    "stored_index",
    "stored_order",
    "text_lines",
    "without_keys",
]

_TEXT = 2**20
_RUNS = 2**16

Document = tuple[str, dict[str, Any]]


def text_lines(scan: ScanNode, name: str) -> Iterator[bytes]:
    """Lines of a text of the store, read piece by piece."""
    node = scan.get(f"Documents/{name}")
    if node is not None:
        yield from lines_of(node)


def lines_of(node: ScanNode) -> Iterator[bytes]:
    """Lines of a text that is stored as numbers, shape (n,), read piece by piece."""
    rest, size = b"", node.shape[0]
    for at in range(0, size, _TEXT):
        piece = node[()] if size <= _TEXT else node[at : at + _TEXT]
        lines = (rest + np.asarray(piece).tobytes()).split(b"\n")
        rest = lines.pop()
        yield from lines
    if rest:
        raise FormatError(f"{node.path}: the last line is cut off")


def has_documents(scan: ScanNode) -> bool:
    """Whether a scan has a document store; it is not looked into."""
    return scan.get("Documents/Index") is not None


def stored_index(scan: ScanNode) -> dict[str, Any] | None:
    """What the document store of a scan says of itself; None when there is none.

    Raises
    ------
    FormatError
        When it is damaged or of a later format.
    """
    node = scan.get("Documents/Index")
    if node is None:
        return None
    index = from_json(bytes(np.asarray(node[()], np.uint8)))
    if not isinstance(index, dict) or cast(Any, index).get("format") != 1:
        raise FormatError(
            f"{node.path}: a document store of format 1 was expected; this one needs a "
            "later version of pymo_bluesky"
        )
    return cast(dict[str, Any], index)


def stored_order(scan: ScanNode) -> Iterator[tuple[int, int]]:
    """Which documents follow one another: codes of their kinds, and how many of each.

    Raises
    ------
    FormatError
        When the document store is damaged.
    """
    node = scan.get("Documents/Order")
    if node is None:
        return
    for at in range(0, node.shape[0], _RUNS):
        for run in np.asarray(node[at : at + _RUNS]).tolist():
            code, count = run
            yield code, count


def loose_documents(scan: ScanNode) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of a scan that are not events, in their order: the start first.

    Raises
    ------
    FormatError
        When the document store is damaged.
    """
    for line in text_lines(scan, "Loose"):
        yield _document(line)


def without_keys(
    documents: Iterator[tuple[str, dict[str, Any]]],
    lost: Mapping[str, Collection[str]],
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents, descriptors without data keys whose values cannot be read.

    Parameters
    ----------
    documents
        Those that are no events.
    lost
        The data keys, by the name of their stream.

    Examples
    --------
    >>> about = {"name": "primary", "data_keys": {"x": {}, "y": {}}}
    >>> list(without_keys(iter([("descriptor", about)]), {"primary": ["x"]}))
    [('descriptor', {'name': 'primary', 'data_keys': {'y': {}}})]
    """
    for name, doc in documents:
        names = lost.get(doc.get("name", "")) if name == "descriptor" else None
        yield name, (_without(doc, names) if names else doc)


def _without(descriptor: dict[str, Any], lost: Collection[str]) -> dict[str, Any]:
    found = dict(descriptor)
    found["data_keys"] = {k: v for k, v in found["data_keys"].items() if k not in lost}
    for member in ("object_keys", "hints"):
        if isinstance(found.get(member), dict):
            found[member] = _parted(found[member], lost)
    return found


def _parted(value: Any, lost: Collection[str]) -> Any:
    """A member of a descriptor whose lists name data keys, without some of them."""
    if isinstance(value, dict):
        members = cast(dict[str, Any], value)
        return {key: _parted(member, lost) for key, member in members.items()}
    if isinstance(value, list):
        return [one for one in cast(list[Any], value) if one not in lost]
    return value


def loose_ends(scan: ScanNode) -> list[Document] | None:
    """The first document of a scan and the last; None when there is no document store.

    Of a scan with very many documents the last is not looked for, and a damaged last
    one is left out: what the scan is, its start says.

    Raises
    ------
    FormatError
        When the first is damaged.
    """
    node = scan.get("Documents/Loose")
    if node is None:
        return None
    lines = lines_of(node)
    found = [_document(next(lines, b""))]
    if node.shape[0] <= _TEXT:
        with contextlib.suppress(FormatError):
            found += map(_document, deque(lines, maxlen=1))
    return found


def _document(line: bytes) -> Document:
    name, doc = from_json(line)
    return name, doc
