"""Datasets and scans as trees of text; knows no files and no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FormatError
from ..model import Array, Axis, Channel
from ..twigs import Twig
from .stream import Module, Stream, times

if TYPE_CHECKING:
    from ..settings import Parameter
    from .dataset import Dataset
    from .scan import Scan

__all__ = ["dataset_twig", "scan_twig"]


def dataset_twig(dataset: Dataset, *, settings: bool = True) -> Twig:
    """A dataset as a tree: its scans, its log, what else lies in it.

    Parameters
    ----------
    dataset
        What to show.
    settings
        Whether the settings of the modules are shown too.
    """
    about = dataset.attributes
    keys = ("author", "sample", "date_time")
    words = [
        dataset.layout,
        f"PyMoDAQ {dataset.pymodaq_version or 'of unknown version'}",
        *(str(about[key]) for key in keys if about.get(key)),
    ]
    twigs = [scan_twig(scan, settings=settings) for scan in dataset.scans]
    if dataset.log:
        twigs.append(Twig("log", tuple(map(_line, dataset.log)), folded=True))
    twigs += [Twig(f"not recognised: {path}") for path in dataset.extras]
    return Twig(f"{dataset.path.name}  ({', '.join(words)})", tuple(twigs))


def scan_twig(scan: Scan, *, settings: bool = True) -> Twig:
    """A scan as a tree: its axes, modules, ROIs, other streams.

    Parameters
    ----------
    scan
        What to show.
    settings
        Whether the settings of the modules are shown too.
    """
    about = scan.attributes
    keys = ("scan_type", "scan_sub_type", "plan_name", "date_time", "exit_status")
    words = [str(about[key]) for key in keys if about.get(key)]
    parts = list(_stream(scan.trunk, settings))
    parts += [
        Twig(f"stream {name}: {_points(stream)}", tuple(_stream(stream, settings)))
        for name, stream in scan.streams.items()
    ]
    if settings and scan.settings:
        parts.append(_settings(scan.settings))
    parts += [Twig(f"not recognised: {path}") for path in scan.extras]
    head = f"{scan.name}  {', '.join(words)}" if words else scan.name
    return Twig(f"{head}  {_points(scan.trunk)}", tuple(parts))


def _points(stream: Stream) -> str:
    if not stream.shape:
        return "one point"
    points = f"{' x '.join(map(str, stream.shape))} points"
    try:
        visited = stream.visited
    except FormatError as error:
        return f"{points}, which were visited is not known: {error}"
    if visited is None or visited.all():
        return points
    return f"{points}, {visited.sum()} visited"


def _stream(stream: Stream, settings: bool) -> Iterator[Twig]:
    for axis in stream.axes:
        yield _axis(axis)
    for module in stream.modules:
        yield _module(module, settings)


def _module(module: Module, settings: bool) -> Twig:
    """A module as a tree: its channels, ROIs and settings."""
    twigs = [_channel(channel) for channel in module.channels]
    twigs += [roi.twig() for roi in module.rois]
    if settings and module.settings:
        twigs.append(_settings(module.settings))
    title = "" if module.title == module.name else f"  {module.kind} {module.title}"
    return Twig(f"{module.name}{title}", tuple(twigs))


def _channel(channel: Channel) -> Twig:
    twigs = [_array(array) for array in channel.arrays]
    twigs += [_array(array, "error of ") for array in channel.errors]
    twigs += [_array(array, "background of ") for array in channel.backgrounds]
    twigs += [_axis(axis) for axis in channel.axes]
    note = ", calculated" if channel.source == "calculated" else ""
    return Twig(f"{channel.title} ({channel.dimension}{note})", tuple(twigs))


def _array(array: Array, what: str = "") -> Twig:
    units = f" in {array.units}" if array.units else ""
    return Twig(
        f"{what}{array.label}: {times(array.data.shape)}, {array.data.dtype}{units}"
    )


def _axis(axis: Axis) -> Twig:
    values = np.asarray(axis.values)
    ends = f", {values[0]:.10g} to {values[-1]:.10g}" if values.size else ""
    units = f" {axis.units}" if axis.units else ""
    return Twig(f"axis {axis.label or axis.index}: {values.size} values{ends}{units}")


def _settings(settings: Parameter) -> Twig:
    return Twig("settings", settings.twig().twigs, folded=True)


def _line(text: str) -> Twig:
    return Twig(text.replace("\n", " "))
