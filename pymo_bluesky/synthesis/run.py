"""Bluesky documents of scans that PyMoDAQ itself wrote; knows no files.

Such a file holds no documents, so they are made from what it tells. Uids derive from
the scan: the same file gives the same documents everywhere. What the file does not
tell and was assumed is listed in ``start["pymodaq"]["guessed"]``.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from ..errors import FormatError
from ..layouts.dates import read_date
from ..model import Array, Branch, Scan
from .describing import allowed
from .stream import Document, Stream

__all__ = ["Carried", "Origin", "carried", "streams_of", "synthesise"]

_NAMESPACE = uuid.UUID("6d1f9a52-8a4e-5c0e-9d55-6f0b8f3d2c71")
_SAMPLE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a scan comes from.

    Attributes
    ----------
    layout, version
        Of the file.
    number
        Of the scan.
    attributes
        Of the dataset: author, sample…
    pictures
        Thumbnails (PNG) by path.
    guessed
        What was assumed already when the file was read.
    unknown
        Paths of nodes of the scan that were not understood.
    """

    layout: str
    version: str
    number: int
    attributes: Mapping[str, Any]
    pictures: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    guessed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def synthesise(
    scan: Scan, origin: Origin, *, pages: bool = False, events: bool = True
) -> Iterator[Document]:
    """The documents that a scan would have given.

    Parameters
    ----------
    scan
        What the file holds.
    origin
        Where it comes from.
    pages
        Give event pages in place of single events.
    events
        Whether to give events at all; without, data are hardly read.

    Yields
    ------
    tuple
        ``(name, document)``: a start, for each stream a descriptor and its events in
        the order of visiting (points that were not visited give none), a stop.
    """
    streams = streams_of(scan)
    uid = uuid.uuid5(_NAMESPACE, _fingerprint(scan))
    start = _start(scan, origin, streams, str(uid))
    yield "start", start
    last, counts = start["time"], dict[str, int]()
    for stream in streams:
        descriptor = _descriptor(stream, uid, start)
        yield "descriptor", descriptor
        if events:
            yield from stream.events(uid, descriptor["uid"], start["time"], pages)
        last = max(last, stream.ended(start["time"]))
        counts[stream.name] = len(stream.order)
    yield "stop", _stop(scan, streams, uid, last, counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """An array that the documents of a scan hold.

    Attributes
    ----------
    array
        The array; its first dimensions are the points of the scan.
    points
        Points along each navigation dimension.
    visited
        Flat points that are events: the documents hold the array's values there.
    """

    array: Array
    points: tuple[int, ...]
    visited: np.ndarray


def carried(scan: Scan) -> Iterator[Carried]:
    """The arrays whose values `synthesise` puts into events."""
    for stream in streams_of(scan):
        for column in stream.described.columns:
            if column.array is not None:
                yield Carried(
                    array=column.array,
                    points=stream.branch.shape,
                    visited=stream.order,
                )


def streams_of(scan: Scan) -> list[Stream]:
    """The streams that a scan has as a run.

    Parameters
    ----------
    scan
        What the file holds.
    """
    sub_type = str(scan.attributes.get("scan_sub_type") or "")
    return [Stream.of(branch, sub_type) for branch in _measured(scan)]


def _measured(scan: Scan) -> list[Branch]:
    """Branches that hold data; modules without go with the first one."""
    branches = [b for b in (scan.trunk, *scan.branches) if _holds_data(b)]
    if branches and branches[0] is not scan.trunk:  # a data logger
        modules = (*branches[0].modules, *scan.trunk.modules)
        branches[0] = replace(branches[0], modules=modules)
    return branches or [scan.trunk]


def _holds_data(branch: Branch) -> bool:
    return any(module.channels for module in branch.modules)


def _descriptor(
    stream: Stream, run: uuid.UUID, start: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "run_start": start["uid"],
        "uid": str(uuid.uuid5(run, stream.name)),
        "name": stream.name,
        **stream.described.descriptor(start["time"]),
    }


# ------------------------------------------------------------------ start and stop


def _start(
    scan: Scan, origin: Origin, streams: Sequence[Stream], uid: str
) -> dict[str, Any]:
    about = {**origin.attributes, **scan.attributes}
    time, guessed = _began(scan, about)
    start: dict[str, Any] = {"uid": uid, "time": time}
    start["scan_id"] = origin.number
    start["plan_type"] = "generator"  # what every RunEngine says; LiveTable needs it
    start["plan_name"] = str(about.get("plan_name") or _plan(scan, streams[0]))
    for key in ("author", "sample", "experiment_type", "description"):
        if isinstance(about.get(key), str) and about[key]:
            start[key] = about[key]
    start["detectors"] = [
        module.title
        for stream in streams
        for module in stream.branch.modules
        if module.kind == "detector" and module.channels
    ]
    start.update(streams[0].navigation())
    for stream in streams:
        guessed += stream.guessed
    start["pymodaq"] = {
        "version": origin.version,
        "layout": origin.layout,
        "scan_name": scan.name,
        "scan_type": str(about.get("scan_type") or ""),
        "scan_sub_type": str(about.get("scan_sub_type") or ""),
        "attributes": _plain(_own(scan)),
        "settings": scan.settings.decode("utf-8", "replace"),
        "guessed": [*origin.guessed, *guessed],
        **({"unknown": list(origin.unknown)} if origin.unknown else {}),
        **_declared(scan, streams),
        "thumbnails": [
            {"path": path, "png": base64.b64encode(data).decode()}
            for path, data in origin.pictures.items()
        ],
    }
    return start


def _declared(scan: Scan, streams: Sequence[Stream]) -> dict[str, Any]:
    """What recording the documents again needs, and what they leave out."""
    titles = _titles(scan)
    left_out = [label for stream in streams for label in stream.described.left_out]
    return {
        "actuators": _actuators(streams),
        **({"titles": titles} if titles else {}),
        **streams[0].declared(),
        **({"left_out": left_out} if left_out else {}),
    }


def _actuators(streams: Sequence[Stream]) -> list[str]:
    """Actuators, also those that were not moved: PyMoDAQ 5 tells all there are."""
    modules = (module for stream in streams for module in stream.branch.modules)
    titles = [module.title for module in modules if module.kind == "actuator"]
    return list(dict.fromkeys(titles))


def _titles(scan: Scan) -> dict[str, str]:
    """Titles of modules that cannot be names in documents, by what they are there."""
    modules = (module for b in (scan.trunk, *scan.branches) for module in b.modules)
    titles = {allowed(module.title): module.title for module in modules}
    return {name: title for name, title in titles.items() if name != title}


def _plan(scan: Scan, stream: Stream) -> str:
    """What the run did, in PyMoDAQ's words."""
    if scan.attributes.get("scan_type"):
        return str(scan.attributes["scan_type"])
    if stream.timed:
        return "continuous"
    return "scan" if scan.trunk.axes else "snapshot"


def _own(scan: Scan) -> dict[str, Any]:
    """Attributes of the scan itself, not those that repeat a module's settings."""
    titles = {m.title for b in (scan.trunk, *scan.branches) for m in b.modules}
    repeated = {f"{title}_settings" for title in titles}
    return {k: v for k, v in scan.attributes.items() if k not in repeated}


def _began(scan: Scan, about: Mapping[str, Any]) -> tuple[float, list[str]]:
    """When the scan began, in seconds since 1970, and what was assumed for it."""
    branches = (scan.trunk, *scan.branches)
    first = min((b.started for b in branches if b.started), default=0.0)
    date = read_date(about.get("date_time"))
    if first:
        times = scan.trunk.timestamps
        elapsed = np.nan if times is None else np.asarray(times.data[()], float)
        known = not np.all(np.isnan(elapsed))
        return first - (float(np.nanmin(elapsed)) if known else 0.0), []
    guessed = ["time: the file names no time zone; taken as UTC"]
    if date is None:
        date = read_date(f"{about.get('date')} {about.get('time')}")
        guessed.append("time: that of the file")
    if date is None:
        return 0.0, ["time: the file holds none; taken as 1970"]
    return date.replace(tzinfo=date.tzinfo or datetime.UTC).timestamp(), guessed


def _stop(
    scan: Scan,
    streams: Sequence[Stream],
    run: uuid.UUID,
    time: float,
    counts: Mapping[str, int],
) -> dict[str, Any]:
    expected = math.prod(streams[0].branch.shape)
    visited = counts[streams[0].name]
    whole = visited >= expected
    status = "success" if whole else ("abort" if visited else "fail")
    return {
        "uid": str(uuid.uuid5(run, "stop")),
        "run_start": str(run),
        "time": time,
        "exit_status": status,
        "reason": "" if whole else f"{visited} of {expected} points were visited",
        "num_events": dict(counts),
    }


def _plain(value: Any) -> Any:
    """Attributes as a document holds them; names there have no dots and slashes."""
    if isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value).items()
        return {
            str(k).replace(".", "_").replace("/", "_"): _plain(v)
            for k, v in items
            if not _is_picture(v)
        }
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast(Sequence[Any], value)]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray | np.generic):
        return _plain(cast(Any, value).tolist())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def _is_picture(value: Any) -> bool:
    return isinstance(value, bytes) and value.startswith(b"\x89PNG")


def _fingerprint(scan: Scan) -> str:
    """What tells a scan from all others: its metadata, and a little of its data.

    The file's name, the library that wrote it and its other scans have no part in it.
    """
    digest = hashlib.sha256()
    known = ("author", "date_time", "scan_type", "scan_sub_type", "description")
    about = {key: _plain(scan.attributes.get(key)) or "" for key in known}
    digest.update(json.dumps([scan.name, about], sort_keys=True).encode())
    for branch in (scan.trunk, *scan.branches):
        digest.update(repr((branch.title, branch.shape, branch.started)).encode())
        for axis in branch.axes:
            digest.update(repr((axis.label, axis.units)).encode())
            digest.update(_bytes(np.asarray(axis.values)[:_SAMPLE]))
        for module in branch.modules:
            digest.update(repr((module.kind, module.title)).encode())
            for channel in module.channels:
                for array in channel.arrays:
                    digest.update(repr((array.label, array.data.shape)).encode())
                    digest.update(_sample(array))
    return digest.hexdigest()


def _sample(array: Array) -> bytes:
    """The beginning of the first and of the middle row."""
    shape = array.data.shape
    if 0 in shape:
        return b""
    rows = {(0,) * (len(shape) - 1), tuple(n // 2 for n in shape[:-1])}
    keys = [(*row, slice(_SAMPLE)) for row in sorted(rows)] if shape else [()]
    try:
        return b"".join(_bytes(np.asarray(array.data[key])) for key in keys)
    except FormatError:  # a filter that is not installed, or damage
        return b""


def _bytes(values: np.ndarray) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()
