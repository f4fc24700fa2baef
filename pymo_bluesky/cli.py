"""The command line `pymo-bluesky`; knows no formats, only what the package offers.

Verbs import what they need when they run: those that read load neither bluesky nor
ophyd.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from ._version import VERSION
from .errors import PymoError, WriteError

__all__ = ["main"]

FINE, PROBLEMS, REFUSED, INTERRUPTED, CUT_OFF = 0, 1, 2, 130, 141

_EXIT_CODES = """\
exit codes:
  0  done, and nothing is wrong
  1  done, and problems were found
  2  could not be done: wrong usage, no such file, no PyMoDAQ dataset, ...
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        By default those of the process.

    Returns
    -------
    int
        Its exit code: 0 done, 1 problems were found, 2 could not be done.

    Examples
    --------
    >>> main(["replay", "no_such_file.h5"])
    2
    """
    try:
        options = _parser().parse_args(arguments)
        status = options.verb(options)
        sys.stdout.flush()
    except PymoError as error:
        _tell_error(str(error))
        return REFUSED
    except BrokenPipeError:  # `pymo-bluesky replay … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except KeyboardInterrupt:
        _tell_error("interrupted")
        return INTERRUPTED
    return int(status)


def _tell_error(message: str) -> None:
    print(f"pymo-bluesky: error: {' '.join(message.split())}", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """Tells a wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        _tell_error(f"{message} (see {self.prog} --help)")
        raise SystemExit(REFUSED)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pymo-bluesky",
        description="Bluesky runs as PyMoDAQ datasets, and PyMoDAQ datasets as Bluesky "
        "documents.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def verb(
        name: str, run: Callable[[Any], int], about: str
    ) -> argparse.ArgumentParser:
        first = about.split(";", maxsplit=1)[0]
        made = verbs.add_parser(name, help=first, description=f"{about}.")
        made.set_defaults(verb=run)
        return made

    _add_demo(verb("demo", _demo, _DEMO))
    _add_replay(verb("replay", _replay, _REPLAY))
    _add_recover(verb("recover", _recover, _RECOVER))
    return parser


# ------------------------------------------------------------------------------- demo

_DEMO = (
    "scan a simulated lab into a dataset; a scan and a snaked grid scan of two "
    "actuators over a photodiode, a spectrometer and a camera, replayed and drawn"
)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo_data"),
        metavar="DIR",
        help="base folder of the datasets (default: %(default)s); nothing in it is "
        "replaced",
    )
    parser.add_argument(
        "--layout",
        default="pymodaq5",
        metavar="LAYOUT",
        help="pymodaq5, which a living PyMoDAQ opens (default), or pymodaq3",
    )


def _demo(options: argparse.Namespace) -> int:
    from .demo import run_demo

    same = run_demo(options.out, layout=options.layout)
    return FINE if same else PROBLEMS


# ----------------------------------------------------------------------------- replay

_REPLAY = "give the documents of a dataset; as a summary, or as lines of JSON"


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the dataset")
    parser.add_argument(
        "--scan",
        metavar="SCAN",
        help="only this one: its name (Scan001), place (0, -1) or the uid of its run",
    )
    parser.add_argument(
        "--jsonl",
        metavar="FILE|-",
        help='write lines {"name": ..., "doc": ...} to a new file, or (-) here',
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


def _replay(options: argparse.Namespace) -> int:
    from .reader import replay

    scan = options.scan
    if scan is not None and scan.lstrip("-").isdecimal():
        scan = int(scan)
    documents = replay(options.file, scan=scan, pages=options.pages)
    if options.jsonl is None:
        _summarise(documents)
        return FINE
    from .jsonl import to_line

    with _output(options.jsonl) as file:
        for name, doc in documents:
            file.write(to_line(name, doc, exact=options.exact) + "\n")
    return FINE


@contextlib.contextmanager
def _output(target: str) -> Iterator[IO[str]]:
    """The standard output for ``-``, else a new file that is there when it is whole."""
    if target == "-":
        yield sys.stdout
        return
    final = Path(target)
    draft = final.with_name(f".{final.name}.{os.getpid()}")
    if os.path.lexists(final):
        raise WriteError(f"{final} exists already and is not replaced")
    try:
        with draft.open("x", encoding="ascii") as file:
            yield file
        draft.rename(final)
    except OSError as error:
        raise WriteError(f"{final} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _summarise(documents: Iterator[tuple[str, dict[str, Any]]]) -> None:
    """Print one line for each document, and one for all events in a row."""
    waiting: list[int] = []

    def end_events() -> None:
        if waiting:
            print(f"  event       {waiting[0]} to {waiting[-1]}")
            waiting.clear()

    for name, doc in documents:
        if name in ("event", "event_page"):
            numbers = doc["seq_num"]
            waiting.extend(numbers if isinstance(numbers, list) else [numbers])
            continue
        end_events()
        print(_line_of(name, doc))
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


# ---------------------------------------------------------------------------- recover

_RECOVER = (
    "make scans of the journals that a crash left; a run that was not recorded to its "
    "end is marked as such"
)


def _add_recover(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="a journal, or a folder of datasets"
    )


def _recover(options: argparse.Namespace) -> int:
    from .recovery import recover

    results = recover(options.path)
    for result in results:
        print(result)
    if not results:
        print(f"{options.path}: there are no journals; nothing is lost")
    return FINE if all(result.scan for result in results) else PROBLEMS
