"""One command line to one exit code; knows the names of the commands only."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .._version import VERSION
from ..errors import PymoError
from .common import CUT_OFF, INTERRUPTED, REFUSED, tell_error
from .completing import completion
from .converting import CONVERT
from .documents import REPLAY
from .init import INIT
from .listing import LS
from .looking import SHOW, VALIDATE
from .plotting import PLOT
from .plugins import PLUGINS
from .running import DEMO, RECOVER
from .serving import SERVE
from .terminal import prepare_output
from .verifying import VERIFY
from .writing import WRITE

__all__ = ["main"]

_COMMANDS = (
    *(DEMO, LS, SHOW, PLOT, REPLAY, CONVERT),
    *(VALIDATE, VERIFY, RECOVER, SERVE, WRITE, INIT, PLUGINS),
)

_EXIT_CODES = """\
exit codes of all commands:
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

    Raises
    ------
    SystemExit
        For a wrong usage (code 2), and after ``--help`` and ``--version`` (code 0).

    Examples
    --------
    >>> main(["replay", "no_such_file.h5"])
    2
    """
    try:
        prepare_output()
        options = _parser().parse_args(arguments)
        status = options.run(options)
        sys.stdout.flush()
    except PymoError as error:
        tell_error(str(error))
        return REFUSED
    except BrokenPipeError:  # `pymo-bluesky replay … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_OFF
    except KeyboardInterrupt:
        tell_error("interrupted")
        return INTERRUPTED
    return int(status)


class _Parser(argparse.ArgumentParser):
    """Tells a wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        tell_error(f"{message} (see {self.prog} --help)")
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
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (*_COMMANDS, completion(_parser)):
        about = f"{command.about}; {command.more}" if command.more else command.about
        made = commands.add_parser(
            command.name,
            help=command.about,
            description=f"{about}.",
            epilog="exit codes: 0 done, 1 problems were found, 2 could not be done",
        )
        command.add_arguments(made)
        made.set_defaults(run=command.run)
    return parser
