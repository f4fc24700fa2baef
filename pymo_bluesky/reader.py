"""Datasets opened for reading, and replayed as documents; knows no node names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import FormatError, NotFoundError
from .layouts import LAYOUTS, Layout, Role
from .nodes import Node, Tree, open_tree
from .replaying import replay_stored, stored_index

__all__ = ["replay"]


def replay(
    path: str | os.PathLike[str],
    *,
    scan: int | str | None = None,
    pages: bool = False,
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
    with open_tree(path) as tree:
        for node in _chosen(tree, Path(path), scan):
            yield from replay_stored(node, pages=pages)


def identify(tree: Tree, path: Path) -> Layout:
    """The layout of a file, from what is in it."""
    names = {name.lower() for name in tree.root.names()}
    for layout in LAYOUTS:
        if layout.row(Role.RAW).name.lower() in names:
            return layout
    raise FormatError(
        f"{path} is HDF5, but not a PyMoDAQ dataset: its root holds "
        f"{', '.join(sorted(names)[:8]) or 'nothing'}, where RawData or Raw_datas was "
        "expected"
    )


def scan_nodes(tree: Tree, layout: Layout) -> list[tuple[int, Node]]:
    """Scans of a dataset by their numbers."""
    row = layout.row(Role.SCAN)
    raw = tree.node(layout.place(Role.RAW, "/").path)
    found = [(row.number_of(node.name), node) for node in raw.children()]
    return sorted(
        ((n, node) for n, node in found if n is not None), key=lambda item: item[0]
    )


def _chosen(tree: Tree, path: Path, scan: int | str | None) -> list[Node]:
    nodes = scan_nodes(tree, identify(tree, path))
    if scan is None:
        return [node for _, node in nodes]
    if isinstance(scan, int):
        if -len(nodes) <= scan < len(nodes):
            return [nodes[scan][1]]
    else:
        for _, node in nodes:
            if node.name == scan:
                return [node]
        for _, node in nodes:
            index = stored_index(node)
            if index is not None and index["run"] == scan:
                return [node]
    names = [node.name for _, node in nodes]
    shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    raise NotFoundError(
        f"{path}: there is no scan {scan!r}; there are {shown or 'none'}"
    )
