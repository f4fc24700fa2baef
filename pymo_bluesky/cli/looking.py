"""Commands that look at datasets: `ls`, `show` and `validate`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FormatError, printable
from .common import (
    FINE,
    PROBLEMS,
    Command,
    add_paths,
    add_scan,
    named_datasets,
    tell_error,
)

if TYPE_CHECKING:
    from ..reader import Scan

__all__ = ["LS", "SHOW", "VALIDATE"]


def _add_ls(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, nargs="*", default=[Path()])


def _ls(options: argparse.Namespace) -> int:
    status = FINE
    for path in named_datasets(options.paths):
        try:
            _print_scans(path)
        except FormatError as error:
            tell_error(str(error))
            status = PROBLEMS
    return status


def _print_scans(path: Path) -> None:
    from ..reader import open_dataset

    with open_dataset(path) as dataset:
        print(f"{path}  {dataset.layout}")
        for line in _aligned([_cells(scan) for scan in dataset.scans]):
            print(f"  {line}")


def _cells(scan: Scan) -> list[str]:
    about = scan.attributes
    points = " x ".join(map(str, scan.shape))
    return [
        scan.name,
        str(about.get("date_time") or ""),
        str(about.get("plan_name") or about.get("scan_type") or ""),
        f"{points} points" if points else "one point",
        str(about.get("exit_status") or ""),
        scan.uid[:8],
    ]


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{c:<{width}}" for c, width in zip(row, widths, strict=True) if width)
        yield "  ".join(cells).rstrip()


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the dataset")
    add_scan(parser)
    parser.add_argument(
        "--settings", action="store_true", help="the settings of each module too"
    )


def _show(options: argparse.Namespace) -> int:
    from ..reader import open_dataset

    with open_dataset(options.file) as dataset:
        shown = dataset if options.scan is None else dataset.scans[options.scan]
        print(shown.tree(settings=options.settings))
    return FINE


def _add_validate(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, nargs="+")
    parser.add_argument(
        "--strict", action="store_true", help="let warnings count as problems too"
    )


def _validate(options: argparse.Namespace) -> int:
    from ..reader import validate

    bad = False
    for path in named_datasets(options.paths):
        problems = validate(path)
        for problem in problems:
            print(problem if problem.loc == str(path) else f"{path}: {problem}")
            bad |= options.strict or problem.severity == "error"
        if not problems:
            print(f"{path}: nothing is wrong")
    return PROBLEMS if bad else FINE


LS = Command(
    "ls", "list datasets and their scans", "of any version of PyMoDAQ", _add_ls, _ls
)
SHOW = Command(
    "show",
    "show a dataset as a tree",
    "its scans with their axes, modules, regions of interest",
    _add_show,
    _show,
)
VALIDATE = Command(
    "validate",
    "say all that is wrong with datasets",
    "values are not read; the exit code is 1 when there are errors",
    _add_validate,
    _validate,
)
