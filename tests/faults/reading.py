"""All that the reader gives of a file, as plain text: what the fuzzers compare."""

import contextlib
import hashlib
import io
import resource
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pymo_bluesky import PymoError, open_catalog
from pymo_bluesky.cli import main
from pymo_bluesky.reader import Scan, open_dataset, replay, validate
from pymo_bluesky.replaying.jsonl import to_line


def digest(path: str | Path, *, isolated: bool = False) -> list[str]:
    """Everything in a file, arrays as hashes; PymoError when it cannot be opened."""
    with open_dataset(path, isolated=isolated) as dataset:
        found = [repr(dataset), repr(dict(dataset.attributes)), *dataset.log]
        found += [_told(dataset.tree), repr(dataset.settings)]
        found += map(str, dataset.extras)
        for scan in dataset.scans:
            found += _scan(scan)
        found += map(str, dataset.problems)
    return found + [str(problem) for problem in validate(path, isolated=isolated)]


def everything(path: str | Path) -> dict:
    """What every way of reading a file tells; and the most memory that it took.

    Run in a worker: ``read`` is what `digest` gives, None when the file is refused.
    """
    before = _peak()
    try:
        found = {"read": digest(path), "refused": ""}
    except PymoError as error:
        found = {"read": None, "refused": str(error)}
    found["filled"] = _told(lambda: _documents(replay(path, fill=True)))
    found["pages"] = _told(lambda: _documents(replay(path, pages=True)))
    found["xarray"] = _told(lambda: _labelled(path))
    found["memory"] = _peak() - before
    found["terminal"] = list(_commands(str(path)))
    found["catalog"] = _told(lambda: _catalog(Path(path).parent))
    return found


def _labelled(path: str | Path) -> str:
    if not find_spec("xarray"):
        return ""
    scans = open_dataset(path).scans
    return "\n".join(_told(lambda scan=scan: repr(scan.to_xarray())) for scan in scans)


def _peak() -> int:
    """Bytes; of the whole process, so it only grows."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _scan(scan: Scan) -> Iterator[str]:
    yield repr(scan)
    yield repr(dict(scan.attributes))
    yield repr(scan.settings)
    yield repr(scan.rois)
    yield f"{scan.time} {sorted(scan.pictures)}"
    streams = [scan.trunk, *scan.streams.values()]
    for stream in streams:
        yield repr(stream)
        yield _told(lambda stream=stream: f"{stream.visited!r} {stream.visits!r}")
        for axis in stream.axes:
            yield f"{axis.label} {axis.units} {_array(axis.values)}"
        for module in stream.modules:
            yield f"{module!r} {module.settings!r} {module.history!r}"
            for channel in module.channels:
                parts = (*channel.arrays, *channel.errors, *channel.backgrounds)
                yield from (_array(part.data) for part in parts)
    yield _told(lambda: _documents(scan.documents()))


def _told(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except PymoError as error:
        return f"refused: {error}"


def _array(data) -> str:
    try:
        values = np.asarray(data[()])
    except PymoError as error:
        return str(error)
    return f"{values.dtype} {values.shape} {_hash(values.tobytes())}"


def _documents(documents) -> str:
    whole = hashlib.sha256()
    text = ""
    for name, doc in documents:
        line = to_line(name, doc)
        whole.update(line.encode())
        text += line if len(text) < 10_000 else ""
    return f"{whole.hexdigest()} {text}"


def _commands(path: str) -> Iterator[str]:
    """What the commands print; their exit codes are all that a user can be told."""
    for words in (
        ["ls", path],
        ["show", path, "--settings"],
        ["show", path],
        ["validate", path],
        ["replay", path],
        ["replay", path, "--jsonl", "-", "--fill"],
    ):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            status = main(words)
        assert status in (0, 1, 2), f"{words[0]} ended with {status}"
        yield printed.getvalue()


def _catalog(folder: Path) -> str:
    catalog = open_catalog(folder)
    found = [repr(catalog)]
    for run in list(catalog)[:20]:
        found.append(_told(lambda run=run: repr(run)))
        found.append(_told(lambda run=run: repr(dict(run.metadata["start"]))))
        found.append(_told(lambda run=run: _documents(run.documents())))
    return "\n".join(found)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
