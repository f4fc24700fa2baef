"""Documents with their external data filled in; opens other files than the dataset.

Values come from the copies in the dataset, if it has them; else from the files that the
documents name, where `relocate` says that they are now.
"""

from __future__ import annotations

import bisect
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..allowed import Allowed
from ..assets import AssetSurvey, External, Key, Wanted
from ..assets.cutting import Cut, cut_of
from ..assets.resources import Source
from ..assets.sources import AssetFiles
from ..errors import FormatError, NotFoundError, PymoError
from ..replaying import ScanNode, loose_documents, replay_stored, stored_index
from ..replaying.loose import text_lines
from ..values import from_json

__all__ = ["Notes", "Whereabouts", "replay_filled"]

log = logging.getLogger("pymo_bluesky")
Document = dict[str, Any]


@dataclass(slots=True)
class Notes:
    """What a scan notes of its external data.

    Attributes
    ----------
    files
        Name of each file from the dataset's folder, by the path in the documents.
    arrays
        What the tree shows of a data key, and how.
    """

    files: dict[str, str] = field(default_factory=dict[str, str])
    arrays: dict[Key, dict[str, Any]] = field(default_factory=dict[Key, dict[str, Any]])

    @classmethod
    def read(cls, scan: ScanNode) -> Notes:
        """Read them; of what is noted twice, the last counts."""
        notes = cls()
        for line in text_lines(scan, "External"):
            kind, *rest = cast(list[Any], from_json(line))
            if kind == "file":
                path, name = rest
                notes.files[str(path)] = str(name)
            elif kind == "array":
                stream, name, about = rest
                notes.arrays[Key(stream, name)] = about
        return notes


class Whereabouts:
    """Where files are now, by the paths that the documents tell.

    Parameters
    ----------
    notes
        Of the scan.
    folder
        Of the dataset.
    """

    def __init__(self, notes: Notes, folder: Path) -> None:
        self._notes = notes
        self._folder = folder
        self._known: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        """Where a file, a folder, or what the names of files begin with is now."""
        if path not in self._known:
            self._known[path] = self._found(path)
        return self._known[path]

    def _found(self, path: str) -> str:
        told = Path(path)
        for place in (told, *told.parents):
            name = self._notes.files.get(str(place))
            if name is not None:
                now = self._folder / name / told.relative_to(place)
                return str(now) if is_there(now) else path
        return path


def is_there(path: Path) -> bool:
    """Whether there is a file or folder, or files whose names begin so."""
    name = path.name
    try:
        if path.exists() or name in ("", ".."):
            return path.exists()
        # Of a name that has its suffix, `a.h5`, `a.h5.bak` is another file.
        ends = "." if path.suffix else ""
        names = (p.name for p in path.parent.iterdir())
        return any(
            one.startswith(name) and not (ends and one[len(name)] == ends)
            for one in names
        )
    except (OSError, ValueError):
        return False


def replay_filled(
    scan: ScanNode, folder: Path, allowed: Allowed, *, pages: bool = False
) -> Iterator[tuple[str, Document]]:
    """The documents of a scan, external data filled into its events.

    As `event_model.Filler` does it: ``data[key]`` is the array, and ``filled[key]`` the
    id of its datum (True where stream datums told of it, which have no id for one
    event). What cannot be read stays as it was, and a line of the log says why.

    Parameters
    ----------
    scan
        Group of the scan.
    folder
        Of its dataset.
    allowed
        Where files may be that are opened.
    pages
        Give event pages in place of single events.

    Raises
    ------
    FormatError
        When the document store is damaged.
    """
    notes = Notes.read(scan)
    where = Whereabouts(notes, folder)
    with AssetFiles(folder, locate=where, allowed=allowed) as files:
        filling = _Filling.of(scan, notes, files)
        for name, doc in replay_stored(scan, pages=pages):
            if name == "event":
                doc = filling.event(doc)
            elif name == "event_page":
                doc = filling.page(doc)
            elif name == "descriptor":
                filling.begun.add(str(doc.get("uid")))
            yield name, doc


@dataclass(slots=True)
class _Copies:
    """Copies of the values of one data key in the dataset."""

    array: ScanNode
    beside: ScanNode | None
    value: tuple[int, ...]
    firsts: list[int]
    counts: list[int]
    points: ScanNode | None
    shape: tuple[int, ...]
    streamed: bool
    _points: np.ndarray | None = None

    @classmethod
    def of(cls, scan: ScanNode, key: Key, about: Mapping[str, Any]) -> _Copies | None:
        """The copies that a note tells of; None when it tells of a link."""
        if about.get("mode") != "embed":
            return None
        array = scan.get(about["tree"])
        if array is None:
            raise FormatError(
                f"{scan.path}/{about['tree']} is missing: it held {key.name!r}"
            )
        stream = (stored_index(scan) or {})["streams"][key.stream]
        return cls(
            array=array,
            beside=scan.get(about["beside"]) if about.get("beside") else None,
            value=tuple(about["value"]),
            firsts=[first for first, _ in about["rows"]],
            counts=[count for _, count in about["rows"]],
            points=None
            if stream["in_order"]
            else scan.get(f"Documents/Events{key.stream:03d}/Point"),
            shape=tuple(stream["shape"]),
            streamed=bool(about.get("streamed")),
        )

    def get(self, row: int, seq_num: Any) -> np.ndarray | None:
        """The value of a row; None when it was not copied."""
        number = seq_num if self.streamed else row
        if type(number) is not int:
            return None
        at = bisect.bisect_right(self.firsts, number) - 1
        if at < 0 or number - self.firsts[at] >= self.counts[at]:
            return None
        if self.points is not None and self._points is None:
            self._points = np.asarray(self.points[()])
        point = row if self._points is None else int(self._points[row])
        size = int(np.prod(self.shape))
        if point < size:
            place = tuple(int(i) for i in np.unravel_index(point, self.shape))
            return np.asarray(self.array[place]).reshape(self.value)
        if self.beside is None or self.streamed:
            return None
        return np.asarray(self.beside[point - size]).reshape(self.value)


@dataclass(slots=True)
class _Filling:
    """Fills the events of one scan, in their order."""

    survey: AssetSurvey
    files: AssetFiles
    streamed: dict[int, list[External]]
    copies: dict[Key, _Copies]
    begun: set[str] = field(default_factory=set[str])
    _rows: dict[int, int] = field(default_factory=dict[int, int])
    _cuts: dict[tuple[Key, Source], Cut] = field(
        default_factory=dict[tuple[Key, Source], Cut]
    )
    _told: set[str] = field(default_factory=set[str])

    @classmethod
    def of(cls, scan: ScanNode, notes: Notes, files: AssetFiles) -> _Filling:
        """Read first what all documents say: a datum can come behind its event."""
        survey = AssetSurvey()
        for name, doc in loose_documents(scan):
            survey.add(name, doc)
        streamed: dict[int, list[External]] = {}
        for external in survey.streamed():
            streamed.setdefault(external.key.stream, []).append(external)
        found = {k: _Copies.of(scan, k, about) for k, about in notes.arrays.items()}
        copies = {key: one for key, one in found.items() if one is not None}
        return cls(survey, files, streamed, copies)

    def event(self, doc: Document) -> Document:
        """An event, filled as far as it can be."""
        stream, row = self._next_rows(doc, 1)
        if stream is None:
            return doc
        data, filled = dict(doc["data"]), dict(doc.get("filled") or {})
        times = dict(doc["timestamps"])
        for key in self._unfilled(stream, data, filled):
            value = self._of_datum(Key(stream, key), row, data[key])
            if value is not None:
                data[key], filled[key] = value, data[key]
        for external in self.streamed.get(stream, ()):
            name = external.key.name
            value = self._of_stream(external, row, doc.get("seq_num"))
            if value is not None and name not in data:
                data[name], filled[name], times[name] = value, True, doc.get("time")
        return {**doc, "data": data, "timestamps": times, "filled": filled}

    def page(self, doc: Document) -> Document:
        """An event page, filled as far as it can be."""
        seq_nums: Sequence[Any] = doc.get("seq_num", ())
        stream, row = self._next_rows(doc, len(seq_nums))
        if stream is None:
            return doc
        data, filled = dict(doc["data"]), dict(doc.get("filled") or {})
        times = dict(doc["timestamps"])
        first = {name: column[0] for name, column in filled.items() if len(column)}
        for key in self._unfilled(stream, {k: v[0] for k, v in data.items()}, first):
            ids = list(data[key])
            values = [
                self._of_datum(Key(stream, key), row + n, one)
                for n, one in enumerate(ids)
            ]
            pairs = list(zip(values, ids, strict=True))
            data[key] = [one if value is None else value for value, one in pairs]
            filled[key] = [False if value is None else one for value, one in pairs]
        for external in self.streamed.get(stream, ()):
            name = external.key.name
            values = [
                self._of_stream(external, row + n, int(s))
                for n, s in enumerate(seq_nums)
            ]
            if name not in data and all(value is not None for value in values):
                data[name], filled[name] = values, [True] * len(values)
                times[name] = list(doc["time"])
        return {**doc, "data": data, "timestamps": times, "filled": filled}

    def _next_rows(self, doc: Document, rows: int) -> tuple[int | None, int]:
        """The stream of an event, and its first row in it; None: it is of no stream."""
        uid = doc.get("descriptor")
        fits = type(doc.get("data")) is dict and type(doc.get("timestamps")) is dict
        stream = self.survey.stream_of(uid) if fits and uid in self.begun else None
        if stream is None:
            return None, 0
        row = self._rows.get(stream, 0)
        self._rows[stream] = row + rows
        return stream, row

    def _unfilled(
        self, stream: int, data: Mapping[str, Any], filled: Mapping[str, Any]
    ) -> list[str]:
        return [
            key
            for key, value in data.items()
            if isinstance(value, str)
            and not filled.get(key)
            and (key in filled or "external" in self.survey.about(Key(stream, key)))
        ]

    def _of_datum(self, key: Key, row: int, datum_id: Any) -> np.ndarray | None:
        if not isinstance(datum_id, str):
            return None
        found = self._copied(key, row, None)
        if found is not None:
            return found
        return self._read(key, self.survey.wanted_of(datum_id), 1)

    def _of_stream(
        self, external: External, row: int, seq_num: Any
    ) -> np.ndarray | None:
        found = self._copied(external.key, row, seq_num)
        if found is not None:
            return found
        place = external.ranges.find(seq_num) if type(seq_num) is int else None
        if place is None:
            return None
        wanted = Wanted(external.sources[place[0]], place[1])
        return self._read(external.key, wanted, external.ranges.each)

    def _copied(self, key: Key, row: int, seq_num: Any) -> np.ndarray | None:
        copies = self.copies.get(key)
        return None if copies is None else copies.get(row, seq_num)

    def _read(self, key: Key, wanted: Wanted, each: int) -> np.ndarray | None:
        try:
            return self.files.read(wanted, self._cut(key, wanted.source, each))
        except PymoError as error:
            place = wanted.source.path or wanted.source.spec
            if place not in self._told:
                self._told.add(place)
                log.warning("%r stays unfilled: %s", key.name, error)
            return None

    def _cut(self, key: Key, source: Source, each: int) -> Cut | None:
        if source.form in ("files", "other"):
            return None
        if (key, source) not in self._cuts:
            found = self.files.find(source)
            cut = cut_of(source, found, self.survey.about(key), each)
            if cut is None:
                raise NotFoundError(f"{source.path} holds no row of values")
            self._cuts[key, source] = cut
        return self._cuts[key, source]
