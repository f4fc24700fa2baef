"""Datasets against the digests they bear; knows no documents and no node names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .errors import (
    CrashError,
    FormatError,
    NotFoundError,
    Problem,
    PymoError,
    printable,
)
from .integrity import (
    KEPT_SEAL,
    SEAL,
    ScanSeal,
    Tally,
    TopSeal,
    compare,
    kept_path,
    log_path,
    log_rows,
    log_size,
    raw_path,
    rows_digest,
    take,
    top_of,
)
from .isolation import Limits, run_isolated
from .layouts import Layout, Role
from .reading.outline import layout_of, scan_nodes
from .store import Node, Tree, open_tree

__all__ = ["Verified", "limits_of", "told", "verified", "verify"]

_SECONDS = 60.0
_BYTES_PER_SECOND = 10 * 2**20
"""What the slowest disk gives; whole datasets are read in some 1.5 GiB/s."""

_MOST_LINES = 100_000
_DAMAGE = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RuntimeError,
    OSError,
    ArithmeticError,
    MemoryError,
)


@dataclass(slots=True)
class Verified:
    """What was found when a dataset was compared with its digests.

    Attributes
    ----------
    path
        The dataset.
    sealed, unsealed
        Names of the scans with digests, and of those without.
    tally
        What was read of them.
    problems
        Errors first; empty when all is as it was written.
    """

    path: Path
    sealed: list[str] = field(default_factory=list[str])
    unsealed: list[str] = field(default_factory=list[str])
    tally: Tally = field(default_factory=Tally)
    problems: list[Problem] = field(default_factory=list[Problem])

    def __str__(self) -> str:
        """In a line."""
        tally = self.tally
        read = f"{tally.nodes:,} nodes, {tally.size:,} bytes of values"
        if any(problem.severity == "error" for problem in self.problems):
            return f"{self.path}: it is not as it was written"
        parts = [f"{len(self.sealed)} scans are as they were written"]
        if self.unsealed:
            parts.append(f"{len(self.unsealed)} have no digest and were read only")
        return f"{self.path}: {', '.join(parts)} ({read})"


def verify(path: str | os.PathLike[str], *, isolated: bool = True) -> list[Problem]:
    """What in a dataset is not as it was written.

    Each scan that this package writes bears digests of its attributes, arrays, settings
    and documents; each change of what `open_dataset` or `replay` gives is an error
    here. Scans that PyMoDAQ wrote have none: that they can be read is all that is
    looked at, and a warning says so. Data in other files are not looked at.

    Parameters
    ----------
    path
        The dataset.
    isolated
        Whether a process of its own reads it, as it should where damage is looked for:
        of some HDF5 itself dies, or never ends, which then is an error of the result.
        It takes half a second more.

    Returns
    -------
    list of Problem
        Errors first. Empty when all is as it was written.

    Raises
    ------
    NotFoundError
        When there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from event_model import compose_run
    >>> from pymo_bluesky import export
    >>> run = compose_run()
    >>> documents = [("start", run.start_doc), ("stop", run.compose_stop())]
    >>> (path,) = export(documents, tempfile.mkdtemp())["pymodaq"]
    >>> verify(path)
    []
    """
    if not isolated:
        return verified(path).problems
    try:
        found = run_isolated(_plain_problems, path, limits=limits_of([path]))
    except CrashError as error:
        return [_damaged(str(path), error)]
    return [Problem(*parts) for parts in found]


def limits_of(paths: Iterable[str | os.PathLike[str]]) -> Limits:
    """Time enough to read the largest of some files from a slow disk."""
    sizes = [path.stat().st_size for path in map(Path, paths) if path.is_file()]
    return Limits(seconds=_SECONDS + max(sizes, default=0) / _BYTES_PER_SECOND)


def _plain_problems(path: str) -> list[list[str]]:
    return [[p.loc, p.severity, p.kind, p.message] for p in verified(path).problems]


def verified(path: str | os.PathLike[str]) -> Verified:
    """The same, with what was looked at."""
    found = Verified(Path(path))
    try:
        with open_tree(path) as tree:
            found.problems += _all(tree, found)
    except NotFoundError:
        raise
    except _DAMAGE as error:
        found.problems.append(_damaged(str(path), error))
    found.problems.sort(key=lambda problem: problem.severity != "error")
    return found


def _damaged(where: str, error: BaseException) -> Problem:
    why = str(error) if isinstance(error, PymoError) else repr(error)
    return Problem(printable(where), "error", "unreadable", why)


def _all(tree: Tree, found: Verified) -> Iterator[Problem]:
    layout = layout_of(tree, found.path)
    numbers: set[int] = set()
    logged = 0
    for number, scan in scan_nodes(tree, layout):
        try:
            seal = ScanSeal.read(scan)
            if seal is None:
                found.unsealed.append(scan.name)
                yield from _unsealed(scan, found.tally)
                continue
            numbers.add(number)
            found.sealed.append(scan.name)
            logged = max(logged, seal.log[0] + seal.log[1])
            yield from _sealed(tree, layout, scan, seal, found.tally)
        except _DAMAGE as error:
            numbers.add(number)
            yield _damaged(scan.path, error)
    yield from _top(tree, layout, numbers, found.tally)
    yield from _beside(tree, layout)
    if numbers:
        yield from _later_lines(tree, layout, logged)


def _nodes(top: Node, where: str, seal: ScanSeal, tally: Tally) -> Iterator[Problem]:
    """What of a group, and of all below it, is not as it was."""
    unreadable, note = _noted(top)
    now = take(top, changing=(where,), noted=seal.nodes, tally=tally, on_error=note)
    yield from unreadable
    told = {problem.loc for problem in unreadable}
    for problem in compare(top.path, seal.nodes, now):
        if problem.loc not in told:
            yield problem


def _noted(top: Node) -> tuple[list[Problem], Callable[[str, FormatError], None]]:
    """Problems of a group, and what `take` tells of the nodes that cannot be read."""
    found: list[Problem] = []

    def note(path: str, error: FormatError) -> None:
        found.append(_damaged(f"{top.path}/{path}", error))

    return found, note


def _sealed(
    tree: Tree, layout: Layout, scan: Node, seal: ScanSeal, tally: Tally
) -> Iterator[Problem]:
    yield from _nodes(scan, SEAL, seal, tally)
    first, count, check = seal.log
    if rows_digest(iter(log_rows(tree, layout, first, count))) != check:
        yield Problem(
            printable(scan.path),
            "error",
            "changed",
            f"its {count} lines of the dataset's log (from line {first} on) are not "
            "those that were written",
        )


def _unsealed(scan: Node, tally: Tally) -> Iterator[Problem]:
    """All of a scan without digests is read; HDF5 itself notices some damage."""
    here = Tally()
    unreadable, note = _noted(scan)
    take(scan, tally=here, on_error=note)
    yield from unreadable
    tally.nodes += here.nodes
    tally.size += here.size
    yield Problem(
        printable(scan.path),
        "warning",
        "no-digest",
        f"it bears no digest (PyMoDAQ writes none); {here.nodes} nodes and "
        f"{here.size:,} bytes of values were read, which shows damage only where HDF5 "
        "itself notices it",
    )


def _later_lines(tree: Tree, layout: Layout, logged: int) -> Iterator[Problem]:
    """Lines of the log that no scan vouches for must at least be lines.

    A damaged length of the log shows as rows that nobody wrote.
    """
    more = log_size(tree, layout) - logged
    rows = log_rows(tree, layout, logged, min(more, _MOST_LINES))
    if more > _MOST_LINES or not all(rows):
        where = printable(log_path(layout))
        message = f"{more:,} lines follow those that were written, some of them empty"
        yield Problem(where, "error", "changed", message)


def _beside(tree: Tree, layout: Layout) -> Iterator[Problem]:
    """What no digest covers must at least open: groups of the root, and NeXus' entry.

    Arrays in the entry are those of the scans, by second names.
    """
    groups = [tree.root]
    entry = tree.root.get(layout.path(Role.NEXUS, "/"))
    if entry is not None:
        groups += [entry, *entry.children()]
    for group in groups:
        for name, why in group.listing().refused:
            if why.startswith("damaged"):
                where = f"{group.path.rstrip('/')}/{name}"
                yield Problem(printable(where), "error", "unreadable", why)


def _top(
    tree: Tree, layout: Layout, numbers: set[int], tally: Tally
) -> Iterator[Problem]:
    """What no scan can vouch for: that the others are there, and the dataset's own."""
    where = raw_path(layout)
    raw = tree.root.get(where)
    top = None if raw is None else TopSeal.read(raw, layout)
    if top is None:
        if numbers:
            message = "scans bear digests, but the dataset lost the list of them"
            yield Problem(where, "error", "missing", message)
        return
    for number in sorted(top.scans - numbers):
        message = f"Scan{number:03d} was written here and is not there, or not whole"
        yield Problem(where, "error", "missing", message)
    for number in sorted(numbers - top.scans):
        message = f"Scan{number:03d} is not in the list of those that were written"
        yield Problem(where, "warning", "not-covered", message)
    if top_of(tree, layout) != top.top:
        message = (
            "the attributes of the dataset (author, settings, …) are not those that "
            "were written"
        )
        yield Problem(where, "error", "changed", message)
    if top.kept:
        yield from _kept(tree, kept_path(layout), tally)


def _kept(tree: Tree, where: str, tally: Tally) -> Iterator[Problem]:
    """What a conversion kept beside the scans."""
    try:
        group = tree.root.get(where)
        seal = None if group is None else ScanSeal.read(group, KEPT_SEAL)
        if group is None or seal is None:
            message = "it was kept from the file that was converted, and is not there"
            yield Problem(where, "error", "missing", message)
        else:
            yield from _nodes(group, KEPT_SEAL, seal, tally)
    except _DAMAGE as error:
        yield _damaged(where, error)


def told(path: str) -> tuple[list[str], str]:
    """The same as lines of text, and the worst severity among them."""
    found = verified(path)
    lines = [str(found), *(f"  {problem}" for problem in found.problems)]
    return lines, found.problems[0].severity if found.problems else ""
