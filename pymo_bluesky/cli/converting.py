"""The command that makes new files of old ones: `convert`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import WriteError, printable
from .common import (
    FINE,
    PROBLEMS,
    Command,
    add_compression,
    compression_chosen,
    tell_error,
)

if TYPE_CHECKING:
    from ..converting import Conversion, Report
    from ..converting.converter import Progress

__all__ = ["CONVERT"]


def _add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=Path,
        metavar="SOURCE",
        help="a dataset, or a folder: then all datasets in it and below; only read",
    )
    parser.add_argument(
        "target",
        type=Path,
        metavar="TARGET",
        help="the new dataset, or the folder for it; nothing in it is replaced",
    )
    _add_making(parser)
    _add_limits(parser)
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="tell of each file of a folder, not only of those that failed",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write what became of each file, as lines of JSON, to a new file",
    )


def _add_making(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--layout",
        default="pymodaq5",
        metavar="LAYOUT",
        help="pymodaq5, which PyMoDAQ 4 and 5 open (default), or pymodaq3",
    )
    add_compression(parser)
    parser.add_argument(
        "--nexus",
        action="store_true",
        help="let silx view, NeXpy and h5web plot each scan when they open the file",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="of a damaged file, convert what can be read; the rest is told by name",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="files at the same time (default: one for each processor)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="time for one file (default: %(default)g)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        default=4.0,
        metavar="GIB",
        help="memory for one file (default: %(default)g)",
    )


def _convert(options: argparse.Namespace) -> int:
    from ..converting import convert
    from ..isolation import Limits

    if options.report is not None and options.report.exists():
        raise WriteError(f"{options.report} exists already and is not replaced")
    limits = Limits(memory=int(options.memory * 2**30), seconds=options.timeout)
    with _bar() as progress:
        report = convert(
            options.source,
            options.target,
            options.layout,
            nexus=options.nexus,
            partial=options.partial,
            isolated=True,
            workers=max(0, options.workers),
            limits=limits,
            progress=progress,
            **compression_chosen(options),
        )
    for result in report:
        lost = result.status == "failed" or result.unreadable or result.changed
        if options.verbose or options.source.is_file() or lost:
            _tell(result)
    print(report)
    if options.report is not None:
        _write(options.report, report)
    return PROBLEMS if report.failed or report.partial else FINE


@contextlib.contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar, where somebody looks."""
    from tqdm import tqdm

    with tqdm(unit="file", disable=not sys.stderr.isatty(), leave=False) as bar:

        def progress(result: Conversion, count: int) -> None:
            bar.total = count
            bar.set_postfix_str(printable(result.source.name), refresh=False)
            bar.update()

        yield progress


def _tell(result: Conversion) -> None:
    if result.status == "failed":
        tell_error(printable(f"{result.source}: {result.reason}"))
        return
    print(printable(str(result)))
    for problem in result.problems:
        print(f"  {problem}")


def _write(path: Path, report: Report) -> None:
    try:
        with path.open("x", encoding="ascii") as file:
            for result in report:
                file.write(json.dumps(result.plain()) + "\n")
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error.strerror}") from error


CONVERT = Command(
    "convert",
    "make new datasets of old ones",
    "of any version of PyMoDAQ, and nothing is lost: what the new layout has no place "
    "for lies in its group Original. Run again, it goes on where it was interrupted; "
    "the exit code is 1 when a file of a folder, or a part of a file, could not be "
    "converted",
    _add_convert,
    _convert,
)
