"""Commands that measure and rescue: `demo` and `recover`."""

from __future__ import annotations

import argparse
from pathlib import Path

from .common import FINE, PROBLEMS, Command, add_compression, compression_chosen

__all__ = ["DEMO", "RECOVER"]


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
    add_compression(parser)


def _demo(options: argparse.Namespace) -> int:
    from ..demo import run_demo

    packed = compression_chosen(options)
    same = run_demo(options.out, layout=options.layout, **packed)
    return FINE if same else PROBLEMS


def _add_recover(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="a journal, or a folder of datasets"
    )


def _recover(options: argparse.Namespace) -> int:
    from ..recovery import recover

    results = recover(options.path)
    for result in results:
        print(result)
    if not results:
        print(f"{options.path}: there are no journals; nothing is lost")
    return PROBLEMS if any(result.journal.exists() for result in results) else FINE


DEMO = Command(
    "demo",
    "scan a simulated lab into a dataset",
    "a scan and a snaked grid scan of two actuators over a photodiode, a spectrometer "
    "and a camera, replayed, compared and drawn",
    _add_demo,
    _demo,
)
RECOVER = Command(
    "recover",
    "make scans of the journals that a crash left",
    "a run that was not recorded to its end is marked as such; the exit code is 1 when "
    "a journal had to be left where it is",
    _add_recover,
    _recover,
)
