"""What a run holds, found by one pass over its blocks; knows no layout and no file."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from ..assets import AssetSurvey
from ..blocks import Block, ColumnKey, Document, Loose, Page, Sorter
from ..columns import ColumnSurvey, Uniform
from ..columns.signatures import PLAIN
from ..errors import Problem

__all__ = [
    "RunSurvey",
    "StreamSurvey",
    "dimension_fields",
    "dimension_stream",
    "survey_run",
]

_SEQ_NUM = ColumnKey("", "seq_num")
_DESCRIPTOR = ColumnKey("", "descriptor")
_TIME = ColumnKey("", "time")
_MOST = 2**62


@dataclass(slots=True)
class StreamSurvey:
    """One stream: its descriptors, and what kinds of values its columns took.

    Attributes
    ----------
    seq_nums, times
        Of each row; row number and NaN where a document has none.
    positions
        Values of the scalars of moved objects, by data key; NaN where not a number.
    pages
        Rows of each page, and which of its columns came as arrays.
    places
        Where the rows lie of columns whose values may stay where they are, by data
        key; -1 for those that lie nowhere.
    """

    name: str
    descriptors: list[Mapping[str, Any]] = field(
        default_factory=list[Mapping[str, Any]]
    )
    rows: int = 0
    columns: dict[ColumnKey, ColumnSurvey] = field(
        default_factory=dict[ColumnKey, ColumnSurvey]
    )
    seq_nums: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    positions: dict[str, array[float]] = field(
        default_factory=dict[str, "array[float]"]
    )
    pages: list[Page] = field(default_factory=list[Page])
    places: dict[str, array[int]] = field(default_factory=dict[str, "array[int]"])

    @property
    def points(self) -> int:
        """Events without those that a rewind repeated."""
        highest = np.maximum.accumulate(np.asarray(self.seq_nums))
        return min(self.rows, 1) + int(np.count_nonzero(np.diff(highest)))

    @property
    def is_external(self) -> bool:
        """Whether its values are to come as stream datums, and no events did."""
        keys = [descriptor.get("data_keys") for descriptor in self.descriptors]
        about = [a for k in keys if isinstance(k, Mapping) for a in _values_of(k)]
        return not self.rows and any(
            isinstance(a, Mapping)
            and str(cast(Mapping[str, Any], a).get("external")).startswith("STREAM")
            for a in about
        )

    def add(self, block: Block, moved: frozenset[str]) -> None:
        """Take note of a block."""
        for key, values in block.columns.items():
            column = self.columns.get(key)
            if column is None:
                column = ColumnSurvey(repeats=key == _DESCRIPTOR)
                self.columns[key] = column
                column.add_absent(self.rows)
            column.add(values)
            if type(values) is Uniform and getattr(values.base, "stay", False):
                here = self.places.setdefault(key.name, array("q"))
                here.extend([-1] * (self.rows - len(here)))
                here.extend(cast(Any, values.base).places.tolist())
        for key in self.columns.keys() - block.columns.keys():
            self.columns[key].add_absent(block.rows)
        self._follow(block, moved)
        self.rows += block.rows
        self.pages.extend(block.pages or ())

    def _follow(self, block: Block, moved: frozenset[str]) -> None:
        numbers = _integers(block.columns.get(_SEQ_NUM, ()))
        fallback = range(self.rows + 1, self.rows + block.rows + 1)
        self.seq_nums.extend(fallback if numbers is None else numbers)
        self.times.extend(_numbers(block.columns.get(_TIME, ()), block.rows))
        for key, values in block.columns.items():
            if key.group == "data" and key.name in moved:
                if key.name not in self.positions:
                    self.positions[key.name] = array("d", [np.nan] * self.rows)
                self.positions[key.name].extend(_numbers(values, block.rows))
        for name, known in self.positions.items():
            if ColumnKey("data", name) not in block.columns:
                known.extend([np.nan] * block.rows)


def _values_of(mapping: Any) -> list[Any]:
    return list(cast(Mapping[str, Any], mapping).values())


def _integers(values: Any) -> array[int] | None:
    """Values as integers, 0 for those beyond all counting; None when some are none."""
    if isinstance(values, Uniform) and values.signature == PLAIN[int]:
        numbers = values.base.astype(np.int64)
        countable = (numbers > -_MOST) & (numbers < _MOST)
        return array("q", np.where(countable, numbers, 0).tobytes())
    kinds = set(map(type, values))
    if kinds == {int} and min(values) > -_MOST and max(values) < _MOST:
        return array("q", values)
    if not kinds or not all(issubclass(kind, (int, np.integer)) for kind in kinds):
        return None
    return array("q", [n if -_MOST < n < _MOST else 0 for n in map(int, values)])


def _numbers(values: Any, rows: int) -> array[float]:
    """Values as floats; NaN for what is not one number."""
    if len(values) != rows:
        return array("d", [np.nan] * rows)
    if isinstance(values, Uniform) and values.signature in (PLAIN[int], PLAIN[float]):
        return array("d", values.base.astype(np.float64).tobytes())
    if set(map(type, values)) == {float}:
        return array("d", values)
    return array("d", [_number(value) for value in values])


def _number(value: Any) -> float:
    if isinstance(value, (float, int, np.floating, np.integer)):
        try:
            return float(cast(Any, value))
        except OverflowError:
            return np.nan
    if type(value) is np.ndarray:
        given = cast(Any, value)
        if given.size == 1 and given.dtype.kind in "iuf":
            return float(given.reshape(()))
    return np.nan


@dataclass(slots=True)
class RunSurvey:
    """A whole run.

    Attributes
    ----------
    loose
        Events of each stream that form no rows, and are kept as documents only.
    """

    start: Mapping[str, Any]
    sorter: Sorter
    streams: list[StreamSurvey] = field(default_factory=list[StreamSurvey])
    stop: Mapping[str, Any] | None = None
    assets: AssetSurvey = field(default_factory=AssetSurvey)
    loose: Counter[str] = field(default_factory=Counter[str])

    @property
    def uid(self) -> str:
        """Of the run."""
        return str(self.start.get("uid", ""))

    def missing(self) -> Iterator[Problem]:
        """Streams that hold fewer events than the stop document counted.

        An event is missing when the disk refused it, or when a callback that was
        subscribed earlier failed on it.
        """
        counted = self.stop.get("num_events") if self.stop else None
        if not isinstance(counted, Mapping):
            return
        streams = {stream.name: stream for stream in self.streams}
        for name, told in cast(Mapping[str, Any], counted).items():
            stream = streams.get(name)
            here = (stream.points if stream else 0) + self.loose[name]
            outside = stream is not None and stream.is_external
            if isinstance(told, int) and here < told and not outside:
                yield Problem(
                    f"stream {name!r}",
                    "error",
                    "missing-events",
                    f"the run counted {told} events in it, {told - here} of them never "
                    "came to be written",
                )

    def unplaced(self) -> Iterator[Problem]:
        """Streams with events that are among the documents and not in the tree."""
        for name, n in self.loose.items():
            yield Problem(
                f"stream {name!r}",
                "warning",
                "kept",
                f"{n} events have members that form no columns; they are kept exactly "
                "among the documents, and are not in the tree",
            )


def survey_run(documents: Iterable[Document]) -> RunSurvey:
    """Pass over the documents of one run and note what they hold.

    Parameters
    ----------
    documents
        Of one run, its start first.

    Examples
    --------
    >>> survey_run([("start", {"uid": "4b1d"})]).uid
    '4b1d'
    """
    sorter = Sorter()
    run = RunSurvey(start={}, sorter=sorter)
    moved: frozenset[str] = frozenset()
    for item in sorter.sort(documents):
        if isinstance(item, Loose):
            _note(run, item)
            if item.name == "descriptor":
                moved = moved | _moved_keys(run.start, item.doc)
            continue
        run.streams[item.stream].add(item, moved)
        run.assets.add_block(item)
    return run


def _note(run: RunSurvey, item: Loose) -> None:
    run.assets.add(item.name, item.doc)
    if item.name == "start":
        run.start = item.doc
    elif item.name == "stop":
        run.stop = item.doc
    elif item.name in ("event", "event_page"):
        stream = run.sorter.stream_of(item.doc.get("descriptor"))
        if stream is not None:
            seq_nums = item.doc.get("seq_num")
            many = item.name == "event_page" and hasattr(seq_nums, "__len__")
            run.loose[stream] += len(cast(Any, seq_nums)) if many else 1
    elif item.name == "descriptor":
        names = run.sorter.streams
        while len(run.streams) < len(names):
            run.streams.append(StreamSurvey(name=names[len(run.streams)]))
        run.streams[names.index(str(item.doc.get("name")))].descriptors.append(item.doc)


def _moved_keys(
    start: Mapping[str, Any], descriptor: Mapping[str, Any]
) -> frozenset[str]:
    """Data keys of the objects that the plan moves, in one descriptor."""
    fields = {field for fields in dimension_fields(start) for field in fields}
    motors = start.get("motors")
    given = cast(Sequence[Any], motors) if _is_list(motors) else ()
    names = {m for m in given if isinstance(m, str)}
    found = set(fields)
    objects = descriptor.get("object_keys")
    if isinstance(objects, Mapping):
        for name, keys in cast(Mapping[str, Any], objects).items():
            if _is_list(keys) and (name in names or fields & set(keys)):
                found.update(keys)
    return frozenset(found)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def dimension_fields(start: Mapping[str, Any]) -> list[list[str]]:
    """Data keys of each dimension that the plan's hints name, slow to fast."""
    return [fields for fields, _ in _dimensions(start)]


def dimension_stream(start: Mapping[str, Any]) -> str | None:
    """The stream that the plan's dimensions belong to."""
    dimensions = _dimensions(start)
    return dimensions[0][1] if dimensions else None


def _dimensions(start: Mapping[str, Any]) -> list[tuple[list[str], str]]:
    hints = start.get("hints")
    given = cast(Any, hints).get("dimensions") if isinstance(hints, Mapping) else None
    found: list[tuple[list[str], str]] = []
    for entry in cast(list[Any], given) if _is_list(given) else []:
        if not _is_list(entry) or len(entry) != 2 or not _is_list(entry[0]):
            return []
        fields, stream = entry
        if not all(isinstance(f, str) for f in fields) or not isinstance(stream, str):
            return []
        found.append((list(fields), stream))
    return found
