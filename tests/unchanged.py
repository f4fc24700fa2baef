"""What a file holds, node by node and bit by bit, by plain h5py; and what changed.

Nothing of the package is used: it is what these tests are about.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

SEALED = "pymo_bluesky_digest"
"""Attribute of the group of all scans, of which we tell there which bear digests.

No scan can tell that itself was taken away. So this one changes whenever a scan of ours
is added, and no other attribute of ours outside of the scan does; PyMoDAQ does not read
it, and leaves it as it is.
"""


class Attribute(NamedTuple):
    """An attribute: what it says, and that together with how it is stored."""

    text: str
    stored: str


class Content(NamedTuple):
    """A node: its attributes, form and values."""

    attributes: dict[str, Attribute]
    form: tuple[Any, ...]
    values: tuple[bytes, ...]


def contents(path: Path) -> dict[str, Content]:
    """All nodes of a file by their paths."""
    found: dict[str, Content] = {}

    def visit(name: str, node: Any) -> None:
        found[f"/{name}"] = _content(node)

    with h5py.File(path, "r") as file:
        visit("", file)
        file.visititems(visit)
    return found


def changes(
    before: dict[str, Content], after: dict[str, Content], *, types: bool = True
) -> Iterator[str]:
    """Where nodes that were there differ now; rows that a log gained are no change.

    With ``types=False`` an attribute may be stored as another type of text.
    """
    for path, old in before.items():
        new = after.get(path)
        if new is None:
            yield f"{path} is gone"
            continue
        for name in sorted({*old.attributes, *new.attributes}):
            pair = [node.attributes.get(name) for node in (old, new)]
            facts = [a and (a.stored if types else a.text) for a in pair]
            if facts[0] != facts[1]:
                yield f"{path}@{name}"
        if old.form != new.form or old.values != new.values[: len(old.values)]:
            yield f"{path}: values"


def _content(node: Any) -> Content:
    attributes = {name: _attribute(node, name) for name in node.attrs}
    if not isinstance(node, h5py.Dataset):
        return Content(attributes, (), ())
    values = node[()]
    if h5py.check_vlen_dtype(node.dtype) is not None:
        rows = tuple(np.asarray(row).tobytes() for row in values)
        return Content(attributes, (str(node.dtype),), rows)
    form = (str(node.dtype), node.shape, node.maxshape, node.chunks, node.compression)
    return Content(attributes, form, (np.asarray(values).tobytes(),))


def _attribute(node: Any, name: str) -> Attribute:
    kind = h5py.h5a.open(node.id, name.encode()).get_type()
    value = node.attrs[name]
    text = value.decode() if isinstance(value, bytes) else str(value)
    return Attribute(text, f"{type(kind).__name__} {kind.get_size()} {value!r}")
