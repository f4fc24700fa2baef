"""Writes the format specifications out of the layout tables; opens no dataset.

``python docs/tools/formats.py`` writes ``docs/reference/format-*.md`` anew, ``--check``
tells which of them are out of date. What a table cannot say (what an attribute means)
stands here, and an attribute without a meaning is an error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymo_bluesky.layouts import PYMODAQ3, PYMODAQ5, Kind, Layout, Role, Row
from pymo_bluesky.layouts.pymodaq1 import PYMODAQ1

HERE = Path(__file__).parents[1] / "reference"
LAYOUTS = (PYMODAQ5, PYMODAQ3, PYMODAQ1)
OURS = frozenset(
    {Role.HISTORY, Role.VISITED, Role.TIMESTAMPS, Role.STREAMS, Role.STREAM}
    | {Role.DOCUMENTS, Role.EVENTS, Role.COLUMN, Role.ORIGINAL}
    | {Role.NEXUS, Role.PLOT}
)
"""Nodes that no PyMoDAQ writes, and that each one walks over."""

MEANINGS = {
    "author": "who measured",
    "average": "how many measurements each value is the mean of",
    "backend": "library that wrote it: `h5py` or `tables`",
    "data_version": "version of pymodaq-data",
    "date": "day on which the file was begun",
    "date_time": "when it was begun, as Qt's `dd/mm/yyyy HH:MM:ss`: `mm` are the "
    "minutes and `MM` is the month",
    "description": "free text",
    "digest": "numbers of the scans that bear digests, and the CRC-32 of the dataset's "
    "own attributes, for `pymo-bluesky verify`",
    "dimension": "dimension of what one point gives",
    "distribution": "`uniform` (a grid) or `spread` (a list of points)",
    "dtype": "of the values, as numpy names it",
    "exit_status": "of the run: `success`, `abort` or `fail`",
    "experiment_type": "free text",
    "file": "name of the file when it was begun",
    "format": "version of the form of the documents",
    "format_name": "name of the format",
    "format_version": "version of the format, as PyTables keeps it",
    "index": "which dimension of the data that it is the axis of",
    "label": "name that is shown",
    "name": "name of the module",
    "nav_indexes": "dimensions of the data that are navigation axes",
    "offset": "first value of a linear axis",
    "origin": "module that the data come from",
    "long_name": "label and units, for viewers of NeXus",
    "nx_axes": "names of the axes of the plot",
    "nx_class": "class of the node in NeXus",
    "nx_default": "which plot viewers of NeXus open with",
    "nx_more": "names of other arrays that are plotted with the signal",
    "nx_signal": "name of the array that is plotted",
    "picture": "thumbnail, a PNG",
    "pixmap1D": "thumbnail of a curve or a number, a PNG",
    "pixmap2D": "thumbnail of a map or a frame, a PNG",
    "plan_name": "of the run",
    "points_visited": "points of the scan that were measured",
    "reason": "why the run ended",
    "sample": "free text",
    "scaling": "step of a linear axis",
    "scan_done": "whether the scan was finished",
    "scan_name": "name of the scan, or of its node",
    "scan_settings": "settings of the scan, XML",
    "scan_sub_type": "how the points were visited",
    "scan_subtype": "how the points were visited",
    "scan_type": "sort of the scan",
    "settings": "tree of pyqtgraph parameters as XML, with the regions of interest",
    "shape": "of the values",
    "size": "number of its values",
    "source": "`raw` (measured) or `calculated`",
    "source_bytes": "size of the file that was converted",
    "source_layout": "layout of the file that was converted",
    "source_modified": "when the file that was converted was changed last",
    "source_sha256": "digest of the file that was converted",
    "source_version": "PyMoDAQ that wrote the file that was converted",
    "source_changed": "paths of what in a dataset of ours was not as it was written",
    "source_unreadable": "arrays of it that were damaged and are not here",
    "spread_order": "which axis of a list of points comes first",
    "subdtype": "`string` where bytes are text, else empty",
    "swmr_compatible": "whether PyMoDAQ 5.3 may add to it; without it, its default "
    "saver begins the file anew",
    "tables_version": "version of PyTables' own attributes",
    "time": "time of day at which the file was begun",
    "timestamp": "when it was measured, seconds since 1970",
    "title": "title that is shown in trees",
    "type": "sort of the node",
    "uid": "of the run",
    "units": "of the values",
    "version": "version of the node's class, as PyTables keeps it",
    "written_by": "version of this package, where it wrote the file",
}
"""What the field of an attribute means."""

SPECIAL = {
    (Role.ROOT, "version"): "PyMoDAQ that wrote the file",
    (Role.HISTORY, "time"): "when they were set",
    (Role.ORIGINAL, "source"): "name of the file that was converted",
}
"""What it means in one kind of node."""

ENCODINGS = {
    True: (
        "Each attribute is JSON, "
        '`{"module": "builtins", "type": "str", "data": "\'mm\'"}`, where `data` is '
        "the `repr` of the value. PyMoDAQ evaluates it; this package takes literals "
        "only. PyTables' own (`CLASS`, `TITLE`, `VERSION`, …) and those marked *plain* "
        "are stored as they are."
    ),
    False: (
        "Attributes are as PyTables stores them: texts and numbers as they are, "
        "anything else as a pickle. This package reads the opcodes of plain values "
        "and never unpickles."
    ),
}


def page(layout: Layout) -> str:
    """The specification of a layout as Markdown."""
    return "\n".join([*_head(layout), *_tree(layout), *_rows(layout)]) + "\n"


def _head(layout: Layout) -> Iterator[str]:
    yield f"# Files of PyMoDAQ {layout.versions}"
    yield ""
    yield (
        f"<!-- Made by docs/tools/formats.py of the table {layout.name}; edit that. -->"
    )
    yield ""
    written = any(row.written for row in layout.rows) and layout is not PYMODAQ1
    yield (
        f"The layout `{layout.name}`: this package reads "
        f"{'and writes it' if written else 'it, and does not write it'}. "
        "The file is HDF5, with the attributes of PyTables (`CLASS`)."
    )
    yield ""
    yield f"- {ENCODINGS[layout.wrapped]}"
    yield f"- {_channels(layout)}"
    yield f"- {_axes(layout)}"
    if layout.oldest_format:
        yield (
            "- Files are of HDF5's oldest format, which lists nodes by their names: "
            "PyMoDAQ 3 takes navigation axes as they come."
        )
    yield f"- Settings are XML in the dialect `{layout.dialect}`."
    yield ""


def _channels(layout: Layout) -> str:
    if layout.channels_hold_one:
        return "A channel holds one array."
    return "A channel holds all arrays of equal shape and equal axes."


def _axes(layout: Layout) -> str:
    way = (
        "Grids are stored along ascending axes, whatever way they were scanned"
        if layout.ascending
        else "Grids are stored in the direction in which they were scanned"
    )
    listed = (
        "a navigation axis lists the position of each point of the scan"
        if layout.axes_listed
        else "a navigation axis lists the position of each point of the axis"
    )
    return f"{way}; {listed}."


def _tree(layout: Layout) -> Iterator[str]:
    """The nodes below one another, each row once, where it is met first."""
    yield "## The tree"
    yield ""
    yield "```text"
    yield "/"
    yield from _below(layout, Role.ROOT, 1, {Role.ROOT})
    yield "```"
    yield ""
    yield (
        "`{n:03d}` is a number of three digits, `{X}` and `{x}` a letter (X, Y, Z, …), "
        "`{any}` any name. An asterisk: written by this package only; PyMoDAQ walks "
        "over it. What lies below a node is shown once."
    )
    yield ""


def _below(layout: Layout, parent: Role, depth: int, seen: set[Role]) -> Iterator[str]:
    for row in _written(layout):
        if parent not in row.parents or not row.name:
            continue
        yield f"{'    ' * depth}{_names(row)}{' *' if row.role in OURS else ''}"
        if row.role not in seen:
            seen.add(row.role)
            yield from _below(layout, row.role, depth + 1, seen)


def _written(layout: Layout) -> tuple[Row, ...]:
    return tuple(row for row in layout.rows if row.written)


def _names(row: Row) -> str:
    names = row.words if row.name == "{any}" and row.words else (row.name,)
    return " | ".join(names)


def _rows(layout: Layout) -> Iterator[str]:
    yield "## The nodes"
    yield ""
    for row in _written(layout):
        yield from _row(layout, row)
    others = [row for row in layout.rows if not row.written]
    if others:
        yield "## Read, never written"
        yield ""
        for row in others:
            yield from _row(layout, row)


def _row(layout: Layout, row: Row) -> Iterator[str]:
    yield f"### {row.role.value.capitalize()}: `{_names(row) if row.name else '/'}`"
    yield ""
    kinds = " or ".join(f"`{kind.value}`" for kind in row.kinds)
    sort = "Group" if row.kinds[0] is Kind.GROUP else "Array"
    if row.parents:
        parents = ", ".join(parent.value for parent in row.parents)
        yield f"{sort} (`CLASS` {kinds}), below: {parents}."
    else:
        yield f"{sort} (`CLASS` {kinds})."
    if row.aliases:
        aliases = ", ".join(f"`{name}`" for name in row.aliases)
        yield f"Other versions call it {aliases}."
    if row.role in OURS:
        yield "This package's own."
    yield ""
    yield from _attributes(layout, row)


def _attributes(layout: Layout, row: Row) -> Iterator[str]:
    names = [*row.const, *(name for name in row.fields if name not in row.const)]
    names += [name for name in row.needed if name not in names]
    if not names:
        yield "No attributes."
        yield ""
        return
    demanded = bool(row.needed)
    yield "| attribute | value |" + (" needed |" if demanded else "")
    yield "|---|---|" + ("---|" if demanded else "")
    for name in names:
        line = f"| `{name}` | {_value(layout, row, name)} |"
        yield line + (f" {_need(row, name)} |" if demanded else "")
    yield ""


def _value(layout: Layout, row: Row, name: str) -> str:
    if name in row.const:
        return f"always {_shown(row.const[name])}"
    field = row.fields.get(name)
    if field is None:
        return ""
    told = SPECIAL.get((row.role, field), MEANINGS[field])
    if field in row.default:
        told += f"; by default {_shown(row.default[field])}"
    return f"{told}; *plain*" if name in row.raw and layout.wrapped else told


def _shown(value: Any) -> str:
    return "empty" if value == "" else f"`{value!r}`"


def _need(row: Row, name: str) -> str:
    kind = row.needed.get(name)
    if kind is None:
        return ""
    return "yes" if kind is object else f"`{kind.__name__}`"


def pages() -> dict[Path, str]:
    """Path of each page -> what it has to be."""
    return {HERE / f"format-{layout.name}.md": page(layout) for layout in LAYOUTS}


def main() -> int:
    """Write the pages, or (``--check``) tell which are out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    old = [
        path
        for path, text in pages().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in old:
        if not check:
            path.write_text(pages()[path], encoding="utf-8")
        print(f"{path}: {'out of date' if check else 'written'}")
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
