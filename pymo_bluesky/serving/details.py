"""One scan as a page shows it: streams, channels, settings, ROIs; knows no web."""

from __future__ import annotations

import json
from typing import Any

from ..model import Branch
from ..reading import Module
from ..settings import Parameter, Roi
from .plots import dimensions_of, drawn_as, first_channel
from .runs import RunData, safe

__all__ = ["branches_of", "details_of", "pictures_of", "rois_of"]

_LONGEST = 2000


def branches_of(data: RunData) -> list[Branch]:
    """The streams of a scan in the words of its file, the scanned one first."""
    scan = data.scan.assembled.scan
    return [scan.trunk, *scan.branches]


def details_of(data: RunData) -> dict[str, Any]:
    """What a page tells of one scan, but for its numbers."""
    branches = branches_of(data)
    return {
        "metadata": data.metadata,
        "streams": [_stream(branch) for branch in branches],
        "modules": [
            _module(branch, number)
            for branch in branches
            for number in range(len(branch.modules))
        ],
        "settings": _tree(data.scan.settings),
        "problems": [str(problem) for problem in data.scan.problems],
        "bytes": data.stamp.size,
        "pictures": len(pictures_of(data)),
        "first": first_channel(branches),
    }


def pictures_of(data: RunData) -> list[bytes]:
    """Thumbnails (PNG) that the file holds of the scan, the scan's own first."""
    found = data.scan.pictures
    own = data.scan.path.count("/") + 1  # those of the scan itself are above the others
    paths = sorted(found, key=lambda path: (path.count("/") > own, path))
    return [found[path] for path in paths if found[path].startswith(b"\x89PNG")]


def rois_of(branch: Branch, module: int) -> tuple[Roi, ...]:
    """Regions of interest of one detector."""
    return Module(branch.modules[module], "").rois


def _stream(branch: Branch) -> dict[str, Any]:
    return {
        "name": branch.title,
        "shape": list(branch.shape),
        "axes": [{"label": a.label, "units": a.units} for a in branch.axes],
        "modules": [
            {
                "title": module.title,
                "kind": module.kind,
                "channels": [_channel(branch, channel) for channel in module.channels],
            }
            for module in branch.modules
        ],
    }


def _channel(branch: Branch, channel: Any) -> dict[str, Any]:
    dimensions = dimensions_of(branch, channel) if channel.arrays else []
    return {
        "title": channel.title,
        "dimension": channel.dimension,
        "calculated": channel.source == "calculated",
        "arrays": [a.label for a in channel.arrays],
        "shape": [len(d.values) for d in dimensions],
        "ways": drawn_as(branch, dimensions) if channel.arrays else [],
    }


def _module(branch: Branch, number: int) -> dict[str, Any]:
    module = Module(branch.modules[number], "")
    return {
        "title": module.title,
        "kind": module.kind,
        "stream": branch.title,
        "settings": _tree(module.settings),
        "rois": [_roi(roi) for roi in module.rois],
    }


def _roi(roi: Roi) -> dict[str, Any]:
    return {
        "name": roi.name,
        "type": roi.roi_type,
        "centre": list(roi.centre),
        "size": list(roi.size) if roi.size else None,
        "angle": roi.angle,
        "unit": roi.unit,
        "function": roi.math_function,
        "of": list(roi.use_channel),
        "color": list(roi.color[:3]),
        "enabled": roi.enabled,
    }


def _tree(parameter: Parameter | None) -> dict[str, Any] | None:
    if parameter is None:
        return None
    return {
        "title": parameter.title,
        "value": _shown(parameter.value),
        "units": parameter.units,
        "children": [_tree(child) for child in parameter.children],
    }


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    plain = safe(value)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
