"""Documents of one run to the operations that write its scan; knows no file and no
library of files.

Two passes: the first surveys what the run holds, so that each array is made once, of
the right dtype and shape; the second writes the values, block by block, in little
memory whatever the length of the run. What PyMoDAQ's tree cannot hold exactly lies in
the scan's document store, and nothing lies in both.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from ..assets.cutting import ExternalFiles
from ..blocks import Block, ColumnKey, Document, Loose, Sorter
from ..columns import ABSENT, ColumnPlan
from ..errors import Problem
from ..layouts.placing import place_scan
from ..layouts.table import Layout, Role
from ..model import Array, ArrayLike, Branch, Scan
from ..navigation.points import Navigation, pieces
from ..operations import InPlace, MakeArray, MakeVirtual, Operation, WriteSlab
from ..settings import plain_settings
from .depositing import Deposit
from .gathering import ColumnRef, gather_modules
from .placement import navigate_stream, scan_types
from .staying import arrays_in_place
from .storing import DocumentStore
from .survey import RunSurvey, StreamSurvey, dimension_stream, survey_run
from .written import with_values

__all__ = ["Recording", "Source", "dataset_attributes"]

Source = Callable[[], Iterable[Document]]
_INCOMPLETE = ("missing-events", "lost-documents", "lost-frames")
_HELD_BYTES = 2**20
_HELD_TOTAL = 24 * 2**20


@dataclass(slots=True)
class _Target:
    """An array of the tree: where it is, and (when small) its values so far."""

    path: str
    array: MakeArray
    navigation: Navigation
    held: np.ndarray | None = None

    def write(self, rows: slice, values: np.ndarray) -> Iterator[Operation]:
        """Put values at the points of their rows, forwards, backwards or singly."""
        index = self.navigation.index[rows]
        inside = index < self.navigation.size
        if not inside.all():
            values, index = values[inside], index[inside]
        if self.held is not None:
            self.held.reshape(-1, *values.shape[1:])[index] = values
            return
        for run in pieces(index, self.navigation.shape):
            part = values[run.row : run.row + run.length]
            part = part[::-1] if run.backwards else part
            yield WriteSlab(self.path, (*run.prefix, run.start), part)

    def rest(self) -> Iterator[Operation]:
        """What was held back."""
        if self.held is not None and self.held.size:
            yield WriteSlab(self.path, (0,) * self.held.ndim, self.held)


@dataclass(slots=True)
class _Stream:
    """One stream while it is written."""

    survey: StreamSurvey
    number: int
    navigation: Navigation
    plans: dict[ColumnKey, ColumnPlan]
    targets: dict[str, _Target] = field(default_factory=dict[str, _Target])
    staying: dict[str, InPlace] = field(default_factory=dict[str, InPlace])
    row: int = 0


@dataclass(slots=True)
class Recording:
    """The scan of one run.

    Parameters
    ----------
    source
        Gives the documents of the run, its start first; called once or twice.
    layout
        Where things go.
    outline
        Gives the same documents, but only dtype and shape of large arrays count.
    files
        Looks into the files of external data; without it they are not shown.
    problems
        What is known to be wrong with the run; others are added.

    Examples
    --------
    >>> from pymo_bluesky.layouts import PYMODAQ5
    >>> start = {"uid": "4b1d", "time": 0.0, "plan_name": "count"}
    >>> recording = Recording(lambda: [("start", start)], PYMODAQ5)
    >>> next(recording.operations("/RawData", 0)).path
    '/RawData/Scan000'
    """

    source: Source
    layout: Layout
    outline: Source | None = None
    files: ExternalFiles | None = None
    problems: list[Problem] = field(default_factory=list[Problem])
    run: RunSurvey = field(init=False)
    _streams: list[_Stream] = field(init=False)
    _deposit: Deposit = field(init=False)
    _scanned: Scan | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.run = survey_run((self.outline or self.source)())
        self._deposit = Deposit(self.run.assets, self.files)
        self._streams = [self._plan(s, n) for n, s in enumerate(self.run.streams)]
        self.problems += [*self.run.missing(), *self.run.unplaced()]

    def _plan(self, survey: StreamSurvey, number: int) -> _Stream:
        streamed = self._deposit.seq_nums(number)
        trunk = self._is_trunk(survey)
        navigation = navigate_stream(self.run.start, survey, trunk, streamed)
        if self.layout.ascending:
            navigation = navigation.ascending()
        plans = {
            key: column.plan(implied=key.group != "data")
            for key, column in survey.columns.items()
        }
        held = {k.name for k, p in plans.items() if k.group == "data" and p.shows}
        seq_nums = np.asarray(survey.seq_nums) if survey.rows else streamed
        self.problems += self._deposit.plan(number, seq_nums, navigation, held)
        self._report(survey, navigation, plans, self.run.assets.keys(number) - held)
        staying = arrays_in_place(survey, navigation, plans)
        return _Stream(survey, number, navigation, plans, staying=staying)

    def in_place(self) -> list[InPlace]:
        """Arrays of the scan whose values may stay where they lie."""
        return [found for stream in self._streams for found in stream.staying.values()]

    def _is_trunk(self, survey: StreamSurvey) -> bool:
        return survey.name == (dimension_stream(self.run.start) or "primary")

    def _report(
        self,
        survey: StreamSurvey,
        navigation: Navigation,
        plans: Mapping[ColumnKey, ColumnPlan],
        external: Set[str],
    ) -> None:
        where = f"stream {survey.name!r}"
        for note in navigation.notes:
            self.problems.append(Problem(where, "warning", "navigation", note))
        for key, plan in plans.items():
            if key.group == "data" and key.name in external:
                continue
            missing = survey.columns[key].misfits(plan) if plan.shows else survey.rows
            if key.group == "data" and missing:
                message = (
                    f"{missing} of {survey.rows} values of {key.name!r} fit no array "
                    "of numbers; they are kept exactly among the documents"
                )
                self.problems.append(Problem(where, "warning", "kept", message))

    # ------------------------------------------------------------------ the tree

    def operations(self, raw: str, number: int) -> Iterator[Operation]:
        """Everything that writes the scan, in order.

        Parameters
        ----------
        raw
            Path of the group of all scans.
        number
            Of the scan in the dataset.
        """
        scan = self._scan(f"Scan{number:03d}")
        self._scanned = scan
        for operation, array in place_scan(self.layout, scan, raw, number):
            if array is not None and isinstance(operation, MakeArray):
                operation = self._target(operation, array)
            yield operation
        self._hold_small()
        path = self.layout.path(Role.SCAN, raw, number)
        store = DocumentStore(self.layout, path, self.run, self.problems)
        for stream in self._streams:
            paths = {key: t.path for key, t in stream.targets.items()}
            store.add_stream(stream.survey, stream.navigation, stream.plans, paths)
        yield from store.made()
        yield from self._values(store)
        yield from self._deposit.operations(store)
        self.problems += self._deposit.late
        yield from store.rest()

    def written(self, node: Callable[[str], ArrayLike]) -> Scan | None:
        """The scan with its values, once all operations were applied.

        Parameters
        ----------
        node
            Gives an array of the file by its path; small ones are still at hand.
        """

        def find(ref: ColumnRef) -> ArrayLike | None:
            target = self._streams[ref.stream].targets.get(ref.key)
            if target is None:
                return None
            return node(target.path) if target.held is None else target.held

        return None if self._scanned is None else with_values(self._scanned, find)

    def _scan(self, name: str) -> Scan:
        start, branches = self.run.start, list(map(self._branch, self._streams))
        trunks = [
            b
            for b, s in zip(branches, self._streams, strict=True)
            if self._is_trunk(s.survey)
        ]
        return Scan(
            name=name,
            attributes=self._attributes(name),
            settings=plain_settings("Run", dict(start), self.layout.dialect),
            trunk=trunks[0] if trunks else Branch(title="primary"),
            branches=tuple(b for b in branches if b not in trunks[:1]),
        )

    def _attributes(self, name: str) -> dict[str, Any]:
        start, stop = self.run.start, self.run.stop
        kind, sub_kind = scan_types(start)
        trunk = next((s for s in self._streams if self._is_trunk(s.survey)), None)
        visited = np.count_nonzero(trunk.navigation.visited()) if trunk else 0
        return {
            **dataset_attributes(start),
            "scan_type": kind,
            "scan_sub_type": sub_kind,
            "scan_name": _text(start, "scan_name") or name,
            "scan_done": bool(stop and stop.get("exit_status") == "success")
            and not any(problem.kind in _INCOMPLETE for problem in self.problems),
            "uid": self.run.uid,
            "plan_name": _text(start, "plan_name"),
            "exit_status": str(stop.get("exit_status", "")) if stop else "no stop",
            "reason": str(stop.get("reason", "")) if stop else "",
            "points_visited": int(visited),
        }

    def _branch(self, stream: _Stream) -> Branch:
        navigation = stream.navigation
        modules = gather_modules(
            self.run.start,
            stream.survey,
            stream.number,
            {k.name: p for k, p in stream.plans.items() if k.group == "data"}
            | self._deposit.plans(stream.number),
            navigation.shape,
            self.layout.dialect,
        )
        started = self.run.start.get("time")
        return Branch(
            title=stream.survey.name,
            started=float(started) if isinstance(started, (int, float)) else 0.0,
            shape=navigation.shape,
            axes=navigation.axes,
            spread=navigation.distribution == "spread",
            growing=navigation.growing,
            modules=modules,
            timestamps=_timestamps(self.run.start, stream)
            if stream.survey.rows
            else None,
            visited=_visited(navigation) if navigation.index.size else None,
            visits=navigation.index,
        )

    def _target(self, made: MakeArray, array: Array) -> MakeArray | MakeVirtual:
        """Note where the values of an array go; what is all visited needs no fill."""
        if not isinstance(array.data, ColumnRef):
            return made
        stream = self._streams[array.data.stream]
        external = self._deposit.placed(stream.number, array.data.key, made)
        if external is not None:
            return external
        if stream.navigation.visited().all():
            made = replace(made, fill=None)
        staying = stream.staying.get(array.data.key)
        if staying is not None:
            made = replace(made, place=staying.place)
        target = _Target(made.path, made, stream.navigation)
        stream.targets[array.data.key] = target
        return made

    def _hold_small(self) -> None:
        """Small arrays are written once, as a whole."""
        room = _HELD_TOTAL
        for stream in self._streams:
            for target in stream.targets.values():
                made = target.array
                size = math.prod(made.shape) * made.dtype.itemsize
                if made.place is None and size <= min(room, _HELD_BYTES):
                    room -= size
                    fill = made.fill if made.fill is not None else 0
                    target.held = np.full(made.shape, fill, made.dtype)

    # ---------------------------------------------------------------- the values

    def _values(self, store: DocumentStore) -> Iterator[Operation]:
        for item in Sorter().sort(self.source()):
            if isinstance(item, Loose):
                yield from store.loose(item)
            else:
                yield from self._block(self._streams[item.stream], item, store)
        for stream in self._streams:
            for target in stream.targets.values():
                yield from target.rest()

    def _block(
        self, stream: _Stream, block: Block, store: DocumentStore
    ) -> Iterator[Operation]:
        rows = slice(stream.row, stream.row + block.rows)
        for key, plan in stream.plans.items():
            values = block.columns.get(key)
            encoded = plan.encode(_or_absent(values, block.rows))
            target = stream.targets.get(key.name) if key.group == "data" else None
            if target is not None and encoded.base is not None:
                yield from target.write(rows, encoded.base)
            yield from store.rows(stream.number, key, rows, encoded)
        yield from store.end_block(stream.number, rows)
        stream.row = rows.stop


def dataset_attributes(start: Mapping[str, Any]) -> dict[str, str]:
    """Who measured what and when, as PyMoDAQ asks for it at a dataset and a scan."""
    return {
        "author": _text(start, "author", "operator", "user", "login_id"),
        "date_time": _date(start.get("time")),
        "sample": _text(start, "sample", "sample_name"),
        "experiment_type": _text(start, "experiment_type", "purpose"),
        "description": _text(start, "description", "comment"),
    }


def _or_absent(values: Any, rows: int) -> Any:
    return [ABSENT] * rows if values is None else values


def _text(start: Mapping[str, Any], *names: str) -> str:
    """The first of some members that says something, as text."""
    for name in names:
        value = start.get(name)
        if isinstance(value, Mapping):
            value = cast(Mapping[str, Any], value).get("name")
        if isinstance(value, (str, int, float)) and value != "":
            return str(value)
    return ""


def _date(time: Any) -> str:
    """Local date and time of the start, to the second, as ISO text."""
    try:
        return datetime.datetime.fromtimestamp(float(time)).isoformat(" ", "seconds")
    except (TypeError, ValueError, OverflowError, OSError):
        return ""


def _timestamps(start: Mapping[str, Any], stream: _Stream) -> Array:
    """Seconds since the start of the run at each point, as PyMoDAQ 5 has it."""
    navigation = stream.navigation
    began = start.get("time")
    seconds = np.array(stream.survey.times)
    seconds -= float(began) if isinstance(began, (int, float)) else 0.0
    if len(seconds) != navigation.size or not navigation.in_order():
        times, inside = seconds, navigation.index < navigation.size
        seconds = np.full(navigation.size, np.nan)
        seconds[navigation.index[inside]] = times[inside]
    return Array(label="Timestamps", units="s", data=seconds.reshape(navigation.shape))


def _visited(navigation: Navigation) -> Array:
    """1 where a point was measured: a NaN can be a measured value, and 0 often is."""
    return Array(label="Visited", data=navigation.visited().astype(np.uint8))
