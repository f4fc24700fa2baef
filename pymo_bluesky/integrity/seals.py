"""Where digests lie in a dataset, and how they get there; knows no documents.

Each scan bears its own (``Documents/Digests``), so that adding one costs in proportion
to it and harms no other; so does what a conversion kept beside the scans. What they
cannot vouch for (that they are there at all, and the attributes of the dataset) the
group of all scans vouches for, in one attribute.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError
from ..layouts import Layout, Role
from ..layouts.placing import place_column
from ..operations import Append, Operation, SetAttributes
from ..replaying.loose import lines_of
from ..store import Node, Tree, append_to
from .digests import Digest, about_of, digest_of, rows_digest, take
from .ledger import Ledger

__all__ = [
    "KEPT_SEAL",
    "SEAL",
    "ScanSeal",
    "TopSeal",
    "amend_seal",
    "kept_path",
    "log_path",
    "log_rows",
    "log_size",
    "raw_path",
    "seal_all",
    "seal_scan",
    "top_of",
]

SEAL = "Documents/Digests"
"""JSON lines with the digests of a scan; a later line amends the first."""

KEPT_SEAL = "Digests"
"""The same for what a conversion kept beside the scans."""

ATTRIBUTE = "pymo_bluesky_digest"

# PyMoDAQ 5.3 changes these (of the root; of the log) when it adds a scan; and the first
# scan with a view for NeXus adds two.
_CHANGING = frozenset(
    {"swmr_compatible", "swmr_active", "shape", ATTRIBUTE, "NX_class", "default"}
)
_MOST_BYTES = 64 * 2**20
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError)


def raw_path(layout: Layout) -> str:
    """Path of the group of all scans."""
    return layout.path(Role.RAW, "/")


def log_path(layout: Layout) -> str:
    """Path of the log of a dataset."""
    return layout.path(Role.LOGGER, raw_path(layout))


def kept_path(layout: Layout) -> str:
    """Path of what a conversion kept beside the scans."""
    return layout.path(Role.ORIGINAL, "/")


def log_size(tree: Tree, layout: Layout) -> int:
    """How many lines the log of a dataset has."""
    log = tree.root.get(log_path(layout))
    return 0 if log is None else log.shape[0]


@dataclass(frozen=True, slots=True)
class ScanSeal:
    """Digests of a scan.

    Attributes
    ----------
    nodes
        By the paths of the nodes, relative to the scan.
    log
        Lines that the scan added to the dataset's log: number of the first, how many,
        and their digest.
    """

    nodes: Mapping[str, Digest]
    log: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def read(cls, scan: Node, where: str = SEAL) -> ScanSeal | None:
        """That of a scan; None when it has none.

        Raises
        ------
        FormatError
            When it is damaged.
        """
        node = scan.get(where)
        if node is None:
            return None
        nodes: dict[str, Digest] = {}
        log = (0, 0, 0)
        if node.shape[0] > _MOST_BYTES:
            raise FormatError(
                f"{node.path} is damaged: {node.shape[0]:,} bytes were never written"
            )
        try:
            for line in lines_of(node):
                about = json.loads(line)
                found = about["nodes"].items()
                nodes.update({path: Digest.read(text) for path, text in found})
                first, count, check = about.get("log", log)
                log = int(first), int(count), int(check)
        except _DAMAGE as error:
            raise FormatError(f"{node.path} is damaged: {error}") from error
        if not nodes:
            raise FormatError(f"{node.path} is damaged: it is empty")
        return cls(nodes, log)

    def lines(self) -> bytes:
        """As they are stored."""
        return _line(
            {"algorithm": "crc32", "nodes": _texts(self.nodes), "log": self.log}
        )


@dataclass(frozen=True, slots=True)
class TopSeal:
    """What the group of all scans vouches for.

    Attributes
    ----------
    top
        Digest of the dataset's own attributes.
    scans
        Numbers of the scans that bear digests.
    kept
        Whether something was kept beside them, which bears digests, too.
    """

    top: int
    scans: frozenset[int] = field(default_factory=frozenset[int])
    kept: bool = False

    @classmethod
    def read(cls, raw: Node, layout: Layout) -> TopSeal | None:
        """That of a dataset; None when it has none.

        Raises
        ------
        FormatError
            When it is damaged.
        """
        if ATTRIBUTE not in raw.attributes:
            return None
        try:
            about = json.loads(layout.decode(raw.attribute(ATTRIBUTE)))
            scans = frozenset(
                n for first, last in about["scans"] for n in range(first, last + 1)
            )
            return cls(int(about["top"], 16), scans, bool(about.get("kept")))
        except _DAMAGE as error:
            raise FormatError(
                f"{raw.path}: its attribute {ATTRIBUTE} is damaged: {error}"
            ) from error

    def text(self) -> str:
        """As it is stored.

        Examples
        --------
        >>> TopSeal(255, frozenset({0, 1, 2, 5})).text()
        '{"top": "000000ff", "scans": [[0, 2], [5, 5]]}'
        """
        pairs: list[list[int]] = []
        for number in sorted(self.scans):
            if pairs and pairs[-1][1] == number - 1:
                pairs[-1][1] = number
            else:
                pairs.append([number, number])
        kept = {"kept": True} if self.kept else {}
        return json.dumps({"top": f"{self.top:08x}", "scans": pairs, **kept})


def top_of(tree: Tree, layout: Layout) -> int:
    """Digest of the attributes of a dataset as it is now."""
    nodes = [tree.root, tree.node(raw_path(layout))]
    log = tree.root.get(log_path(layout))
    nodes += [] if log is None else [log]
    parts = [about_of(node, without=_CHANGING) for node in nodes]
    return rows_digest(part.to_bytes(4, "little") for part in parts)


def seal_scan(
    tree: Tree,
    layout: Layout,
    number: int,
    logged: int,
    ledger: Ledger | None = None,
) -> Iterator[Operation]:
    """Give a scan that was just written its digests.

    Parameters
    ----------
    tree
        The dataset, with the scan in it.
    number
        Of the scan.
    logged
        How many lines the log had before.
    ledger
        What took note of all that was written of the scan and the log; without it,
        all is read.
    """
    raw = tree.node(raw_path(layout))
    scan = layout.path(Role.SCAN, raw.path, number)
    made = place_column(
        layout, f"{scan}/Documents", "Digests", (0,), np.dtype(np.uint8), packed=True
    )
    yield made
    if ledger is None:
        nodes = take(tree.node(scan), changing=(SEAL,))
        rows = log_rows(tree, layout, logged, log_size(tree, layout) - logged)
        count, check = len(rows), rows_digest(iter(rows))
    else:
        ledger.note(made)
        nodes = _noted(tree, scan, ledger)
        count, check = ledger.rows(log_path(layout))
    seal = ScanSeal(nodes, (logged, count, check))
    yield Append(made.path, np.frombuffer(seal.lines(), np.uint8))
    yield from _vouched(tree, layout, scans={number})


def _vouched(
    tree: Tree,
    layout: Layout,
    *,
    scans: AbstractSet[int] = frozenset(),
    kept: bool = False,
) -> Iterator[Operation]:
    """Let the group of all scans vouch for more."""
    raw = tree.node(raw_path(layout))
    try:
        known = TopSeal.read(raw, layout)
    except FormatError:
        return  # it stays as it is, for `verify` to tell
    top = TopSeal(top_of(tree, layout)) if known is None else known
    text = TopSeal(top.top, top.scans | scans, top.kept or kept).text()
    yield SetAttributes(raw.path, {ATTRIBUTE: layout.encode(ATTRIBUTE, text)})


def _seal_kept(tree: Tree, layout: Layout) -> Iterator[Operation]:
    """Give what a conversion kept beside the scans its digests."""
    path = kept_path(layout)
    if tree.root.get(path) is None:
        return
    made = place_column(layout, path, KEPT_SEAL, (0,), np.dtype(np.uint8), packed=True)
    yield made
    seal = ScanSeal(take(tree.node(path), changing=(KEPT_SEAL,)))
    yield Append(made.path, np.frombuffer(seal.lines(), np.uint8))
    yield from _vouched(tree, layout, kept=True)


def _noted(tree: Tree, scan: str, ledger: Ledger) -> dict[str, Digest]:
    """Digests of a scan; what the ledger is not certain of is read."""
    found: dict[str, Digest] = {}
    for path in ledger.paths(scan):
        relative = path.removeprefix(scan).removeprefix("/")
        if relative == SEAL:  # of its values it cannot vouch
            about = ledger.about(path)
            found[relative] = Digest(
                about_of(tree.node(path)) if about is None else about, 0
            )
        else:
            found[relative] = ledger.digest(path) or digest_of(tree.node(path))
    return found


def seal_all(path: Path, layout: Layout) -> None:
    """Give all of a dataset that was just made its digests.

    Raises
    ------
    AppendError
        When it cannot be written; it is as it was.
    """

    def operations(tree: Tree) -> Iterator[Operation]:
        names = tree.node(raw_path(layout)).names()
        numbers = map(layout.row(Role.SCAN).number_of, names)
        logged = 0  # the first scan vouches for the whole log
        for number in sorted(n for n in numbers if n is not None):
            yield from seal_scan(tree, layout, number, logged)
            logged = log_size(tree, layout)
        yield from _seal_kept(tree, layout)

    append_to(path, operations, oldest=layout.oldest_format)


def amend_seal(tree: Tree, scan: str, paths: Iterable[str]) -> Iterator[Operation]:
    """Take the digests of some nodes anew, after they were changed on purpose.

    Parameters
    ----------
    tree
        The dataset, changed.
    scan
        Path of the scan.
    paths
        Of the nodes, relative to it.
    """
    top = tree.node(scan)
    if top.get(SEAL) is None:
        return
    found = {path: top.get(path) for path in paths}
    nodes = {p: digest_of(node) for p, node in found.items() if node is not None}
    data = np.frombuffer(_line({"nodes": _texts(nodes)}), np.uint8)
    yield Append(f"{scan}/{SEAL}", data)


def log_rows(tree: Tree, layout: Layout, first: int, count: int) -> list[bytes]:
    """Some lines of the log, as they are stored."""
    log = tree.root.get(log_path(layout))
    if log is None or not count:
        return []
    step = log.rows_at_once()
    steps = [
        (at, min(at + step, first + count)) for at in range(first, first + count, step)
    ]
    return [np.asarray(row).tobytes() for at, end in steps for row in log[at:end]]


def _texts(nodes: Mapping[str, Digest]) -> dict[str, str]:
    return {path: str(digest) for path, digest in nodes.items()}


def _line(about: Mapping[str, Any]) -> bytes:
    return json.dumps(about).encode() + b"\n"
