"""External data as arrays of the tree: what is shown, and where; opens no file itself.

Whoever records gives an `ExternalFiles`, which looks into the files. A file that is
missing or not understood never costs the run: it is told as a problem, and the
documents are kept as they are in any case.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..assets import AssetSurvey, External, Wanted
from ..assets.cutting import Cut, ExternalFiles, Found, Mode, cut_of
from ..assets.linking import Origin, virtual_parts
from ..assets.resources import Source
from ..columns import ColumnPlan
from ..columns.signatures import Signature, has_place
from ..errors import FormatError, NotFoundError, Problem, PymoError
from ..navigation.points import Navigation, pieces
from ..operations import MakeArray, MakeVirtual, Operation, VirtualPart, WriteSlab

__all__ = ["Shown", "show"]

MOST_FILES = 200
"""Of one virtual array. A reader opens them all and shows nothing, in silence, from
those beyond the limit of its system (256 on some)."""

_WAITING, _WAITING_BYTES = 512, 4 * 2**20
"""Copies that are written together."""

MOST_PARTS = 50_000
"""Of one virtual array; HDF5 opens some 500 for each millisecond."""


@dataclass(slots=True)
class Shown:
    """One external data key as the tree shows it.

    Attributes
    ----------
    external, cut, dtype
        What it is, how its values are cut, and their dtype.
    rows, points
        Of each value that is shown: row (or `seq_num`), and flat point (at or behind
        the number of points: it lies beside the tree, as a rewind left it), (n,) each.
    parts
        Where a virtual array takes its values from.
    path
        Of the array, once it is made.
    missed
        Values that could not be copied after all.
    """

    external: External
    cut: Cut
    dtype: np.dtype[Any]
    rows: np.ndarray
    points: np.ndarray
    mode: Mode
    parts: tuple[VirtualPart, ...] = ()
    path: str = ""
    missed: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def plan(self) -> ColumnPlan:
        """A plan as of a column; without signatures when its values lie elsewhere."""
        kind = Signature("nd", self.dtype.str, self.cut.signal)
        signatures = (kind,) if self.mode == "embed" else ()
        return ColumnPlan(
            signatures=signatures, dtype=self.dtype.str, shape=self.cut.signal
        )

    def placed(self, made: MakeArray) -> MakeArray | MakeVirtual:
        """Note where the array is made; a virtual one takes its place."""
        self.path = made.path
        if self.mode == "embed":
            return made
        return MakeVirtual(
            path=made.path,
            shape=made.shape,
            dtype=made.dtype,
            attributes=made.attributes,
            fill=made.fill,
            parts=self.parts,
        )

    def copied(
        self,
        survey: AssetSurvey,
        files: ExternalFiles,
        shape: Sequence[int],
        beside: str,
    ) -> Iterator[Operation]:
        """The values themselves, one after another.

        Parameters
        ----------
        shape
            Navigation shape.
        beside
            Path of the array for values without a point.
        """
        size = math.prod(shape)
        points, values, waiting = list[int](), list[np.ndarray](), 0
        for point, value in self._values(survey, files):
            if point >= size:
                yield WriteSlab(beside, (point - size,), value)
                continue
            points.append(point)
            values.append(value)
            waiting += value.nbytes
            if waiting >= _WAITING_BYTES or len(points) >= _WAITING:
                yield from self._slabs(points, values, shape)
                points, values, waiting = [], [], 0
        yield from self._slabs(points, values, shape)

    def _values(
        self, survey: AssetSurvey, files: ExternalFiles
    ) -> Iterator[tuple[int, np.ndarray]]:
        for row, wanted in survey.wanted(self.external):
            at = int(np.searchsorted(self.rows, row))
            if at == len(self.rows) or self.rows[at] != row:
                continue
            try:
                value = files.read(wanted, self.cut)
                value = value.astype(self.dtype, casting="same_kind", copy=False)
                yield int(self.points[at]), value.reshape(self.cut.signal)
            except (PymoError, ValueError, TypeError) as error:
                self.missed[row] = str(error)

    def _slabs(
        self, points: Sequence[int], values: Sequence[np.ndarray], shape: Sequence[int]
    ) -> Iterator[Operation]:
        index = np.array(points, np.int64)
        for run in pieces(index, shape):
            part = np.stack(values[run.row : run.row + run.length])
            part = part[::-1] if run.backwards else part
            yield WriteSlab(self.path, (*run.prefix, run.start), part)


def show(
    external: External,
    seq_nums: np.ndarray,
    navigation: Navigation,
    files: ExternalFiles,
    survey: AssetSurvey,
) -> tuple[Shown | None, list[Problem]]:
    """How the tree shows an external data key; None: it does not.

    Parameters
    ----------
    seq_nums, navigation
        Of the rows of its stream.

    Returns
    -------
    Shown or None
        What is shown.
    list of Problem
        What is not, and why.
    """
    look = _Look(external, files, survey)
    rows, values, source = external.ranges.each_row()
    points = _points(rows, external.streamed, seq_nums, navigation)
    there = look.there(values, source)
    look.report(points, there, source)
    inside = navigation.size if files.mode == "link" else 2**62
    keep = there & (points >= 0) & (points < inside)
    if look.cut is None or not keep.any():
        return None, look.problems
    parts: tuple[VirtualPart, ...] = ()
    if files.mode == "link":
        parts = virtual_parts(
            points[keep],
            values[keep] * look.cut.step,
            source[keep],
            look.origins(),
            shape=navigation.shape,
            signal=look.cut.signal,
            frames=look.cut.frames,
        )
    if len(parts) > MOST_PARTS:
        look.tell(keep, f"they lie in {len(parts)} pieces; assets='embed' copies them")
        return None, look.problems
    where = (rows[keep], points[keep])
    shown = Shown(external, look.cut, look.dtype, *where, files.mode, parts)
    return shown, look.problems


def _points(
    rows: np.ndarray, streamed: bool, seq_nums: np.ndarray, navigation: Navigation
) -> np.ndarray:
    """Flat point of each row or seq_num; -1 when it has none."""
    if not streamed:
        return navigation.index[rows]
    points = np.full(len(rows), -1, np.int64)
    if len(seq_nums):
        order = np.argsort(seq_nums, kind="stable")
        ranked = seq_nums[order]
        at = np.searchsorted(ranked, rows, side="right") - 1
        known = (at >= 0) & (ranked[at] == rows)
        points[known] = navigation.index[order[at[known]]]
    return points


@dataclass(slots=True)
class _Look:
    """A look into the sources of one data key: what is there, and what is not."""

    external: External
    files: ExternalFiles
    survey: AssetSurvey
    found: list[Found | None] = field(default_factory=list[Found | None])
    cut: Cut | None = None
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(float))
    problems: list[Problem] = field(default_factory=list[Problem])
    _reasons: dict[int, str] = field(default_factory=dict[int, str])

    def __post_init__(self) -> None:
        firsts = self._firsts()
        for number, source in enumerate(self.external.sources):
            try:
                self.found.append(self._accepted(source, firsts.get(source)))
            except PymoError as error:
                self.found.append(None)
                self._reasons[number] = str(error)
        files = {
            s.path for s, f in zip(self.external.sources, self.found, strict=True) if f
        }
        if self.files.mode == "link" and len(files) > MOST_FILES:
            self.found = [None] * len(self.found)
            reason = (
                f"they lie in {len(files)} files; readers of a virtual array open all "
                f"of them, and show nothing of what is beyond the limit of the system. "
                f"assets='embed' copies them"
            )
            self._reasons = dict.fromkeys(range(len(self.found)), reason)

    def _firsts(self) -> dict[Source, Wanted]:
        """One value of each source that only reading it tells the shape of."""
        asked = {s for s in self.external.sources if s.form in ("files", "other")}
        firsts: dict[Source, Wanted] = {}
        if self.files.mode == "embed" and asked:
            for _, wanted in self.survey.wanted(self.external):
                firsts.setdefault(wanted.source, wanted)
        return firsts

    def _accepted(self, source: Source, first: Wanted | None) -> Found:
        """What was found, if it goes with what was found before."""
        if source.form in ("files", "other"):
            found = self._read(source, first)
        elif source.form != "hdf5" and self.files.mode == "link":
            raise NotFoundError(_only_copied(source))
        else:
            found = self.files.find(source)
        cut = cut_of(source, found, self.external.about, self.external.ranges.each)
        if cut is None or not has_place(cut.signal, found.dtype):
            raise FormatError(
                f"{source.path} holds {found.dtype} of shape {found.shape}, which "
                "PyMoDAQ's arrays cannot show"
            )
        if self.cut is None:
            self.cut, self.dtype = cut, found.dtype
        elif (cut.signal, found.dtype) != (self.cut.signal, self.dtype):
            raise FormatError(
                f"{source.path} holds {found.dtype} of shape {cut.signal}, the first "
                f"file {self.dtype} of shape {self.cut.signal}"
            )
        return found

    def _read(self, source: Source, first: Wanted | None) -> Found:
        if first is None:
            raise NotFoundError(_only_copied(source))
        value = self.files.read(first, None)
        return Found(value.shape, value.dtype)

    def there(self, values: np.ndarray, source: np.ndarray) -> np.ndarray:
        """Which values are there, bool, shape (n,)."""
        if self.cut is None:
            return np.zeros(len(values), bool)
        most = [
            0 if f is None else f.shape[0] if self.cut.frames else 2**62
            for f in self.found
        ]
        ends = values * self.cut.step + self.cut.frames
        known = np.array([f is not None for f in self.found], bool)
        return known[source] & (ends <= np.array(most, np.int64)[source])

    def origins(self) -> list[Origin]:
        """The sources as a virtual array names them."""
        return [
            Origin(self.files.name(s.path), s.dataset, () if f is None else f.shape)
            for s, f in zip(self.external.sources, self.found, strict=True)
        ]

    def report(self, points: np.ndarray, there: np.ndarray, source: np.ndarray) -> None:
        """Tell what is not shown, and why."""
        failed = np.isin(source, list(self._reasons))
        if failed.any():
            n = len(self._reasons)
            more = f" (and {n - 1} more like it)" if n > 1 else ""
            reason = next(iter(self._reasons.values()))
            self.tell(failed, f"{reason}{more}")
        self.tell(~there & ~failed, "their files end before them")
        self.tell(there & (points < 0), "they belong to no event")

    def tell(self, missing: np.ndarray, reason: str) -> None:
        """Tell why some values are not shown."""
        count = int(np.count_nonzero(missing))
        if count:
            key = self.external.key
            where = f"stream {self.survey.stream_name(key.stream)!r}"
            message = (
                f"{count} of {len(missing)} values of {key.name!r} are not shown: "
                f"{reason}"
            )
            self.problems.append(Problem(where, "warning", "external", message))


def _only_copied(source: Source) -> str:
    return (
        f"{source.path or 'no file'} ({source.spec}): only HDF5 can be shown where it "
        "lies; assets='embed' copies what a handler reads"
    )
