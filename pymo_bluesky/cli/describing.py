"""Datasets as JSON: what `show --json` prints; knows no node names and no values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..replaying.jsonl import plain

if TYPE_CHECKING:
    from ..model import Array, Axis, Channel
    from ..reader import Dataset, Module, Scan, Stream
    from ..settings import Parameter

__all__ = ["dataset_about", "scan_about"]

About = dict[str, Any]


def dataset_about(dataset: Dataset, scans: Iterable[Scan]) -> About:
    """A dataset with some of its scans, in plain values."""
    return {
        "path": str(dataset.path),
        "layout": dataset.layout,
        "pymodaq_version": dataset.pymodaq_version,
        "attributes": plain(dataset.attributes),
        "settings": _parameter(dataset.settings),
        "scans": [scan_about(scan) for scan in scans],
        "log": dataset.log,
        "not_recognised": list(dataset.extras),
    }


def scan_about(scan: Scan) -> About:
    """A scan in plain values: all but what was measured."""
    return {
        "name": scan.name,
        "number": scan.number,
        "path": scan.path,
        "uid": scan.uid,
        "attributes": plain(scan.attributes),
        "settings": _parameter(scan.settings),
        "primary": _stream(scan.trunk),
        "streams": {name: _stream(stream) for name, stream in scan.streams.items()},
        "thumbnails": list(scan.pictures),
        "not_recognised": list(scan.extras),
    }


def _stream(stream: Stream) -> About:
    visited = stream.visited
    return {
        "shape": list(stream.shape),
        "visited": None if visited is None else int(np.count_nonzero(visited)),
        "axes": [_axis(axis) for axis in stream.axes],
        "modules": [_module(module) for module in stream.modules],
    }


def _module(module: Module) -> About:
    return {
        "kind": module.kind,
        "name": module.name,
        "title": module.title,
        "channels": [_channel(channel) for channel in module.channels],
        "rois": [plain(asdict(roi)) for roi in module.rois],
        "settings": _parameter(module.settings),
    }


def _channel(channel: Channel) -> About:
    return {
        "title": channel.title,
        "dimension": channel.dimension,
        "source": channel.source,
        "origin": channel.origin,
        "arrays": [_array(array) for array in channel.arrays],
        "errors": [_array(array) for array in channel.errors],
        "backgrounds": [_array(array) for array in channel.backgrounds],
        "axes": [_axis(axis) for axis in channel.axes],
    }


def _array(array: Array) -> About:
    return {
        "label": array.label,
        "units": array.units,
        "shape": list(array.data.shape),
        "dtype": str(array.data.dtype),
    }


def _axis(axis: Axis) -> About:
    values = np.asarray(axis.values)
    return {
        "label": axis.label,
        "units": axis.units,
        "index": axis.index,
        "size": values.size,
        "first": plain(values[0]) if values.size else None,
        "last": plain(values[-1]) if values.size else None,
    }


def _parameter(parameter: Parameter | None) -> About | None:
    if parameter is None:
        return None
    about: About = {
        "name": parameter.name,
        "title": parameter.title,
        "type": parameter.type,
    }
    if parameter.value is not None:
        about["value"] = plain(parameter.value)
    if parameter.units:
        about["units"] = parameter.units
    if parameter.children:
        about["children"] = [_parameter(child) for child in parameter.children]
    return about
