"""What an old file holds beside its scans, to the group ``Original`` of the new one.

Knows no scans and no documents: it is told which arrays need no keeping.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import FormatError, Problem, printable
from ..layouts import Layout, Role
from ..layouts.placing import place_column
from ..model import ArrayLike
from ..operations import Append, MakeGroup, Operation, SetAttributes, WriteSlab
from ..store.nodes import Node
from ..values import to_json
from .original import GROUP, NODES

__all__ = ["Keeper", "blocks_of", "same_values"]

MOST_DEPTH, MOST_NODES = 64, 1_000_000
"""As `validate` has it: PyMoDAQ's own trees are eight groups deep."""

_BLOCK = 8 * 2**20
_LINES = 2**20
_NUMBERS = "biufc"


@dataclass(slots=True)
class Keeper:
    """Keeps nodes of a file.

    Parameters
    ----------
    layout
        Of the new file.
    elsewhere
        Tells by its path where the values of an array are: ``"scan"``, ``"log"``;
        empty when they are to be kept here; None for what needs no telling at all.
    problems
        What could not be kept.
    """

    layout: Layout
    elsewhere: Callable[[str], str | None]
    problems: list[Problem] = field(default_factory=list[Problem])
    _seen: set[int] = field(default_factory=set[int])
    _made: int = 0
    _waiting: bytearray = field(default_factory=bytearray)

    def operations(self, root: Node, about: Mapping[str, Any]) -> Iterator[Operation]:
        """Everything that makes the group ``Original``.

        Parameters
        ----------
        root
            Of the old file.
        about
            Fields of the group: where the old file was, and its digest.
        """
        group = self.layout.place(Role.ORIGINAL, "/", **about)
        yield MakeGroup(group.path, group.attributes)
        yield self._column(NODES, growing=True)
        yield from self._node(root, 0)
        yield from self._flushed(0)

    def _column(self, name: str, *, growing: bool = False) -> Operation:
        kind = np.dtype(np.uint8)
        return place_column(
            self.layout, GROUP, name, (0,), kind, growing=growing, packed=True
        )

    # -------------------------------------------------------------------- the nodes

    def _node(self, node: Node, depth: int) -> Iterator[Operation]:
        where = self.elsewhere(node.path)
        if where is None:
            return
        if node.address in self._seen:
            yield from self._told(node.path, remark="another name of a node above")
            return
        self._seen.add(node.address)
        if depth > MOST_DEPTH or len(self._seen) > MOST_NODES:
            raise FormatError(
                f"{printable(node.path)[:200]}: over {MOST_DEPTH} groups inside "
                f"groups, or more than {MOST_NODES:,} nodes; no PyMoDAQ writes that"
            )
        if node.is_array:
            yield from self._array(node, where)
            return
        yield from self._told(node.path, self._attributes(node))
        listing = node.listing()
        for name, reason in listing.refused:
            path = f"{node.path.rstrip('/')}/{name}"
            self._lost(path, reason)
            yield from self._told(path, remark=reason)
        for child in listing.nodes:
            yield from self._node(child, depth + 1)

    def _attributes(self, node: Node) -> dict[str, Any]:
        found = dict(node.attributes)
        for name in [name for name, value in found.items() if value is None]:
            self._lost(node.path, f"attribute {name!r} cannot be read")
        return found

    def _array(self, node: Node, where: str) -> Iterator[Operation]:
        remark = ""
        if not where:
            remark = node.refusal()
            if remark:
                self._lost(node.path, remark)
            else:
                where = f"Array{self._made:05d}"
                self._made += 1
                yield from self._kept(node, where)
        yield from self._told(
            node.path,
            self._attributes(node),
            is_array=True,
            shape=node.shape,
            dtype=str(node.dtype),
            where=where,
            remark=remark,
        )

    def _lost(self, where: str, reason: str) -> None:
        self.problems.append(
            Problem(printable(where), "warning", "not-kept", f"not kept: {reason}")
        )

    # ------------------------------------------------------------------- the values

    def _kept(self, node: Node, name: str) -> Iterator[Operation]:
        about = {"source_path": self.layout.encode("source_path", node.path)}
        if node.dtype.kind in _NUMBERS and node.dtype.itemsize <= 16 and node.shape:
            made = place_column(self.layout, GROUP, name, node.shape, node.dtype)
            yield made
            yield SetAttributes(made.path, about)
            for first, values in blocks_of(node):
                if values.size:
                    start = (first, *(0,) * (values.ndim - 1))
                    yield WriteSlab(made.path, start, values)
            return
        yield self._column(name, growing=True)
        form = {"form": self.layout.encode("form", "rows of JSON")}
        yield SetAttributes(f"{GROUP}/{name}", about | form)
        for _, values in blocks_of(node):
            line = to_json(_items(values))
            data = np.frombuffer(line.encode() + b"\n", np.uint8)
            yield Append(f"{GROUP}/{name}", data)

    # -------------------------------------------------------------------- the lines

    def _told(
        self, path: str, attributes: Mapping[str, Any] | None = None, **about: Any
    ) -> Iterator[Operation]:
        line = {"path": path, "attributes": dict(attributes or {}), **about}
        self._waiting += to_json(line).encode() + b"\n"
        yield from self._flushed(_LINES)

    def _flushed(self, most: int) -> Iterator[Operation]:
        if len(self._waiting) > most:
            data = np.frombuffer(bytes(self._waiting), np.uint8)
            self._waiting.clear()
            yield Append(f"{GROUP}/{NODES}", data)


def same_values(node: Node, values: ArrayLike | list[Any]) -> bool:
    """Whether what was kept of an array is what it holds, to the last bit."""
    if isinstance(values, list):
        rows = [row for _, block in blocks_of(node) for row in _items(block)]
        return to_json(rows) == to_json(values)
    if (values.shape, values.dtype) != (node.shape, node.dtype):
        return False
    pairs = zip(blocks_of(node), blocks_of(values), strict=True)
    return all(one.tobytes() == other.tobytes() for (_, one), (_, other) in pairs)


def _items(block: np.ndarray) -> list[Any]:
    return list(block) if block.ndim else [block[()]]


def blocks_of(node: ArrayLike) -> Iterator[tuple[int, np.ndarray]]:
    """The values of an array, some rows at a time, with the number of the first."""
    shape = node.shape
    if not shape:
        yield 0, np.asarray(node[()])
        return
    row = max(1, math.prod(shape[1:]) * max(1, node.dtype.itemsize))
    rows = max(1, _BLOCK // row)
    for first in range(0, shape[0], rows):
        yield first, np.asarray(node[first : first + rows])
