"""The command that gives documents: `replay`."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import JournalError, WriteError, printable
from ..publishing import publish
from .common import FINE, PROBLEMS, Command, add_scan, one_dataset, tell_error
from .serving import add_to_tiled, replay_to_tiled

__all__ = ["REPLAY"]


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the dataset")
    add_scan(parser)
    parser.add_argument(
        "--jsonl",
        nargs="?",
        const="-",
        metavar="FILE|-",
        help='write lines {"name": ..., "doc": ...} to a new file, or here (-, or '
        "nothing)",
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="tag what JSON cannot say (arrays, tuples, NaN), so that it can be read "
        "back as it was",
    )
    parser.add_argument(
        "--pages", action="store_true", help="event pages in place of events"
    )
    parser.add_argument(
        "--fill",
        action="store_true",
        help="fill in what detectors wrote into other files; opens those files",
    )
    parser.add_argument(
        "--external",
        type=Path,
        action="append",
        metavar="DIR",
        help="with --fill: a folder where those files may be (default: near the "
        "dataset); can be given again",
    )
    _add_follow(parser)
    add_to_tiled(parser)


def _add_follow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--follow",
        action="store_true",
        help="go on with runs that have not stopped, like tail -f, until they have",
    )
    _add_seconds(parser, "--poll", 0.2, "with --follow: how often to look")
    _add_seconds(
        parser,
        "--timeout",
        None,
        "with --follow: give up when a run is silent for so long",
    )
    _add_seconds(
        parser,
        "--linger",
        0.0,
        "with --follow: how long to wait for another run when all have stopped",
    )


def _add_seconds(
    parser: argparse.ArgumentParser, name: str, default: float | None, about: str
) -> None:
    parser.add_argument(name, type=float, default=default, metavar="S", help=about)


def _replay(options: argparse.Namespace) -> int:
    if options.to_tiled is not None:
        return replay_to_tiled(options)
    from ..reader import replay

    documents = replay(
        one_dataset(options.file),
        scan=options.scan,
        pages=options.pages,
        fill=options.fill,
        external=options.external or False,
        follow=options.follow,
        poll=options.poll,
        timeout=options.timeout,
        linger=options.linger,
    )
    try:
        _give(documents, options)
    except JournalError as error:
        if not options.follow:
            raise
        tell_error(str(error))  # behind all that came
        return PROBLEMS
    return FINE


def _give(
    documents: Iterator[tuple[str, dict[str, Any]]], options: argparse.Namespace
) -> None:
    if options.jsonl is None:
        _summarise(documents, live=options.follow)
        return
    from ..replaying.jsonl import to_line

    with _output(options.jsonl, live=options.follow) as file:
        for name, doc in documents:
            file.write(to_line(name, doc, exact=options.exact) + "\n")
            if options.follow:
                file.flush()


@contextlib.contextmanager
def _output(target: str, *, live: bool = False) -> Iterator[IO[str]]:
    """The standard output for ``-``, else a new file that is there when it is whole.

    A live one is there from the beginning, for others to read.
    """
    if target == "-":
        yield sys.stdout
        return
    final = Path(target)
    draft = final.with_name(f".{final.name}.{os.getpid()}")
    if os.path.lexists(final):
        raise WriteError(f"{final} exists already and is not replaced; give a new name")
    try:
        with (final if live else draft).open("x", encoding="ascii") as file:
            yield file
        if not live:
            publish(draft, final)
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"{final} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _summarise(
    documents: Iterator[tuple[str, dict[str, Any]]], *, live: bool = False
) -> None:
    """Print one line for each document, and (not live) one for all events in a row."""
    waiting: list[int] = []

    def end_events() -> None:
        if waiting:
            print(f"  event       {waiting[0]} to {waiting[-1]}", flush=live)
            waiting.clear()

    for name, doc in documents:
        if name in ("event", "event_page"):
            numbers = doc["seq_num"]
            waiting.extend(numbers if isinstance(numbers, list) else [numbers])
            if live:
                end_events()
            continue
        end_events()
        print(printable(_line_of(name, doc)), flush=live)
    end_events()


def _line_of(name: str, doc: dict[str, Any]) -> str:
    if name == "start":
        about = f"{doc.get('plan_name', 'run')} {doc.get('scan_id', '')}".strip()
        return f"start       {doc.get('uid')}  {about}"
    if name == "descriptor":
        keys = ", ".join(doc.get("data_keys", ()))
        return f"  descriptor  {doc.get('name', 'primary')}: {keys}"
    if name == "stop":
        return f"stop        {doc.get('exit_status')} {doc.get('reason', '')}".rstrip()
    return f"  {name:<10}  {doc.get('uid') or doc.get('datum_id')}"


REPLAY = Command(
    "replay",
    "give the documents of a dataset",
    "as a summary, or as lines of JSON",
    _add_replay,
    _replay,
)
