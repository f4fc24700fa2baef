"""The command that lists scans: `ls`; knows no values."""

from __future__ import annotations

import argparse
import fnmatch
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NotFoundError, Problem
from .common import FINE, PROBLEMS, Command, add_paths, tell_error
from .terminal import put_table

if TYPE_CHECKING:
    from ..catalog.entries import Entry
    from ..catalog.running import OpenRun

__all__ = ["LS"]


@dataclass(frozen=True, slots=True)
class _Line:
    """One run of a listing: its place, its dataset as the user would type it."""

    place: int | None
    path: Path
    scan: str = ""
    uid: str = ""
    scan_id: int | None = None
    time: float = 0.0
    plan: str = ""
    shape: tuple[int, ...] = ()
    detectors: tuple[str, ...] = ()
    status: str = ""

    @classmethod
    def of(cls, place: int, path: Path, entry: Entry) -> _Line:
        return cls(
            place,
            path,
            entry.scan,
            entry.uid,
            entry.scan_id,
            entry.started,
            entry.plan,
            entry.shape,
            entry.detectors,
            entry.status or "no stop",
        )

    @classmethod
    def of_open(cls, path: Path, run: OpenRun) -> _Line:
        start = run.start
        time, number = start.get("time"), start.get("scan_id")
        return cls(
            None,
            path,
            uid=str(start.get("uid") or ""),
            scan_id=number if isinstance(number, int) else None,
            time=float(time) if isinstance(time, int | float) else 0.0,
            plan=str(start.get("plan_name") or ""),
            status=run.status,
        )

    def cells(self) -> list[str]:
        from ..catalog.entries import date_of

        return [
            "-" if self.place is None else str(self.place),
            str(self.path),
            self.scan,
            date_of(self.time),
            self.plan,
            " x ".join(map(str, self.shape)),
            ", ".join(self.detectors),
            self.status,
            self.uid[:8],
        ]

    def json(self) -> str:
        date = datetime.fromtimestamp(self.time).astimezone() if self.time else None
        about: dict[str, Any] = {
            "index": self.place,
            "path": str(self.path),
            "scan": self.scan,
            "uid": self.uid,
            "scan_id": self.scan_id,
            "time": self.time or None,
            "date": date.isoformat() if date else None,
            "plan": self.plan,
            "shape": self.shape,
            "detectors": self.detectors,
            "status": self.status,
        }
        return json.dumps(about)


def _add_ls(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, nargs="*", default=[Path()])
    parser.add_argument(
        "--since",
        type=_moment,
        metavar="DATE",
        help="only runs that began then or later: 2026, 2026-03, 2026-03-01, "
        '"2026-03-01 14:30"',
    )
    parser.add_argument(
        "--until", type=_moment, metavar="DATE", help="only runs that began before"
    )
    parser.add_argument(
        "--plan", metavar="NAME", help='only runs of this plan, or of such: "*grid*"'
    )
    parser.add_argument(
        "--json", action="store_true", help="a JSON object for each run, one a line"
    )


def _moment(text: str) -> float:
    from ..catalog.querying import QueryError, moment

    try:
        return moment(text)
    except QueryError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _ls(options: argparse.Namespace) -> int:
    problems: list[Problem] = []
    lines: list[_Line] = []
    for path in options.paths:
        found, wrong = _of_folder(path) if path.is_dir() else _of_file(path)
        lines += _chosen(found, options)
        problems += wrong
    if options.json:
        for line in lines:
            print(line.json())
    else:
        put_table([line.cells() for line in lines], right=1)
    for problem in problems:
        tell_error(f"{problem.loc}: {problem.message}")
    return PROBLEMS if problems else FINE


def _of_folder(folder: Path) -> tuple[list[_Line], list[Problem]]:
    """Runs of a folder, the oldest first, with the places that a catalog counts."""
    from ..catalog.index import Index
    from ..catalog.running import open_runs

    def shown(path: Path) -> Path:
        return folder / path.relative_to(base)

    base = folder.absolute()
    index = Index(base)
    entries = index.entries()
    lines = [
        _Line.of(number - len(entries), shown(entry.path), entry)
        for number, entry in enumerate(entries)
    ]
    lines += [_Line.of_open(shown(run.path), run) for run in open_runs(base)]
    told = [problem for file in index.files() for problem in file.problems]
    lines += [
        _Line(None, shown(Path(problem.loc)), status="being written")
        for problem in told
        if problem.kind == "busy"
    ]
    return lines, [problem for problem in told if problem.kind != "busy"]


def _of_file(path: Path) -> tuple[list[_Line], list[Problem]]:
    """Scans of a dataset, with their places in it."""
    from ..catalog.index import look_at_one

    if not path.is_file():
        raise NotFoundError(f"there is no file or folder {path}")
    found = look_at_one(path.absolute())
    lines = [_Line.of(place, path, entry) for place, entry in enumerate(found.entries)]
    return lines, list(found.problems)


def _chosen(lines: Iterable[_Line], options: argparse.Namespace) -> Iterator[_Line]:
    for line in lines:
        if options.since is not None and line.time < options.since:
            continue
        if options.until is not None and line.time >= options.until:
            continue
        if options.plan is None or fnmatch.fnmatchcase(line.plan, options.plan):
            yield line


LS = Command(
    "ls",
    "list the scans of datasets, one a line",
    "index, dataset, scan, date, plan, shape, detectors, status and the first letters "
    "of the uid; of any version of PyMoDAQ. In a folder the index is that of "
    "open_catalog(folder)[index], in a file that of --scan",
    _add_ls,
    _ls,
)
