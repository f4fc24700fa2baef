"""What is outside the scans of a dataset, and where they are; looks into none of them.

Knows no documents and no HDF5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError, printable
from ..layouts.assembling import told
from ..layouts.dates import dated
from ..layouts.recognising import Seen, Watch, identify, roots
from ..layouts.table import Layout, Role
from ..store.nodes import Node
from ..store.opening import Tree
from .scan import Place

__all__ = ["Top", "about", "layout_of", "scan_nodes"]


def about(seen: Seen) -> dict[str, Any]:
    """Attributes of a node by the names of their fields, dates put right."""
    return dated(told(seen))


@dataclass(frozen=True, slots=True)
class Top:
    """What is outside the scans."""

    root: Mapping[str, Any]
    raw: Mapping[str, Any]
    log: str | None
    scans: tuple[Place, ...]

    @classmethod
    def of(cls, root: Seen) -> Top:
        """Sort out what was seen in a file's root."""
        raws = root.below(Role.RAW)
        raw = raws[0] if raws else None
        logs = raw.below(Role.LOGGER) if raw else ()
        scans = [*(raw.below(Role.SCAN) if raw else ()), *root.below(Role.SCAN)]
        scans.sort(key=lambda scan: scan.number)
        if raw and raw.below(Role.DETECTOR, Role.ACTUATOR):
            scans.insert(0, raw)
        if root.below(Role.DIMENSION):  # a viewer's file of PyMoDAQ 1.4
            scans.insert(0, root)
        return cls(
            root=about(root),
            raw=about(raw) if raw else {},
            log=logs[0].node.path if logs else None,
            scans=tuple(
                Place(seen.name, seen.number, seen.node.path, seen.role)
                for seen in scans
            ),
        )


def layout_of(tree: Tree, path: Path) -> Layout:
    """The layout of an open file, from what is in it.

    Raises
    ------
    FormatError
        When it is not PyMoDAQ's.
    """
    layout = identify(tree.root)
    if layout is not None:
        return layout
    names = [printable(name) for name in sorted(tree.root.names())]
    raise FormatError(
        f"{path} is HDF5, but not a PyMoDAQ dataset: its root holds "
        f"{', '.join(names[:8]) or 'nothing'}, where RawData (PyMoDAQ 4 and 5) or "
        "Raw_datas (1 to 3) was expected"
    )


def scan_nodes(tree: Tree, layout: Layout) -> list[tuple[int, Node]]:
    """Scans of an open dataset by their numbers, none of them looked into."""
    root = roots(layout, tree.root, Watch())
    scans = Top.of(root).scans if root else ()
    return [(scan.number, tree.node(scan.path)) for scan in scans]
