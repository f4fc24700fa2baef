"""The group ``Original`` of a converted file: what the old file held beside its scans.

Its column ``Nodes`` tells each node of the old file with all its attributes as they
were stored, a line of JSON for each; arrays that are not in the scans lie beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..errors import NotFoundError
from ..replaying.loose import lines_of
from ..store.nodes import Node
from ..store.opening import LazyArray, Source
from ..values import from_json

__all__ = ["GROUP", "NODES", "OriginalNode", "original", "rows_of"]

GROUP, NODES = "/Original", "Nodes"


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalNode:
    """A group or an array of the file that was converted.

    Attributes
    ----------
    path
        Where it was.
    is_array, shape, dtype
        What it was; dtype as text.
    attributes
        As they were stored, names of PyTables included.
    where
        Where its values are now: ``"scan"`` (in the scans and their documents),
        ``"log"``, the name of an array of the group ``Original``, or empty: it was a
        group, or `remark` says why they are nowhere.
    remark
        What is not as it was: a link that is not followed, a type that is not read.
    """

    path: str
    is_array: bool = False
    shape: tuple[int, ...] = ()
    dtype: str = ""
    attributes: Mapping[str, Any]
    where: str = ""
    remark: str = ""
    _file: Path | None = None

    @property
    def values(self) -> Any:
        """Its values, when they lie in the group ``Original``, as they were.

        An array that is read when it is indexed; rows of other than numbers are a list.

        Raises
        ------
        NotFoundError
            When they lie elsewhere (see `where`).
        """
        if self._file is None or self.where in ("", "scan", "log"):
            raise NotFoundError(
                f"the values of {self.path} are not in the group Original"
                + (f": {self.remark}" if self.remark else "")
            )
        source = Source(self._file)
        with source.opened() as tree:
            node = tree.node(f"{GROUP}/{self.where}")
            if "form" in node.attributes:
                return list(rows_of(node))
            return LazyArray(source, node.path, node.shape, node.dtype)


def original(path: str | os.PathLike[str]) -> Iterator[OriginalNode]:
    """The nodes of the file that a converted file was made of.

    Parameters
    ----------
    path
        The converted file.

    Yields
    ------
    OriginalNode
        Each group and array, parents first.

    Raises
    ------
    NotFoundError
        When the file was not converted (or was a copy: there was nothing to convert).
    """
    file = Path(path)
    with Source(file).opened() as tree:
        node = tree.root.get(f"{GROUP}/{NODES}")
        if node is None:
            raise NotFoundError(f"{file} has no group Original: it was not converted")
        for line in lines_of(node):
            about = cast(dict[str, Any], from_json(line))
            yield OriginalNode(**about, _file=file)


def rows_of(node: Node) -> Iterator[Any]:
    """Rows of an array of other than numbers."""
    for line in lines_of(node):
        yield from cast(list[Any], from_json(line))
