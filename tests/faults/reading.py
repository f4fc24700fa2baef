"""All that the reader gives of a file, as plain text: what the fuzzers compare."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pymo_bluesky import PymoError
from pymo_bluesky.reader import Scan, open_dataset, validate
from pymo_bluesky.replaying.jsonl import to_line


def digest(path: str | Path) -> list[str]:
    """Everything in a file, arrays as hashes; PymoError when it cannot be opened."""
    with open_dataset(path) as dataset:
        found = [repr(dataset), repr(dict(dataset.attributes)), *dataset.log]
        found += [dataset.tree(), *map(str, dataset.extras)]
        for scan in dataset.scans:
            found += _scan(scan)
        found += map(str, dataset.problems)
    return found + [str(problem) for problem in validate(path)]


def _scan(scan: Scan) -> Iterator[str]:
    yield repr(scan)
    yield repr(dict(scan.attributes))
    streams = [scan.trunk, *scan.streams.values()]
    for stream in streams:
        yield f"{stream!r} {stream.visited!r} {stream.visits!r}"
        for module in stream.modules:
            for channel in module.channels:
                parts = (*channel.arrays, *channel.errors, *channel.backgrounds)
                yield from (_array(part.data) for part in parts)
    yield _documents(scan)


def _array(data) -> str:
    try:
        values = np.asarray(data[()])
    except PymoError as error:
        return str(error)
    return f"{values.dtype} {values.shape} {_hash(values.tobytes())}"


def _documents(scan: Scan) -> str:
    try:
        return _hash("".join(to_line(n, d) for n, d in scan.documents()).encode())
    except PymoError as error:
        return str(error)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
