"""Commands that share datasets: `serve`, and `replay --to-tiled`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .common import FINE, PROBLEMS, Command, tell_error

__all__ = ["SERVE", "add_to_tiled", "replay_to_tiled"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_KEY = "TILED_API_KEY"
_SERVER_KEY = "TILED_SINGLE_USER_API_KEY"


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="base folder of the datasets"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen to (default: %(default)s, this computer only)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8000,
        help="port to listen to (default: %(default)s; 0: any that is free)",
    )
    access = parser.add_mutually_exclusive_group()
    access.add_argument(
        "--api-key",
        default=os.environ.get(_SERVER_KEY, ""),
        metavar="KEY",
        help=f"what clients have to know (default: {_SERVER_KEY}, or a random one)",
    )
    access.add_argument(
        "--public", action="store_true", help="let everybody read, without a key"
    )
    parser.add_argument(
        "--fill",
        action="store_true",
        help="serve what detectors wrote into other files too; opens those files",
    )
    parser.add_argument(
        "--open", action="store_true", help="open the page in a browser"
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"{port} is no port; they go to 65535")
    return port


def _serve(options: argparse.Namespace) -> int:
    from ..serving import Address, serve

    def ready(address: Address) -> None:
        print(f"Serving {options.directory}, and what is added to it.")
        print(f"  in a browser   {address.page}")
        print(f"  from Python    tiled.client.from_uri({address.uri!r})")
        print("Press Ctrl-C to stop.", flush=True)

    if options.public and options.host not in _LOOPBACK:
        print(
            f"pymo-bluesky: note: everybody who reaches {options.host} can read all "
            "datasets, and their key-less traffic is not encrypted",
            file=sys.stderr,
        )
    serve(
        options.directory,
        host=options.host,
        port=options.port,
        api_key=options.api_key,
        public=options.public,
        external=options.fill,
        browse=options.open,
        ready=ready,
    )
    print("Stopped.")
    return FINE


def add_to_tiled(parser: argparse.ArgumentParser) -> None:
    """Let documents be sent to a Tiled server."""
    parser.add_argument(
        "--to-tiled",
        metavar="URI",
        help="insert the runs into a Tiled server; those that it has are skipped",
    )
    parser.add_argument(
        "--api-key",
        metavar="KEY",
        help=f"of the Tiled server (default: that in URI, or in {_KEY})",
    )


def replay_to_tiled(options: argparse.Namespace) -> int:
    """Insert the runs of a dataset; tell what became of each."""
    from ..serving import insert

    live = sys.stderr.isatty()

    def progress(scan: str, done: int, total: int) -> None:
        if live:
            end = "\n" if done >= total else ""
            print(f"\r{scan}: {done} of {total} events", end=end, file=sys.stderr)

    bad = False
    for one in insert(
        options.file,
        options.to_tiled,
        api_key=options.api_key or os.environ.get(_KEY),
        scan=options.scan,
        progress=progress,
    ):
        if one.fine:
            print(one)
        else:
            tell_error(str(one))
            bad = True
    return PROBLEMS if bad else FINE


SERVE = Command(
    "serve",
    "serve a folder of datasets: a web page, and Tiled",
    "each scan is a BlueskyRun of the Tiled server, read from its file when it is "
    "asked for; needs the extra 'tiled'",
    _add_serve,
    _serve,
)
