"""The command `plot`: a scan as a picture in a file; knows no matplotlib."""

from __future__ import annotations

import argparse
import re
from itertools import chain, count
from pathlib import Path

from ..errors import NotFoundError
from .common import FINE, Command, one_dataset, scan_key

__all__ = ["PLOT"]


def _add_plot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the dataset")
    parser.add_argument(
        "scan",
        type=scan_key,
        nargs="?",
        default=-1,
        metavar="SCAN",
        help="its name (Scan001), place (0, -1) or the uid of its run; default: the "
        "last one",
    )
    parser.add_argument(
        "named",
        nargs="?",
        default="",
        metavar="DETECTOR",
        help="a detector, an actuator, a channel or an array; default: all detectors",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="PNG",
        help="the picture: .png, .svg, .pdf; default: FILE_SCAN.png in this folder",
    )
    parser.add_argument(
        "--at",
        type=_place,
        default=(),
        metavar="N,N",
        help="where frames are drawn, which are too many to draw all: an index for "
        "each dimension of the scan; default: in the middle",
    )


def _place(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _plot(options: argparse.Namespace) -> int:
    from ..plotting import save
    from ..reader import open_dataset

    with open_dataset(one_dataset(options.file)) as dataset:
        if not dataset.scans:
            raise NotFoundError(f"{dataset.path} holds no scan")
        scan = dataset.scans[options.scan]
        figure = scan.plot(options.named, at=options.at)
    words = (dataset.path.stem, scan.name.strip("/"), options.named)
    stem = re.sub(r"[^\w.-]+", "-", "_".join(word for word in words if word))
    print(save(figure, options.output or _free(stem)))
    return FINE


def _free(stem: str) -> Path:
    """A name in this folder that no file has."""
    names = chain([stem], (f"{stem}_{number}" for number in count(2)))
    return next(path for name in names if not (path := Path(f"{name}.png")).exists())


PLOT = Command(
    "plot",
    "draw a scan into a picture",
    "numbers over positions, maps, spectra, frames with their regions of interest; "
    "nothing is overwritten",
    _add_plot,
    _plot,
)
