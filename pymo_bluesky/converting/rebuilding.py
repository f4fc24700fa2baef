"""The operations that make a new file of an old one; writes nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .._version import VERSION
from ..allowed import Allowed
from ..assets.cutting import Mode
from ..assets.sources import AssetFiles
from ..building import local_time, pickled_text
from ..errors import Problem
from ..layouts import Layout, Role
from ..layouts.pickled import plain_value
from ..layouts.placing import place_dataset
from ..layouts.recognising import Seen, Watch, look
from ..operations import Append, Operation, SetAttributes
from ..reader import Dataset, Scan, identify
from ..reading.filling import Notes, Whereabouts
from ..recording import Recording
from ..settings import plain_settings, to_xml
from ..store.nodes import Node
from ..store.opening import Source, Tree
from ..synthesis import Carried, carried
from .keeping import Keeper

__all__ = ["Rebuilding"]

_ABOUT = ("author", "date_time", "sample", "experiment_type", "description")
_DATA = (Role.DATA, Role.GROWING, Role.ERROR, Role.BACKGROUND)


class Rebuilding:
    """How a new file is made of an old one.

    Parameters
    ----------
    dataset
        The old file.
    source
        The same, to look into.
    layout
        Of the new one.
    target
        Where the new one will be.

    Attributes
    ----------
    dataset, source, layout, target
        As they were given.
    kept
        Unknown nodes and attributes, which lie in the group ``Original``.
    problems
        What could not be shown as it was; complete when all operations were given.
    """

    def __init__(
        self, dataset: Dataset, source: Source, layout: Layout, target: Path
    ) -> None:
        self.problems: list[Problem] = []
        self.dataset = dataset
        self.source = source
        self.layout = layout
        self._raw_path = layout.path(Role.RAW, "/")
        self.target = target
        self._in_scans: set[str] = set()
        self._stores: list[str] = []
        self._log = ""

    @property
    def nothing_to_do(self) -> bool:
        """Whether the old file is one of ours in the layout that is asked for.

        Data in other files are named relative to the folder, so with them it is.
        """
        ours = "written_by" in self.dataset.attributes
        if not ours or self.dataset.layout != self.layout.name:
            return False
        with self.source.opened() as tree:
            nodes = [tree.node(scan.path) for scan in self.dataset.scans]
            return not any(node.get("Documents/External") for node in nodes)

    @property
    def has_plots(self) -> bool:
        """Whether the old file has plots for viewers of NeXus, as we make them."""
        return bool(self._seen and self._seen.below(Role.NEXUS))

    def operations(self, about: Mapping[str, Any]) -> Iterator[Operation]:
        """Everything that makes the new file, in order.

        Parameters
        ----------
        about
            What the new file tells of the old one.
        """
        with self.source.opened() as tree:
            yield from place_dataset(self.layout, self._top(), self._raw())
            taken: set[int] = set()
            for scan in self.dataset.scans:
                number = scan.number
                while number in taken:  # a data logger beside a scan
                    number += 1
                taken.add(number)
                yield from self._scan(tree, scan, number)
            yield from self._log_lines(tree)
            if self.has_plots:  # other names of what is in the scans
                self._stores.append("/entry")
            keeper = Keeper(self.layout, self._where, self.problems)
            yield from keeper.operations(tree.root, about)

    # -------------------------------------------------------------------- the dataset

    def _top(self) -> dict[str, Any]:
        about = self.dataset.attributes
        began = local_time(self._first.get("time"))
        return {
            "file": self.target.name,
            "date": _text(about.get("date")) or began.date().isoformat(),
            "time": _text(about.get("time")) or began.time().isoformat(),
            "written_by": VERSION,
        }

    def _raw(self) -> dict[str, Any]:
        info = {key: _text(self.dataset.attributes.get(key)) for key in _ABOUT}
        tree = self.dataset.settings
        if tree is None:
            settings = plain_settings(
                "Dataset", {"dataset_info": info}, self.layout.dialect
            )
        else:
            settings = to_xml(tree, self.layout.dialect)
        return {**info, "settings": settings}

    @cached_property
    def _first(self) -> Mapping[str, Any]:
        """The first start document."""
        for scan in self.dataset.scans:
            for _, doc in scan.documents():
                return doc
        return {}

    def _log_lines(self, tree: Tree) -> Iterator[Operation]:
        """Texts of the log, as every PyMoDAQ has them."""
        path = _log_path(self._seen)
        if path is None:
            return
        place = self.layout.path(Role.LOGGER, self._raw_path)
        whole = True
        for row in tree.node(path).texts():
            try:
                value = plain_value(row)
            except ValueError:
                value = None
            if isinstance(value, str):
                yield Append(place, np.frombuffer(pickled_text(value), np.uint8))
            else:
                whole = False
        self._log = path if whole else ""

    # ---------------------------------------------------------------------- the scans

    def _scan(self, tree: Tree, scan: Scan, number: int) -> Iterator[Operation]:
        node = tree.node(scan.path)
        if self.dataset.holds_documents(scan):
            yield from self._stored(node, scan, number)
            return
        recording = Recording(scan.documents, self.layout)
        yield from recording.operations(self._raw_path, number)
        self.problems += recording.problems
        yield from self._told(scan, number)
        for array in carried(scan.assembled.scan):
            if _all_carried(array):
                self._in_scans.add(str(getattr(array.array.data, "path", "")))

    def _stored(self, node: Node, scan: Scan, number: int) -> Iterator[Operation]:
        """A scan with documents: they hold all of it but copies of external data."""
        folder = self.dataset.path.parent
        notes = Notes.read(node)
        copied = [a for a in notes.arrays.values() if a.get("mode") == "embed"]
        mode: Mode = "embed" if copied else "link"
        with ExitStack() as stack:
            files = stack.enter_context(
                AssetFiles(
                    self.target.parent,
                    mode,
                    Whereabouts(notes, folder),
                    Allowed.around(self.dataset.path),
                )
            )
            recording = Recording(scan.documents, self.layout, files=files)
            yield from recording.operations(self._raw_path, number)
        yield from self._same_pictures(scan, number)
        self.problems += recording.problems
        self._stores.append(f"{scan.path}/Documents")
        lost: set[str] = set()
        if any(problem.kind == "external" for problem in recording.problems):
            parts = [a.get(key) for a in copied for key in ("tree", "beside")]
            lost = {f"{scan.path}/{part}" for part in parts if part}
        for part in self._below(scan.path):
            held = part.node.is_array and part.role is not Role.BY_HAND
            if held and part.node.path not in lost:
                self._in_scans.add(part.node.path)

    def _told(self, scan: Scan, number: int) -> Iterator[Operation]:
        """What a run cannot tell of a scan: its date as it stood, its thumbnails."""
        place = self.layout.path(Role.SCAN, self._raw_path, number)
        found: dict[str, Any] = {}
        date = scan.attributes.get("date_time")
        if isinstance(date, str) and date:
            found["date_time"] = date
        for path, picture in scan.pictures.items():
            name = base = "pixmap2D" if "2D" in path else "pixmap1D"
            while name in found:  # PyMoDAQ shows whatever begins so
                name = f"{base}_{len(found)}"
            found[name] = picture
        encoded = {k: self.layout.encode(k, v) for k, v in found.items()}
        yield SetAttributes(place, encoded)

    def _same_pictures(self, scan: Scan, number: int) -> Iterator[Operation]:
        """Thumbnails of ours: at the scan and detectors, which are called alike."""
        place = self.layout.path(Role.SCAN, self._raw_path, number)
        detector = self.layout.row(Role.DETECTOR)
        for path, picture in scan.pictures.items():
            node, _, name = path.removeprefix(scan.path).rpartition("/")
            if node and detector.number_of(node[1:]) is None:
                message = "only scans and detectors keep a picture in a new file"
                self.problems.append(Problem(path, "warning", "picture", message))
                continue
            encoded = self.layout.encode(name, picture)
            yield SetAttributes(f"{place}{node}", {name: encoded})

    # ----------------------------------------------------------------------- the rest

    @cached_property
    def _seen(self) -> Seen | None:
        with self.source.opened() as tree:
            layout = identify(tree, self.dataset.path)
            return look(layout, tree.root, None, Watch())

    def _below(self, path: str) -> Iterator[Seen]:
        for part in self._seen.walk() if self._seen else ():
            if part.node.path.startswith(f"{path.rstrip('/')}/"):
                yield part

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """Paths of unknown nodes, and of unknown attributes (``/path@name``).

        Complete when all operations were given.
        """
        watch = Watch()
        with self.source.opened() as tree:
            layout = identify(tree, self.dataset.path)
            seen = look(layout, tree.root, None, watch)
            parts = list(seen.walk() if seen else ())
            unknown = [f"{p.node.path}@{name}" for p in parts for name in p.others]
        by_hand = [p.node.path for p in parts if p.role is Role.BY_HAND]
        left = [path for path in by_hand if path not in self._in_scans]
        return (*watch.extras, *left, *unknown)

    def _where(self, path: str) -> str | None:
        """Where the values of an array are in the new file; see `Keeper`."""
        if path in self._stores:
            return None
        if path in self._in_scans:
            return "scan"
        return "log" if path == self._log else ""


def _log_path(seen: Seen | None) -> str | None:
    for raw in seen.below(Role.RAW) if seen else ():
        for log in raw.below(Role.LOGGER):
            return log.node.path
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _all_carried(part: Carried) -> bool:
    """Whether an array holds nothing where no event is."""
    missing = np.ones(int(np.prod(part.points)), bool)
    missing[part.visited] = False
    if not missing.any():
        return True
    places = np.unravel_index(np.flatnonzero(missing), part.points)
    for place in zip(*places, strict=True):
        values = np.asarray(part.array.data[tuple(map(int, place))])
        if ((values != 0) & (values == values)).any():
            return False
    return True
