"""The command that lets a shell complete all others; knows no datasets."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from ..errors import MissingExtraError
from .common import FINE, Command

__all__ = ["completion"]

_SHELLS = ("bash", "zsh")
_FOLDERS = ("DIR",)
_FILES = ("FILE", "FILE|-", "PATH", "SOURCE", "TARGET")


def completion(parser: Callable[[], argparse.ArgumentParser]) -> Command:
    """The command for a parser, which is made when it is asked for."""

    def run(options: argparse.Namespace) -> int:
        try:
            import shtab  # pyright: ignore[reportMissingImports]
        except ModuleNotFoundError as error:
            raise MissingExtraError.of("shtab", "completion") from error
        whole = parser()
        for action in _actions(whole):
            if action.metavar in _FOLDERS:
                action.complete = shtab.DIRECTORY  # pyright: ignore
            elif action.metavar in _FILES:
                action.complete = shtab.FILE  # pyright: ignore
        print(shtab.complete(whole, options.shell))
        return FINE

    return Command(
        "completion",
        "print a script that lets a shell complete these commands",
        "for bash: source <(pymo-bluesky completion bash)",
        _add,
        run,
    )


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, help="the shell")


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments of a parser and of its commands."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for below in action.choices.values():
                yield from _actions(below)
        else:
            yield action
