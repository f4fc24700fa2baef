"""The command that compares datasets with their digests: `verify`."""

from __future__ import annotations

import argparse

from ..errors import CrashError
from .common import FINE, PROBLEMS, Command, add_paths, named_datasets

__all__ = ["VERIFY"]


def _add_verify(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, nargs="+")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="let scans without a digest count as problems too",
    )


def _verify(options: argparse.Namespace) -> int:
    from ..isolation import Worker
    from ..verifying import limits_of, told

    bad = False
    paths = list(named_datasets(options.paths))
    # In a process of its own: of some damage HDF5 itself dies.
    with Worker(limits_of(paths)) as worker:
        for path in paths:
            try:
                lines, worst = worker.call(told, path)
            except CrashError as error:
                lines, worst = [f"{path}: {error}"], "error"
            print(*lines, sep="\n")
            bad |= worst == "error" or (options.strict and worst == "warning")
    return PROBLEMS if bad else FINE


VERIFY = Command(
    "verify",
    "compare datasets with the digests they bear",
    "all values are read; the exit code is 1 when something is not as it was written",
    _add_verify,
    _verify,
)
