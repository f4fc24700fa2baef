"""Digests of the nodes of a dataset, and what differs from them; knows no layouts.

A digest is taken of what a reader gets (names, attributes, values), not of the bytes in
the file: HDF5 moves those when another program adds a scan. It is taken from the file
that was just written, so it vouches for what is there and not for what was meant.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from ..errors import FormatError, Problem, printable
from ..store.nodes import Node
from .tiling import rows_check, tiles

__all__ = [
    "Digest",
    "Tally",
    "about_form",
    "about_of",
    "about_parts",
    "as_part",
    "compare",
    "digest_of",
    "row_check",
    "rows_digest",
    "take",
]

# PyMoDAQ 5.3 states the shape of each array that can grow anew when its SWMR mode ends,
# as text of another type; its VLARRAYs say (0,) before. The real shape is covered.
_RESTATED = "shape"
_SHAPE = re.compile(r"\(((0|[1-9]\d*),|(0|[1-9]\d*)(, (0|[1-9]\d*))+)?\)")

MAX_NODES = 200_000
"""Nodes of one scan; the largest known have some thousands."""

MAX_DEPTH = 64
"""Groups inside groups; PyMoDAQ's own trees have eight."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Of one node.

    Attributes
    ----------
    about
        CRC-32 of its kind and attributes, and of dtype and shape of an array.
    values
        CRC-32 of the values of an array, or of the checksums of its rows; 0 of a group.
    rows
        So many leading axes count the rows of which there are checksums; 0: there are
        none.
    """

    about: int
    values: int
    rows: int = 0

    def __str__(self) -> str:
        rows = f" {self.rows}" if self.rows else ""
        return f"{self.about:08x} {self.values:08x}{rows}"

    @classmethod
    def read(cls, text: str) -> Digest:
        """From the form that `str` gives.

        Examples
        --------
        >>> Digest.read(str(Digest(1, 255)))
        Digest(about=1, values=255, rows=0)
        """
        about, values, *rows = text.split(" ")
        (count,) = rows or ["0"]
        return cls(int(about, 16), int(values, 16), int(count))


@dataclass(slots=True)
class Tally:
    """What was read while digests were taken.

    Attributes
    ----------
    nodes, size
        Number of nodes; bytes of values.
    """

    nodes: int = 0
    size: int = 0


def take(
    top: Node,
    *,
    changing: Collection[str] = (),
    noted: Mapping[str, Digest] | None = None,
    tally: Tally | None = None,
    on_error: Callable[[str, FormatError], None] | None = None,
) -> dict[str, Digest]:
    """Digests of a node and of all below it, by their paths relative to it.

    Parameters
    ----------
    top
        Group of a scan.
    changing
        Relative paths of arrays of which only the attributes count.
    noted
        What they are to be. Values of an array that is another are not read: its shape
        may be damaged, and reading it never end.
    tally
        Counts what is read.
    on_error
        Is told of the nodes that cannot be read, which are left out; without it, the
        first one is raised.

    Raises
    ------
    FormatError
        When something cannot be read.
    """
    found: dict[str, Digest] = {}
    counted = tally or Tally()
    for path, node in _walk(top, "", 0, on_error):
        if len(found) >= MAX_NODES:
            raise FormatError(f"{printable(top.path)} holds over {MAX_NODES:,} nodes")
        try:
            if path in changing:
                found[path] = Digest(about_of(node), 0)
            else:
                found[path] = digest_of(node, noted.get(path) if noted else None)
        except FormatError as error:
            if on_error is None:
                raise
            on_error(path, error)
            continue
        counted.nodes += 1
        if node.is_array and found[path].values:
            counted.size += math.prod(node.shape) * node.dtype.itemsize
    return found


def _walk(
    node: Node,
    path: str,
    depth: int,
    on_error: Callable[[str, FormatError], None] | None,
) -> Iterator[tuple[str, Node]]:
    if depth > MAX_DEPTH:
        raise FormatError(
            f"{printable(node.path)[:200]}: over {MAX_DEPTH} groups inside groups"
        )
    yield path, node
    try:
        listing = node.listing()
    except FormatError as error:
        if on_error is None:
            raise
        on_error(path, error)
        return
    for name, reason in listing.refused:
        if on_error is not None:
            on_error(_below(path, name), FormatError(f"it is not read: {reason}"))
    for child in listing.nodes:
        yield from _walk(child, _below(path, child.name), depth + 1, on_error)


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def digest_of(node: Node, noted: Digest | None = None) -> Digest:
    """Of one node; without its values when it is not what was noted.

    Raises
    ------
    FormatError
        When its attributes or values cannot be read.
    """
    about = about_of(node)
    if not node.is_array:
        return Digest(about, 0)
    about = about_form(node.dtype, node.shape, about)
    if noted is not None and noted.about != about:
        return Digest(about, 0, noted.rows)
    rows = noted.rows if noted is not None else 0
    return Digest(about, rows_check(node, rows) if rows else _values(node), rows)


def about_of(node: Node, *, without: Collection[str] = ()) -> int:
    """CRC-32 of the kind and the attributes of a node.

    Parameters
    ----------
    node
        A group or an array.
    without
        Names of attributes that are left out.

    Raises
    ------
    FormatError
        When an attribute cannot be read.
    """
    attributes = node.attributes
    parts = (
        as_part(name, attributes[name], is_array=node.is_array)
        for name in sorted(attributes)
        if name not in without
    )
    return about_parts(parts, is_array=node.is_array)


def about_parts(parts: Iterable[bytes], *, is_array: bool) -> int:
    """CRC-32 of a kind of node and of its attributes, in the order of their names."""
    about = zlib.crc32(b"array" if is_array else b"group")
    return zlib.crc32(b"".join(parts), about)


def as_part(name: str, value: Any, *, is_array: bool) -> bytes:
    """An attribute as it is read, as bytes; two that differ for a reader differ here.

    Raises
    ------
    FormatError
        When it cannot be read.
    """
    plain = is_array and name == _RESTATED
    return _plain(name, _without_numbers(value) if plain else value)


def about_form(dtype: np.dtype[Any], shape: tuple[int, ...], about: int) -> int:
    """Go on with the CRC-32 of the attributes of an array: its dtype and shape."""
    return zlib.crc32(_form(dtype, shape).encode(), about)


def _without_numbers(value: Any) -> Any:
    """A stated shape, whichever it is and however it is stored.

    Examples
    --------
    >>> _without_numbers(b'{"type": "tuple", "data": "(3, 2)"}')
    '{"type": "tuple", "data": "()"}'
    >>> _without_numbers("(3.)")
    '(3.)'
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    return _SHAPE.sub("()", value) if isinstance(value, str) else value


def _plain(name: str, value: Any) -> bytes:
    if value is None:
        raise FormatError(f"its attribute {printable(name)} cannot be read")
    key = name.encode("utf-8", "surrogateescape")
    if isinstance(value, str):
        form, data = "text", value.encode("utf-8", "surrogateescape")
    elif isinstance(value, bytes):
        form, data = "bytes", value
    else:
        array = np.asarray(value)
        form, data = _form(array.dtype, array.shape), _bytes_of(array)
    return b"%s\0%s\0%d\0%s" % (key, form.encode(), len(data), data)


def _form(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    return f"{np.lib.format.dtype_to_descr(dtype)}{shape}"


def _bytes_of(array: np.ndarray) -> bytes:
    if array.dtype.hasobject:
        rows = cast(list[Any], array.ravel().tolist())
        return b"".join(_length_and(_row(row)) for row in rows)
    return np.ascontiguousarray(array).tobytes()


def _row(row: Any) -> bytes:
    if isinstance(row, np.ndarray):
        return np.ascontiguousarray(row).tobytes()
    return row if isinstance(row, bytes) else str(row).encode("utf-8", "replace")


def _length_and(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data


def _values(node: Node) -> int:
    if node.linked():
        # What lies in other files is not ours to vouch for; what it is taken from is.
        return zlib.crc32(node.mapping())
    check = 0
    for tile in tiles(node.shape, node.dtype.itemsize):
        values = np.ascontiguousarray(node[tile])
        if values.dtype.hasobject:
            check = zlib.crc32(_bytes_of(values), check)
        else:
            check = zlib.crc32(values.reshape(-1).view(np.uint8).data, check)
    return check


def rows_digest(rows: Iterator[bytes]) -> int:
    """Of rows of different length: lines of a log.

    Examples
    --------
    >>> rows_digest(iter([b"ab", b"c"])) == rows_digest(iter([b"a", b"bc"]))
    False
    """
    check = 0
    for row in rows:
        check = row_check(row, check)
    return check


def row_check(row: bytes, check: int) -> int:
    """Go on with a digest of rows."""
    return zlib.crc32(_length_and(row), check)


@dataclass(slots=True)
class _Found:
    problems: list[Problem] = field(default_factory=list[Problem])

    def error(self, where: str, kind: str, message: str) -> None:
        self.problems.append(Problem(printable(where), "error", kind, message))


def compare(
    where: str, noted: Mapping[str, Digest], found: Mapping[str, Digest]
) -> list[Problem]:
    """What differs between the digests that were noted and those of now.

    Parameters
    ----------
    where
        Path that theirs are relative to.

    Examples
    --------
    >>> was, now = {"a": Digest(1, 2)}, {"a": Digest(1, 3), "b": Digest(0, 0)}
    >>> for problem in compare("/RawData/Scan000", was, now):
    ...     print(problem.loc, problem.kind)
    /RawData/Scan000/a changed
    /RawData/Scan000/b not-covered
    """
    told = _Found()
    for path, digest in noted.items():
        place, now = f"{where}/{path}" if path else where, found.get(path)
        if now is None:
            told.error(place, "missing", "it is no longer there, or not readable")
        elif now != digest:
            unread = 0 if now.about != digest.about else None
            parts = [
                name
                for name, same in (
                    ("attributes or form", now.about == digest.about),
                    ("values", now.values in (digest.values, unread)),
                )
                if not same
            ]
            told.error(
                place,
                "changed",
                f"its {' and '.join(parts)} are not those that were written; restore "
                "the file from a copy",
            )
    for path in found.keys() - noted.keys():
        message = "it was added after the scan was written; no digest covers it"
        loc = printable(f"{where}/{path}")
        told.problems.append(Problem(loc, "warning", "not-covered", message))
    return told.problems
