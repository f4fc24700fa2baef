"""What is wrong with a dataset, all at once; by the tables that wrote or read it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import FormatError, Problem, printable
from ..layouts.recognising import Seen, Watch, look
from ..layouts.table import Layout
from ..replaying import loose_documents, stored_index
from ..replaying.loose import stored_order, text_lines
from ..store.nodes import Node
from ..store.opening import Source, Tree
from ..store.rules import MEMORY
from ..values import from_json
from .dataset import DAMAGE, Dataset
from .outline import layout_of
from .scan import Scan

__all__ = ["validate"]

MAX_DEPTH = 64
"""Groups inside groups; PyMoDAQ's own trees have eight."""

MAX_NODES = 1_000_000
"""Nodes of a whole file."""

_CLASSES = ("GROUP", "CARRAY", "EARRAY", "VLARRAY")


def validate(
    path: str | os.PathLike[str], *, memory: int = MEMORY, isolated: bool = False
) -> list[Problem]:
    """Everything that is wrong with a dataset.

    Looked at are: that every node bears what PyMoDAQ needs to open the file, that axes
    fit the data, that settings can be read, that the bluesky documents are complete and
    belong to their scan, and what could not be shown exactly when it was recorded.
    Values of data are not read.

    Parameters
    ----------
    path
        The dataset.
    memory, isolated
        As for `open_dataset`.

    Returns
    -------
    list
        Errors first. Empty when all is well.

    Raises
    ------
    NotFoundError
        When there is no such file.
    """
    found = _collected(_all(Path(path), memory, isolated), printable(str(path)))
    return sorted(dict.fromkeys(found), key=lambda problem: problem.severity != "error")


def _all(path: Path, memory: int, isolated: bool) -> Iterator[Problem]:
    with Source(path, memory=memory, isolated=isolated).opened() as tree:
        layout = layout_of(tree, path)
        yield from _collected(_classes(tree, layout), "/")
        yield from _collected(_needs(tree, layout), "/")
        with Dataset(path, memory=memory, isolated=isolated) as dataset:
            yield from dataset.outer_problems
            for scan in dataset.scans:
                yield from _collected(_scan(tree, scan), printable(scan.path))


def _scan(tree: Tree, scan: Scan) -> Iterator[Problem]:
    yield from _store(tree.node(scan.path), scan.uid)
    yield from scan.problems


def _collected(problems: Iterator[Problem], where: str) -> Iterator[Problem]:
    """Problems as they come; one that ends the looking is the last of them."""
    try:
        yield from problems
    except FormatError as error:
        yield Problem(where, "error", "format", str(error))


# ----------------------------------------------------------------------- every node


def _classes(tree: Tree, layout: Layout) -> Iterator[Problem]:
    """What lacks PyTables' class: PyMoDAQ cannot open the whole file then."""
    old = layout.axes_listed  # PyTables' plain ARRAY came from 1.x, 4 and 5 refuse it
    known = (*_CLASSES, "ARRAY") if old else _CLASSES
    for node in _every(tree.root, 0, set()):
        kind = layout.decode(node.attribute("CLASS"))
        if kind not in known:
            yield Problem(
                printable(node.path),
                "error",
                "class",
                f"its attribute CLASS is {kind!r}, where one of {', '.join(known)} was "
                "expected; PyMoDAQ cannot open the file",
            )


def _every(node: Node, depth: int, seen: set[int]) -> Iterator[Node]:
    if node.address in seen:
        return
    seen.add(node.address)
    if depth > MAX_DEPTH or len(seen) > MAX_NODES:
        raise FormatError(
            f"{printable(node.path)[:200]}: over {MAX_DEPTH} groups inside groups, "
            f"or more than {MAX_NODES:,} nodes; PyMoDAQ writes no such file"
        )
    yield node
    for child in node.children():
        yield from _every(child, depth + 1, seen)


def _needs(tree: Tree, layout: Layout) -> Iterator[Problem]:
    """Attributes without which PyMoDAQ's loader fails."""
    seen = look(layout, tree.root, None, Watch(left=MAX_NODES))
    for part in seen.walk() if seen else ():
        for name, kind in part.row.needed.items():
            found = _lacking(layout, part, name, kind)
            if not found:
                continue
            where = printable(part.node.path)
            told = f"its attribute {name!r} {found}; "
            if name in layout.later and name not in part.node.attributes:
                told += f"the first of PyMoDAQ {layout.versions} did without it"
                yield Problem(where, "warning", "attribute", told)
            else:
                told += f"PyMoDAQ {layout.versions} cannot load it"
                yield Problem(where, "error", "attribute", told)


def _lacking(layout: Layout, part: Seen, name: str, kind: type) -> str:
    attributes = part.node.attributes
    if name not in attributes:
        return f"is missing, where {kind.__name__} was expected"
    value = layout.decode(attributes[name])
    if isinstance(value, kind):
        return ""
    return f"is {value!r}, where {kind.__name__} was expected"


# -------------------------------------------------------------------- the documents


def _store(scan: Node, uid: str) -> Iterator[Problem]:
    """What is wrong with the document store of a scan."""
    where = printable(scan.path)
    try:
        index = stored_index(scan)
        if index is None:
            if uid or scan.get("Documents") is not None:
                yield _wrong(where, f"the documents of run {uid} are missing")
            return
        if uid and index["run"] != uid:
            yield _wrong(
                where, f"the documents are of run {index['run']}, the scan says {uid}"
            )
        yield from _rows(scan, index)
        yield from _order(scan, index)
        for loc, severity, kind, message in index["problems"]:
            yield Problem(f"{where}: {loc}", severity, kind, message)
    except (*DAMAGE, FormatError) as error:
        yield _wrong(where, f"the documents cannot be read: {error}")


def _wrong(where: str, message: str) -> Problem:
    return Problem(where, "error", "documents", message)


def _rows(scan: Node, index: Mapping[str, Any]) -> Iterator[Problem]:
    """Columns that are not there, or not as long as their stream."""
    for number, stream in enumerate(index["streams"]):
        rows, points = stream["rows"], tuple(stream["shape"])
        group = f"Documents/Events{number:03d}"
        if not stream["in_order"] and rows:
            yield from _long(scan, f"{group}/Point", (rows,), stream["name"])
        for column in stream["columns"]:
            what = f"{stream['name']}/{column['name']}"
            if "tree" in column:
                shape = (*points, *column["plan"]["shape"])
                yield from _long(scan, column["tree"], shape, what)
            elif "array" in column:
                yield from _long(scan, column["array"], (rows,), what, column)


def _long(
    scan: Node,
    path: str,
    shape: tuple[int, ...],
    what: str,
    about: Mapping[str, Any] | None = None,
) -> Iterator[Problem]:
    node = scan.get(path)
    where = printable(f"{scan.path}/{path}")
    if node is None:
        yield _wrong(where, f"is missing; it held {what!r}")
    elif node.shape[: len(shape)] != shape:
        yield _wrong(where, f"its shape is {node.shape}; {what!r} needs {shape}")
    elif about and "column" in about and not about["column"] < node.shape[1]:
        yield _wrong(where, f"has {node.shape[1]} columns; {what!r} is beyond them")


def _order(scan: Node, index: Mapping[str, Any]) -> Iterator[Problem]:
    """Documents that are too few, too many, or of another run."""
    where = printable(scan.path)
    noted = Counter[int]()
    for code, count in stored_order(scan):
        noted[code] += count
    loose = list(loose_documents(scan))
    for line in text_lines(scan, "Kept"):
        from_json(line)
    if len(loose) != noted[0]:
        yield _wrong(where, f"{noted[0]} documents were noted, {len(loose)} are there")
    for number, stream in enumerate(index["streams"]):
        events = noted[2 * number + 1]
        if not noted[2 * number + 2] and events != stream["rows"]:
            yield _wrong(
                where,
                f"stream {stream['name']!r}: {events} events were noted, "
                f"{stream['rows']} are there",
            )
    starts = [doc for name, doc in loose if name == "start"]
    if not starts or starts[0].get("uid") != index["run"]:
        yield _wrong(where, f"there is no start document of run {index['run']}")
