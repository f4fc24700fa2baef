"""Commands that look into datasets: `show` and `validate`; they read no values."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .common import (
    FINE,
    PROBLEMS,
    Command,
    add_paths,
    add_scan,
    named_datasets,
    one_dataset,
)

__all__ = ["SHOW", "VALIDATE"]


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the dataset")
    add_scan(parser)
    parser.add_argument(
        "--settings", action="store_true", help="the settings of each module too"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object: all but the values, settings included",
    )


def _show(options: argparse.Namespace) -> int:
    from ..reader import open_dataset
    from .describing import dataset_about

    with open_dataset(one_dataset(options.file)) as dataset:
        chosen = None if options.scan is None else dataset.scans[options.scan]
        if options.json:
            about = dataset_about(dataset, [chosen] if chosen else dataset.scans)
            print(json.dumps(about))
        else:
            print((chosen or dataset).tree(settings=options.settings))
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


SHOW = Command(
    "show",
    "show a dataset as a tree",
    "its scans with their axes, modules, regions of interest, and its log",
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
