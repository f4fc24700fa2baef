"""What all commands share: exit codes, arguments, how errors are told."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NotFoundError
from ..folders import datasets_below

__all__ = [
    "CUT_OFF",
    "FINE",
    "INTERRUPTED",
    "PROBLEMS",
    "REFUSED",
    "Command",
    "add_compression",
    "add_paths",
    "add_scan",
    "compression_chosen",
    "named_datasets",
    "one_dataset",
    "scan_key",
    "tell_error",
]

FINE, PROBLEMS, REFUSED = 0, 1, 2
# What a shell expects of a program that was ended by SIGINT, or by SIGPIPE.
INTERRUPTED, CUT_OFF = 130, 141


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes
    ----------
    name, about, more
        As it is typed; what it does, in few words, and in more words.
    add_arguments
        Tells the parser what it takes.
    run
        Does it; returns the exit code.
    """

    name: str
    about: str
    more: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def tell_error(message: str) -> None:
    """Say what went wrong, in one line on the standard error."""
    print(f"pymo-bluesky: error: {' '.join(message.split())}", file=sys.stderr)


def add_compression(parser: argparse.ArgumentParser) -> None:
    """Let it be chosen how the arrays of new datasets are compressed."""
    parser.add_argument(
        "--compression",
        metavar="LIBRARY",
        help="of arrays: gzip; or lz4, bitshuffle or zstd, which need the extra "
        "'compression' here and hdf5plugin where they are read; or none (the default)",
    )
    parser.add_argument(
        "--compression-level",
        type=int,
        metavar="N",
        help="from 0 (none) to 9 (smallest)",
    )


def compression_chosen(options: argparse.Namespace) -> dict[str, Any]:
    """What `add_compression` asks for, as a writer takes it."""
    return {
        "compression": options.compression,
        "compression_level": options.compression_level,
    }


def add_paths(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Let datasets, and folders of them, be chosen."""
    parser.add_argument(
        "paths",
        type=Path,
        metavar="PATH",
        help="a dataset, or a folder: then all datasets in it and below",
        **options,
    )


def named_datasets(paths: Sequence[Path]) -> Iterator[Path]:
    """Datasets that are named, or lie in folders that are."""
    for path in paths:
        if path.is_dir():
            yield from (found for found, _ in datasets_below(path))
        else:
            yield path


def one_dataset(path: Path) -> Path:
    """The path of one dataset.

    Raises
    ------
    NotFoundError
        When it is that of a folder.
    """
    if not path.is_dir():
        return path
    first = next((found for found, _ in datasets_below(path)), None)
    example = f", for example {first}" if first else "; it holds none"
    raise NotFoundError(
        f"{path} is a folder, and this command takes one dataset of it{example}. "
        f"`pymo-bluesky ls {path}` lists what it holds"
    )


def add_scan(parser: argparse.ArgumentParser) -> None:
    """Let one scan of a dataset be chosen."""
    parser.add_argument(
        "--scan",
        type=scan_key,
        metavar="SCAN",
        help="only this one: its name (Scan001), place (0, -1) or the uid of its run",
    )


def scan_key(text: str) -> int | str:
    """The key of a scan, from what was typed."""
    return int(text) if re.fullmatch(r"-?\d{1,6}", text) else text
