"""A dataset as it is looked at; knows no node names and no HDF5.

Nothing is read before it is asked for. A file is opened for each access and closed
again, because an open file is one that no other program can add a scan to; inside
``with open_dataset(path) as dataset:`` it stays open, which is faster.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

from ..allowed import Allowed, External
from ..errors import FormatError, Problem, printable
from ..layouts.assembling import assemble, xml_bytes
from ..layouts.pickled import plain_value
from ..layouts.recognising import Seen, Watch, look, roots
from ..layouts.table import Role
from ..replaying.loose import has_documents, loose_documents, loose_ends, stored_index
from ..store.nodes import Node
from ..store.opening import LazyArray, Source, Tree
from ..store.rules import MEMORY
from ..twigs import Shown, Twig, drawn
from .outline import Top, about, layout_of
from .scan import Content, Scan, Scans
from .showing import dataset_twig
from .stream import parsed_settings

if TYPE_CHECKING:
    from ..settings import Parameter
    from ..synthesis import Origin

DAMAGE = (LookupError, TypeError, ValueError, AttributeError, RuntimeError)
"""What reading documents raises where they are not what they were written as."""

__all__ = ["DAMAGE", "Dataset"]

MAX_NODES = 1_000_000
"""Nodes of all scans together."""

MAX_EVENTS = 200_000
"""Of a scan, beside one for each byte of the file."""


class Dataset(Shown):
    """A PyMoDAQ file of any version, read lazily.

    Parameters
    ----------
    path
        Of the file. See `open_dataset`.
    left_out
        Arrays, by their paths, that count as unreadable, and why.
    """

    def __init__(
        self,
        path: Path,
        *,
        external: External = False,
        memory: int = MEMORY,
        isolated: bool = False,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self._source = Source(
            path,
            external=external,
            memory=memory,
            isolated=isolated,
            left_out=left_out,
        )
        self._held = ExitStack()
        self._watch = Watch()
        self._nodes = MAX_NODES
        self._given_up: set[str] = set()
        with self._source.opened() as tree:
            self._layout = layout_of(tree, path)
            root = roots(self._layout, tree.root, self._watch)
            if root is None:
                raise FormatError(f"{path}: its root is not one that PyMoDAQ writes")
            self._root = Top.of(root)

    # --------------------------------------------------------------------- closing

    def __enter__(self) -> Dataset:
        self._held.enter_context(self._source.opened())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file, if it was held open; the dataset stays usable."""
        self._held.close()

    # ----------------------------------------------------------------------- parts

    @property
    def layout(self) -> str:
        """Name of its layout: ``pymodaq5``, ``pymodaq3`` or ``pymodaq1``."""
        return self._layout.name

    @property
    def pymodaq_version(self) -> str:
        """What the file says of the PyMoDAQ that wrote it; empty when nothing."""
        return str(self._root.root.get("version") or "")

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Decoded: author, sample, date_time, experiment_type, file."""
        about = {**self._root.root, **self._root.raw}
        beside = ("settings", "nx_class", "nx_default")
        return MappingProxyType({k: v for k, v in about.items() if k not in beside})

    @property
    def settings(self) -> Parameter | None:
        """The tree of the dataset's own settings; None when there is none."""
        return parsed_settings(
            xml_bytes(self._root.raw.get("settings")), str(self.path)
        )[0]

    @cached_property
    def scans(self) -> Scans:
        """Its scans, by their numbers.

        A file without scans whose detectors lie directly in it (a viewer's snapshot or
        continuous save) is shown as one scan.
        """
        return Scans([Scan(place, self) for place in self._root.scans], self.path)

    @cached_property
    def log(self) -> list[str]:
        """Lines of the log. A row that is not a text is told in `problems`."""
        if self._root.log is None:
            return []
        lines, unread = list[str](), list[str]()
        with self._source.opened() as tree:
            try:
                for row in tree.node(self._root.log).texts():
                    lines.append(_line(row, unread))
            except FormatError as error:
                self._watch.error(self._root.log, "log", str(error))
        if unread:
            more = f" (and {len(unread) - 1:,} more)" if len(unread) > 1 else ""
            told = f"a row is not read: {unread[0]}{more}"
            self._watch.warn(self._root.log, "log", told)
        return lines

    @property
    def extras(self) -> tuple[str, ...]:
        """Paths of nodes outside the scans that PyMoDAQ does not write there."""
        return tuple(self._watch.extras)

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with it, all scans included; looks at all but the values."""
        with self._source.opened():
            inside = [p for scan in self.scans for p in scan.problems]
            return [*self.outer_problems, *inside]

    @property
    def passed_over(self) -> list[Problem]:
        """What lies outside its scans and cannot be read, or was not understood."""
        return list(self._watch.problems)

    @property
    def outer_problems(self) -> list[Problem]:
        """What is wrong with it outside its scans; reads the log."""
        _ = self.log  # its problems are noted when it is read
        return list(self._watch.problems)

    def tree(self, *, settings: bool = True) -> str:
        """The dataset as a tree of text.

        Parameters
        ----------
        settings
            Whether the settings of the modules are shown too.
        """
        return drawn(self.twig(settings=settings))

    def twig(self, *, settings: bool = True) -> Twig:
        """The dataset as a tree of lines."""
        with self._source.opened():
            return dataset_twig(self, settings=settings)

    _repr_pretty_ = Shown._repr_pretty_  # IPython asks the class with a repr first

    # ---------------------------------------------------------------- for its scans

    def about(self, path: str, role: Role) -> dict[str, Any]:
        """Attributes of the group of a scan."""
        with self._source.opened() as tree:
            return about(self._look(tree, path, role, Watch(), frozenset(Role)))

    def told(self, path: str, role: Role, name: str) -> Any:
        """One attribute of the group of a scan; None when it is not there."""
        fields = self._layout.row(role).fields
        keys = [key for key, field in fields.items() if field == name]
        with self._source.opened() as tree:
            found = tree.node(path).attributes
            stored = next((found[key] for key in keys if key in found), None)
        return None if stored is None else self._layout.decode(stored)

    def content(self, path: str, role: Role) -> Content:
        """What is in the group of a scan."""
        watch = Watch(left=min(Watch().left, self._nodes))
        whole = role in (Role.RAW, Role.ROOT)  # a file without groups for scans
        left = {Role.DOCUMENTS, Role.LIVE} | ({Role.SCAN} if whole else set[Role]())
        with self._source.opened() as tree:
            seen = self._look(tree, path, role, watch, frozenset(left))
            found = assemble(self._layout, seen, partial(self._lazy, tree), watch)
        self._nodes -= watch.met
        told = {printable(extra) for extra in self._watch.extras if whole}
        problems = tuple(
            p for p in watch.problems if p.kind != "not-recognised" or p.loc not in told
        )
        return Content(found, problems, tuple(watch.extras))

    def _look(
        self, tree: Tree, path: str, role: Role, watch: Watch, left: frozenset[Role]
    ) -> Seen:
        parent = Role.ROOT if path.count("/") == 1 else Role.RAW
        seen = look(
            self._layout,
            tree.node(path),
            None if role is Role.ROOT else parent,
            watch,
            unwalked=left,
        )
        if seen is None:
            raise FormatError(
                f"{self.path}: {printable(path)} is no longer what it was; open the "
                "dataset again"
            )
        return seen

    def _lazy(self, tree: Tree, node: Any) -> LazyArray:
        tree.keep(node)
        return LazyArray(self._source, node.path, node.shape, node.dtype)

    def documents(
        self, scan: Scan, *, pages: bool = False, fill: bool = False
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Documents of a scan: those that went in, else made from the tree."""
        with self._documents_of(scan) as (node, stored):
            self._reckon(scan, stored_index(node) if stored else None)
            # Each way to documents is imported when it is gone: a look needs none.
            if not stored:
                from ..synthesis import synthesise

                origin = self._origin(scan)
                yield from synthesise(scan.assembled.scan, origin, pages=pages)
            elif fill:
                from .filling import replay_filled

                folder, allowed = self.path.parent, self._fillable
                yield from replay_filled(node, folder, allowed, pages=pages)
            else:
                from ..replaying.stored import replay_stored

                left_out = self._source.rules.left_out
                yield from replay_stored(node, pages=pages, left_out=left_out)

    def outline(self, scan: Scan) -> Iterator[tuple[str, dict[str, Any]]]:
        """Documents of a scan but its events."""
        with self._documents_of(scan) as (node, stored):
            if stored:
                yield from loose_documents(node)
            else:
                from ..synthesis import synthesise

                origin = self._origin(scan)
                yield from synthesise(scan.assembled.scan, origin, events=False)

    def holds_documents(self, scan: Scan) -> bool:
        """Whether the documents of a scan are those that went in."""
        with self._documents_of(scan) as (_, stored):
            return stored

    def give_up(self) -> list[Problem]:
        """Take scans whose documents cannot be read for PyMoDAQ's own from now on.

        Each of the documents is read once.
        """
        found: list[Problem] = []
        for scan in filter(self.holds_documents, self.scans):
            try:
                for _ in self.documents(scan):
                    pass
            except FormatError as error:
                self._given_up.add(scan.path)
                message = (
                    f"{error}; they are made of the scan's arrays, as those of scans "
                    "that PyMoDAQ wrote, with another uid"
                )
                where = f"{printable(scan.path)}/Documents"
                found.append(Problem(where, "error", "unreadable", message))
        return found

    def ends(self, scan: Scan) -> tuple[dict[str, Any], str]:
        """Start document of a scan (empty when there is none), and its exit status."""
        with self._group_of(scan) as node:
            found = loose_ends(node)
        documents = [*(self.outline(scan) if found is None else found)] or [("", {})]
        (name, start), (end, stop) = documents[0], documents[-1]
        status = stop.get("exit_status") if end == "stop" else scan.exit_status
        return start if name == "start" else {}, str(status or "")

    @contextmanager
    def _documents_of(self, scan: Scan) -> Iterator[tuple[Node, bool]]:
        """The group of a scan, and whether it holds documents; damage is told."""
        with self._group_of(scan) as node:
            yield node, has_documents(node) and scan.path not in self._given_up

    @contextmanager
    def _group_of(self, scan: Scan) -> Iterator[Node]:
        """The group of a scan; damage of its documents is told."""
        with self._source.opened() as tree:
            node = tree.node(scan.path)
            try:
                yield node
            except FormatError:
                raise
            except MemoryError as error:
                raise FormatError(
                    f"{self.path}: the documents of {printable(scan.path)} need more "
                    f"memory than there is ({error}); if no value is that large, the "
                    "file is damaged"
                ) from error
            except DAMAGE as error:
                raise FormatError(
                    f"{self.path}: the documents of {printable(scan.path)} are damaged "
                    f"({type(error).__name__}: {error}); `validate` says more"
                ) from error

    def _reckon(self, scan: Scan, index: Mapping[str, Any] | None) -> None:
        """Refuse documents without end: each event has a uid, which takes bytes."""
        if index is None:
            branches = (scan.assembled.scan.trunk, *scan.assembled.scan.branches)
            events = sum(math.prod(branch.shape) for branch in branches)
        else:
            events = sum(int(stream["rows"]) for stream in index["streams"])
        most = MAX_EVENTS + self.path.stat().st_size
        if events > most:
            raise FormatError(
                f"{self.path}: {printable(scan.path)} tells of {events:,} events; a "
                f"file of this size can hold {most:,} at most"
            )

    def _origin(self, scan: Scan) -> Origin:
        from ..synthesis import Origin

        problems = scan.problems
        return Origin(
            layout=self.layout,
            version=self.pymodaq_version,
            number=scan.number,
            attributes=self.attributes,
            pictures=scan.pictures,
            guessed=tuple(p.message for p in problems if p.kind == "guessed"),
            unknown=scan.extras,
        )

    @property
    def _fillable(self) -> Allowed:
        """Where files may be that are filled into events: some must be allowed."""
        return self._source.rules.allowed or Allowed.around(self.path)

    def __repr__(self) -> str:
        return (
            f"<dataset {self.path.name}: {self.layout}, PyMoDAQ "
            f"{self.pymodaq_version or '?'}, {len(self.scans)} scans>"
        )


def _line(row: bytes, unread: list[str]) -> str:
    """A row of the log; why it is not read is added to `unread`."""
    try:
        value = plain_value(row)
    except ValueError as error:
        unread.append(str(error))
        return ""
    if isinstance(value, str):
        return value
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
