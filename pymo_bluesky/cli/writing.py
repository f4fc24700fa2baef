"""The command that writes what others publish: `write`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .common import FINE, PROBLEMS, Command, add_compression, compression_chosen

if TYPE_CHECKING:
    from ..remote import Tally

__all__ = ["WRITE"]


def _add_write(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--zmq",
        required=True,
        metavar="ADDRESS",
        help="where bluesky-0MQ-proxy gives documents, such as localhost:5578",
    )
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="base folder of the datasets"
    )
    parser.add_argument(
        "--prefix", default="", help="only what is published with this prefix"
    )
    parser.add_argument(
        "--layout",
        default="pymodaq5",
        metavar="LAYOUT",
        help="pymodaq5, which a living PyMoDAQ opens (default), or pymodaq3",
    )
    add_compression(parser)
    parser.add_argument(
        "--name",
        metavar="TEMPLATE",
        help="path of a dataset below DIR, such as {year}/{sample}_{date}",
    )
    parser.add_argument(
        "--fill-from",
        type=Path,
        metavar="FOLDER",
        help="journals of the publisher: documents that are dropped come from there",
    )
    _add_end(parser)


def _add_end(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs",
        type=int,
        default=0,
        metavar="N",
        help="end after so many runs; by default with Ctrl-C or SIGTERM",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="say only what went wrong, at the end"
    )


def _write(options: argparse.Namespace) -> int:
    from ..remote import write

    asked: list[int] = []

    def ended(tally: Tally) -> bool:
        return bool(asked) or 0 < options.runs <= tally.runs

    def say(line: str) -> None:
        if not options.quiet:
            print(line, flush=True)

    more: dict[str, Any] = {"template": options.name} if options.name else {}
    numbers = (signal.SIGINT, signal.SIGTERM)
    # Asked between two messages: no document is cut off.
    before = [signal.signal(number, lambda n, _: asked.append(n)) for number in numbers]
    try:
        tally = write(
            options.zmq,
            options.directory,
            prefix=options.prefix.encode(),
            fill_from=options.fill_from,
            ended=ended,
            say=say,
            layout=options.layout,
            **compression_chosen(options),
            **more,
        )
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if tally.is_whole:
        say(str(tally))
        return FINE
    print(tally, file=sys.stderr)
    return PROBLEMS


WRITE = Command(
    "write",
    "write what a RunEngine elsewhere publishes over 0MQ",
    "in a process or on a machine of its own, behind bluesky-0MQ-proxy; the exit code "
    "is 1 when something published did not come to be written",
    _add_write,
    _write,
)
