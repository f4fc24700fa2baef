"""What a scan bears for viewers: thumbnails, and NeXus; knows no documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..display import Display
from ..layouts import Layout, Role
from ..operations import Operation
from ..recording import Recording
from ..store import Tree, append_to
from .nexus import linked
from .thumbnails import pictured

__all__ = ["view_all", "viewed"]


def viewed(
    tree: Tree, layout: Layout, recording: Recording, path: str, display: Display
) -> Iterator[Operation]:
    """What is added to a scan that was just written, before its digests are taken.

    Parameters
    ----------
    tree, layout
        The dataset, with the scan in it.
    recording
        What was written.
    path
        Of the group of the scan.
    display
        What is wanted.
    """
    if display.thumbnails:
        scan = recording.written(tree.node)
        if scan is not None:
            yield from pictured(layout, scan, path)
    if display.nexus:
        yield from linked(tree, layout, path)


def view_all(path: Path, layout: Layout) -> None:
    """Let viewers of NeXus plot all scans of a dataset that was just made.

    Raises
    ------
    AppendError
        When it cannot be written; it is as it was.
    """

    def operations(tree: Tree) -> Iterator[Operation]:
        raw = tree.node(layout.path(Role.RAW, "/"))
        row = layout.row(Role.SCAN)
        found = {row.number_of(name): name for name in raw.names()}
        for number in sorted(n for n in found if n is not None):
            yield from linked(tree, layout, f"{raw.path}/{found[number]}")

    append_to(path, operations, oldest=layout.oldest_format)
