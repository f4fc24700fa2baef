"""The command that lists PyMoDAQ's plugins: `plugins`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from .common import FINE, PROBLEMS, Command
from .terminal import put_table

if TYPE_CHECKING:
    from ..devices.plugins import Plugin

__all__ = ["PLUGINS"]

_UNTRIED = "not tried"


def _add_plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-import",
        action="store_true",
        help="do not try whether each can be imported, which takes 10 s and more",
    )
    parser.add_argument("--json", action="store_true", help="as a JSON array")


def _plugins(options: argparse.Namespace) -> int:
    from ..devices.plugins import find_plugins

    plugins = find_plugins()
    if options.no_import:
        troubles = [_UNTRIED] * len(plugins)
    else:
        # PyMoDAQ and its plugins print while they are imported.
        with contextlib.redirect_stdout(sys.stderr):
            troubles = [plugin.trouble() for plugin in plugins]
    if options.json:
        print(json.dumps(_as_json(plugins, troubles), indent=2))
    elif plugins:
        _print_table(plugins, troubles)
    else:
        print(
            "there are no PyMoDAQ plugins in this environment; they come with packages "
            'like pymodaq-plugins-mock, PyMoDAQ with "pymo-bluesky[pymodaq]"'
        )
    return PROBLEMS if any(t not in ("", _UNTRIED) for t in troubles) else FINE


def _as_json(plugins: list[Plugin], troubles: list[str]) -> list[dict[str, object]]:
    return [
        {
            **asdict(plugin),
            "importable": None if trouble == _UNTRIED else not trouble,
            "trouble": "" if trouble == _UNTRIED else trouble,
        }
        for plugin, trouble in zip(plugins, troubles, strict=True)
    ]


def _print_table(plugins: list[Plugin], troubles: list[str]) -> None:
    put_table(
        [
            (p.name, p.kind, p.dimension, f"{p.package} {p.version}", trouble or "fine")
            for p, trouble in zip(plugins, troubles, strict=True)
        ]
    )


PLUGINS = Command(
    "plugins",
    "list the installed PyMoDAQ plugins",
    "each of which is an ophyd device by its name; the exit code is 1 when some cannot "
    "be imported",
    _add_plugins,
    _plugins,
)
